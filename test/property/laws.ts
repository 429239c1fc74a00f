import assert from "node:assert/strict";
import { analysisOf, stepWeights } from "../../api/index.ts";
import type { Action, Observation } from "../../controller/decide/types.ts";
import type { World } from "../unit/decide/world.ts";

/** What the laws need to remember of a story. */
export interface Ledger {
  /** Revisions whose last round of checks was good. */
  readonly passed: Set<string>;
  readonly accepted: Set<string>;
}

/** The laws, at every action. */
export function hold(
  world: World,
  action: Action,
  seen: Observation,
  answers: Observation["answers"],
  ledger: Ledger,
): void {
  if (action.kind === "shift" || (action.kind === "ensure" && action.object === "route")) {
    const traffic = action.kind === "shift" ? action.traffic : action.traffic;
    assert.ok(traffic !== undefined, "a route is written with its weights");
    for (const share of [traffic.primary, traffic.canary])
      assert.ok(Number.isInteger(share) && share >= 0 && share <= 100, "law 1: whole percents");
    assert.equal(traffic.primary + traffic.canary, 100, "law 1: weights sum to 100");
    if (traffic.canary > 0 && analysisOf(seen.canary).sessionAffinity !== undefined)
      assert.ok(seen.canary.status?.sessionAffinityCookie, "law 9: nobody gets a cookie that the status does not know");
    const before = seen.traffic !== undefined && "primary" in seen.traffic ? seen.traffic : undefined;
    if (before !== undefined && traffic.canary > before.canary && action.kind === "shift")
      assert.ok((seen.target?.available ?? 0) > 0, "law 2: nobody is routed to an empty canary");
    if (before !== undefined && traffic.primary > before.primary && action.kind === "shift")
      assert.ok((seen.primary?.available ?? 0) > 0, "law 2: nobody is routed to an empty primary");
  }
  if (action.kind === "shift" && seen.canary.status?.phase === "Finalising" && !lately(world, seen))
    assert.ok((world.primary?.replicas ?? 0) >= (seen.primaryFloor ?? 0), "a primary is sized before everybody comes");
  if (action.kind === "scaleTarget" && action.replicas > 0 && world.scaler.kind === "keda" && !world.deleting)
    assert.equal(seen.sourceScaler, "running", "an autoscaler that is paused would empty the canary again");
  if (action.kind === "scaleTarget" && action.replicas === 0) {
    const traffic = world.traffic;
    assert.ok(
      traffic === undefined || traffic.canary === 0 || world.provider === "kubernetes" || lately(world, seen),
      "law 2: a canary with traffic is not taken away",
    );
    assert.ok((world.primary?.revision ?? "") !== "", "law 2: the target goes only where a primary is");
  }
  if (action.kind === "promote") {
    assert.ok(
      seen.canary.status?.phase === "Initializing" || ledger.passed.has(action.revision),
      `law 3: ${action.revision} was promoted without good checks`,
    );
  }
  if (action.kind === "mend") {
    assert.equal(
      action.revision,
      seen.canary.status?.lastPromotedSpec,
      "law 3: only what was promoted is written again",
    );
    assert.equal(seen.primary?.altered, "drifted", "pods are not replaced without need, nor against who may");
  }
  if (action.kind === "status") judgeStatus(action, seen, answers, ledger);
}

/** Somebody edited the route behind the observation's back. */
function lately(world: World, seen: Observation): boolean {
  return JSON.stringify(world.traffic) !== JSON.stringify(seen.traffic);
}

function judgeStatus(
  action: Extract<Action, { kind: "status" }>,
  seen: Observation,
  answers: Observation["answers"],
  ledger: Ledger,
): void {
  const before = seen.canary.status ?? {};
  const after = action.status;
  const metrics = Object.values(answers).filter((each) => each.kind === "metric");
  const good =
    metrics.length > 0 &&
    metrics.every((each) => each.readings.every(({ sample }) => sample.kind === "value" && sample.value >= 99));
  if (after.phase === "Promoting" && before.phase !== "Promoting") {
    const waited = before.phase === "WaitingPromotion" && ledger.passed.has(after.lastAppliedSpec ?? "");
    assert.ok(good || waited, "law 3: promotion needs a good last round");
    ledger.passed.add(after.lastAppliedSpec ?? "");
  }
  if (after.phase === "WaitingPromotion" && good) ledger.passed.add(after.lastAppliedSpec ?? "");
  if ((after.failedChecks ?? 0) > (before.failedChecks ?? 0) || after.lastAppliedSpec !== before.lastAppliedSpec)
    ledger.passed.delete(after.lastAppliedSpec ?? "");
  const rise = (after.canaryWeight ?? 0) - (before.canaryWeight ?? 0);
  if (rise > 0 && after.phase === "Progressing") {
    const next = stepWeights(seen.canary).find((weight) => weight > (before.canaryWeight ?? 0));
    assert.equal(after.canaryWeight, next, "law 1: weights rise by the plan");
    assert.equal(after.failedChecks, before.failedChecks, "law 1: no step on a failed check");
  }
  const { sessionAffinityCookie: carried, previousSessionAffinityCookie: over } = before;
  if (after.sessionAffinityCookie && carried)
    assert.equal(after.sessionAffinityCookie, carried, "law 9: who is on the canary stays there");
  if (after.sessionAffinityCookie && !carried)
    assert.notEqual(after.sessionAffinityCookie, over, "law 9: every run has a cookie of its own");
  if (!after.sessionAffinityCookie && carried)
    assert.equal(after.previousSessionAffinityCookie, carried, "law 9: what was handed out is taken away");
  if (after.phase === "Failed" && before.phase === "Progressing")
    assert.equal(after.canaryWeight, 0, "law 1: a failure takes everything back in one step");
}
