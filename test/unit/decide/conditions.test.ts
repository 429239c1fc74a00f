import assert from "node:assert/strict";
import { test } from "node:test";
import type { Canary } from "../../../api/index.ts";
import { decide } from "../../../controller/decide/decide.ts";
import { aWorld, observe, runToRest, type World } from "./world.ts";

/** What kstatus makes of the conditions: the rule by which `kubectl wait`-like tools (Flux, Argo, Helm) decide when to stop waiting. */
function kstatus({ status }: Pick<World, "status">): string {
  const conditions = status?.conditions ?? [];
  const is = (type: string): string | undefined => conditions.find((each) => each.type === type)?.status;
  if (is("Reconciling") === "True") return "InProgress";
  if (is("Stalled") === "True") return "Failed";
  return is("Ready") === "True" ? "Current" : "InProgress";
}

function released(spoil: (world: World) => void): World {
  const world = aWorld({ stepWeight: 50, maxWeight: 50 });
  runToRest(world, decide);
  if (world.target !== undefined) world.target.revision = "w1:b";
  spoil(world);
  runToRest(world, decide);
  return world;
}

test("a release that succeeded is current, one that failed has failed: nobody goes on waiting", () => {
  const good = released(() => undefined);
  assert.equal(kstatus(good), "Current");
  const bad = released((world) => {
    world.metricsGood = false;
  });
  assert.equal(bad.status?.phase, "Failed");
  assert.equal(kstatus(bad), "Failed");
});

test("the next release after a failed one is in progress again", () => {
  const world = released((each) => {
    each.metricsGood = false;
  });
  if (world.target !== undefined) world.target.revision = "w1:c";
  const seen: string[] = [];
  world.metricsGood = true;
  runToRest(world, decide, 400, (action) => {
    if (action.kind === "status") seen.push(kstatus({ status: action.status }));
  });
  assert.deepEqual([...new Set(seen)], ["InProgress", "Current"]);
});

test("a canary taken over from another system is not released, unless its primary runs another template", () => {
  for (const differs of [false, true]) {
    const world = released(() => undefined);
    world.status = { ...world.status, lastAppliedSpec: "5d4c9b", lastPromotedSpec: "5d4c9b" };
    Object.assign(world.primary ?? {}, { revision: "foreign" });
    const seen = observe(world);
    assert.ok(seen.primary);
    const { actions } = decide({ ...seen, primary: { ...seen.primary, ...(differs ? { differs } : {}) } });
    const status = actions.find((action) => action.kind === "status")?.status;
    assert.equal(status?.phase, differs ? "Progressing" : "Succeeded");
    assert.equal(status?.lastPromotedSpec, differs ? "5d4c9b" : "w1:b");
  }
});

test("a failed canary taken over from another system keeps its primary: what was never promoted does not become the promoted", () => {
  const world = released(() => undefined);
  const foreign: NonNullable<Canary["status"]> = {
    ...world.status,
    phase: "Failed",
    lastAppliedSpec: "5d4c9b",
    lastPromotedSpec: "78f6d4",
  };
  world.status = foreign;
  Object.assign(world.primary ?? {}, { revision: "foreign" });
  Object.assign(world.target ?? {}, { revision: "w1:failed" });
  runToRest(world, decide);
  assert.deepEqual([world.status?.phase, world.primary?.revision], ["Failed", "foreign"]);
  world.deleting = true;
  runToRest(world, decide, 40);
  assert.equal(world.handedTo, "primary");
});
