import { alertText, eventText, isOurRevision, templatePart } from "../../api/index.ts";
import { convergeTraffic, gaveUp, namesOf, notReady, repairs, whileUnreached } from "./converge.ts";
import { allToCanary, allToPrimary, plannedTraffic } from "./plan.ts";
import { alert, drift, milestone, perform, tell, warn } from "./round.ts";
import { hold, holdForTarget, writeStatus } from "./status.ts";
import type { Action, Decision, Observation, Workload } from "./types.ts";
import { givenReplicas } from "./wishes.ts";

/**
 * From the user's bare workload to primary and canary, without losing a request: the primary must serve before the apex
 * Service turns to it, and the Service must have its endpoints before the target goes to zero (which the next phase does).
 */
export function initializing(seen: Observation): Decision {
  const { canary, target, primary } = seen;
  if (target === undefined) return targetMissing(seen);
  if ((canary.status?.phase ?? "") !== "Initializing") return begin(seen);
  const before = missing(seen, ["canaryService", "primaryService"]);
  if (before.length > 0) return perform(...before);
  const early = primary === undefined ? routeBeforePods(seen) : undefined;
  if (early !== undefined) return early;
  if (primary === undefined) return perform({ kind: "ensure", object: "primary" });
  if (!primary.readiness.ready) return primaryUnready(seen, target, primary);
  return turnTraffic(seen, target, primary);
}

/** The target is gone. Nobody is left waiting for its pods; the release begins again with what comes back. */
export function targetMissing(seen: Observation): Decision {
  const { canary, primary, provider } = seen;
  const { target, namespace } = namesOf(canary);
  if (plannedTraffic(canary, provider).canary > 0)
    return perform(...writeStatus(seen, { canaryWeight: 0, iterations: 0 }));
  if (canary.status?.lastPromotedSpec !== undefined && primary !== undefined) {
    const turn = convergeTraffic(seen);
    if (turn !== undefined) return turn;
  }
  const kind = canary.spec.targetRef.kind.toLowerCase();
  return holdForTarget(seen, `${kind} ${target}.${namespace} get query error: ${kind}s "${target}" not found`);
}

function begin(seen: Observation): Decision {
  const probe = { id: "providers", kind: "providers" } as const;
  const answer = seen.answers[probe.id];
  if (answer === undefined) return { actions: [], questions: [probe] };
  const error = answer.kind === "providers" ? answer.error : undefined;
  const news = error === undefined ? tell(eventText.metricsAvailable()) : warn(eventText.metricsUnavailable(error));
  return perform(
    ...writeStatus(seen, { phase: "Initializing", canaryWeight: 0, iterations: 0, failedChecks: 0 }),
    news,
  );
}

/**
 * Pods of App Mesh get their proxy only from a virtual node that is there before them. The target keeps serving through it until the
 * primary can.
 */
function routeBeforePods({ provider, objects }: Observation): Decision | undefined {
  return provider.startsWith("appmesh") && objects.route === "absent"
    ? perform({ kind: "ensure", object: "route", traffic: allToCanary })
    : undefined;
}

/** A first revision that cannot start is replaced by the next one; until then the target keeps serving, untouched. */
function primaryUnready(seen: Observation, target: Workload, primary: Workload): Decision {
  if (gaveUp(primary.readiness) && primary.revision !== target.revision)
    return perform({ kind: "promote", revision: target.revision });
  return holdBack(seen, target, primary) ?? notReady(seen, primary);
}

/** A change that came by while no webhook was up: the target's old pods are all that serves, and the rest of them stay. */
function holdBack(seen: Observation, target: Workload, primary: Workload): Decision | undefined {
  const changed = isOurRevision(primary.revision) && templatePart(target.revision) !== templatePart(primary.revision);
  if (!changed || target.unjudged !== true || target.held === true || target.available === 0) return undefined;
  const { target: name, namespace } = namesOf(seen.canary);
  return perform({ kind: "hold", revision: target.revision }, drift("target", eventText.heldBack(name, namespace)));
}

function turnTraffic(seen: Observation, target: Workload, primary: Workload): Decision {
  const { canary } = seen;
  const { name, namespace } = namesOf(canary);
  // Without an apex Service to be turned, it is the route that brings callers, at once.
  const early = seen.objects.apexService === "none" ? whileUnreached(seen, seen.endpoints.primary) : undefined;
  if (early !== undefined) return early;
  const actions = repairs(seen).map((action) =>
    action.kind === "ensure" && action.object === "route" ? { ...action, traffic: allToPrimary } : action,
  );
  if (actions.length > 0) return perform(...actions);
  if (seen.traffic !== undefined && !("primary" in seen.traffic)) return hold(seen, seen.traffic.notAccepted);
  const unreached = whileUnreached(seen, seen.endpoints.primary);
  if (unreached !== undefined) return unreached;
  return perform(
    ...writeStatus(seen, {
      phase: "Initialized",
      lastAppliedSpec: primary.revision,
      lastPromotedSpec: primary.revision,
      release: givenReplicas(target),
      // Tracked from the beginning: whatever the target holds by now is a change.
      ...(seen.configs === undefined ? {} : { trackedConfigs: seen.configs }),
      canaryWeight: 0,
      iterations: 0,
      failedChecks: 0,
    }),
    milestone("Initialized", tell(eventText.initialized(name, namespace))),
    alert("info", alertText.initialized(canary.spec.targetRef.kind), true),
  );
}

function missing(seen: Observation, objects: readonly ("canaryService" | "primaryService")[]): Action[] {
  return objects
    .filter((object) => seen.objects[object] === "absent" || seen.objects[object] === "differs")
    .map((object) => ({ kind: "ensure", object }));
}
