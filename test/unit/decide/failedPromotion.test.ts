import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../../../controller/decide/decide.ts";
import { aWorld, pass, runToRest, settlePods, type World } from "./world.ts";

/** Revision b was analysed and copied, and does not come up as primary: everybody is on the canary, where the provider can do that. */
function afterFailedPromotion(analysis: Parameters<typeof aWorld>[0], provider?: string): World {
  const world = aWorld(analysis, provider);
  runToRest(world, decide);
  if (world.target !== undefined) world.target.revision = "w1:b";
  for (let count = 0; count < 200 && world.status?.phase !== "Failed"; count++) {
    const decision = pass(world, { decide });
    if (world.primary?.revision === "w1:b") Object.assign(world.primary, { health: "gaveUp", available: 0 });
    settlePods(world);
    if (decision.actions.length === 0) world.now += decision.wakeAfterMs ?? 0;
  }
  assert.equal(world.status?.phase, "Failed");
  assert.equal(world.primary?.revision, "w1:b");
  pass(world, { decide });
  return world;
}

const settings = {
  "by weight": afterFailedPromotion.bind(undefined, { stepWeight: 50, maxWeight: 50 }),
  "blue/green behind a gateway": afterFailedPromotion.bind(undefined, { iterations: 2 }),
  "by headers": afterFailedPromotion.bind(undefined, {
    iterations: 2,
    match: [{ headers: { "x-canary": { exact: "insider" } } }],
  }),
  "blue/green by Services": afterFailedPromotion.bind(undefined, { iterations: 2 }, "kubernetes"),
};

for (const [name, failed] of Object.entries(settings)) {
  for (const [what, revision] of [
    ["a fix", "w1:c"],
    ["the revision before", "w1:a"],
  ] as const) {
    test(`after a failed promotion ${what} is released, ${name}`, () => {
      const world = failed();
      const weights = new Set<number>();
      if (world.target !== undefined) world.target.revision = revision;
      runToRest(world, decide, 400, () => {
        if (world.primary?.revision === "w1:b" && world.traffic !== undefined) weights.add(world.traffic.canary);
      });
      assert.equal(world.status?.phase, "Succeeded");
      assert.equal(world.primary?.revision, revision);
      assert.equal(world.status?.lastPromotedSpec, revision);
      if (world.provider !== "kubernetes") assert.deepEqual([...weights], [100], "nobody went to the broken primary");
    });
  }
}

test("a fix that waits at a closed gate, or is replaced by another one, leaves everybody on the healthy canary", () => {
  const world = settings["by weight"]();
  world.spec = {
    ...world.spec,
    analysis: { ...world.spec.analysis, webhooks: [{ name: "go", type: "confirm-rollout", url: "http://tester/" }] },
  } as typeof world.spec;
  world.gatesOpen = false;
  if (world.target !== undefined) world.target.revision = "w1:c";
  pass(world, { decide });
  assert.equal(world.status?.phase, "Waiting");
  world.gatesOpen = true;
  pass(world, { decide });
  assert.deepEqual([world.status?.phase, world.status?.canaryWeight], ["Progressing", 100]);
  if (world.target !== undefined) world.target.revision = "w1:d";
  pass(world, { decide });
  assert.deepEqual([world.status?.lastAppliedSpec, world.status?.canaryWeight], ["w1:d", 100]);
  if (world.target !== undefined) world.target.revision = "w1:a";
  pass(world, { decide });
  assert.deepEqual([world.status?.phase, world.status?.canaryWeight], ["Progressing", 100]);
});

test("a target that goes back between the decision to promote and the copy ends the release", () => {
  const world = aWorld({ stepWeight: 50, maxWeight: 50 });
  runToRest(world, decide);
  if (world.target !== undefined) world.target.revision = "w1:b";
  for (let count = 0; count < 100 && world.status?.phase !== "Promoting"; count++) {
    const decision = pass(world, { decide });
    settlePods(world);
    world.now += decision.wakeAfterMs ?? 0;
  }
  if (world.target !== undefined) world.target.revision = "w1:a";
  pass(world, { decide });
  assert.equal(world.status?.phase, "Succeeded");
  assert.equal(world.status?.canaryWeight, 0);
});

test("a promoted primary that breaks before the canary was taken away leaves everybody on the healthy canary", () => {
  const world = aWorld({ stepWeight: 50, maxWeight: 50 });
  runToRest(world, decide);
  if (world.target !== undefined) world.target.revision = "w1:b";
  for (let count = 0; count < 100 && world.status?.phase !== "Finalising"; count++) {
    const decision = pass(world, { decide });
    settlePods(world);
    world.now += decision.actions.length === 0 ? (decision.wakeAfterMs ?? 0) : 0;
  }
  if (world.primary !== undefined) Object.assign(world.primary, { health: "gaveUp", available: 0 });
  for (let count = 0; count < 3; count++) pass(world, { decide });
  assert.deepEqual([world.status?.phase, world.traffic?.canary, world.target?.available], ["Failed", 100, 2]);
});
