import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../../../controller/decide/decide.ts";
import type { Observation } from "../../../controller/decide/types.ts";
import { aWorld, observe, pass, runToRest, settlePods, type World } from "./world.ts";

const hourMs = 3_600_000;

function atWeight(weight: number): World {
  const world = aWorld({ stepWeight: 10, maxWeight: 50 });
  runToRest(world, decide);
  if (world.target !== undefined) world.target.revision = "w1:b";
  for (let count = 0; count < 200 && world.traffic?.canary !== weight; count++) {
    const decision = pass(world, { decide });
    settlePods(world);
    if (decision.actions.length === 0) world.now += decision.wakeAfterMs ?? 0;
  }
  return world;
}

test("a clock that is set back does not stop a release", () => {
  const world = atWeight(20);
  world.now -= hourMs;
  const decision = decide(observe(world));
  assert.ok(decision.questions.length > 0 || (decision.wakeAfterMs ?? hourMs) <= 20_000);
  const before = world.now;
  runToRest(world, decide);
  assert.equal(world.status?.phase, "Succeeded");
  assert.ok(world.now - before < 300_000, "and does not slow it down");
});

test("an interval that is edited counts from now on", () => {
  const world = atWeight(20);
  world.spec = { ...world.spec, analysis: { ...world.spec.analysis, interval: "1h" } } as typeof world.spec;
  assert.ok((decide(observe(world)).wakeAfterMs ?? 0) > hourMs - 10_000);
  world.spec = { ...world.spec, analysis: { ...world.spec.analysis, interval: "1s" } } as typeof world.spec;
  assert.ok((decide(observe(world)).wakeAfterMs ?? 0) <= 1_000);
});

test("endpoints that do not come are looked for less often after a moment, and the user is told", () => {
  const world = aWorld();
  runToRest(world, decide);
  if (world.target !== undefined) world.target.revision = "w1:b";
  for (let count = 0; count < 4; count++) {
    pass(world, { decide });
    if (world.target !== undefined) Object.assign(world.target, { health: "ready", available: 0 });
  }
  assert.ok((pass(world, { decide }).wakeAfterMs ?? 0) <= 200);
  world.now += 5_000;
  const asked = world.events.length;
  for (let count = 0; count < 5; count++) {
    const { wakeAfterMs = 0 } = pass(world, { decide });
    assert.ok(wakeAfterMs >= 1_000, `${wakeAfterMs}`);
    world.now += wakeAfterMs;
  }
  assert.deepEqual(world.events.slice(asked), ["Service podinfo-canary.test has no ready endpoints"]);
});

test("the answer that failed the last round does not make the next one due", () => {
  const world = aWorld();
  runToRest(world, decide);
  if (world.target !== undefined) world.target.revision = "w1:b";
  world.metricsGood = false;
  let answers: Observation["answers"] = {};
  for (let count = 0; count < 20 && world.status?.failedChecks !== 1; count++) {
    pass(world, { decide, onAction: (_action, _seen, given) => (answers = given) });
    settlePods(world);
  }
  assert.ok(Object.keys(answers).length > 0);
  const again = decide({ ...observe(world), answers });
  assert.deepEqual(again.questions, []);
  assert.ok((again.wakeAfterMs ?? 0) > 5_000);
});

test("two hooks of one name are two questions: the good one does not answer for the bad one", () => {
  const world = atWeight(20);
  const hook = { name: "load", type: "rollout", url: "http://tester/" } as const;
  world.spec = {
    ...world.spec,
    analysis: {
      ...world.spec.analysis,
      webhooks: [
        { ...hook, metadata: { cmd: "false" } },
        { ...hook, metadata: { cmd: "true" } },
      ],
    },
  } as typeof world.spec;
  world.now += 20_000;
  const ids = decide(observe(world)).questions.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
});

test("a workload that lost its traffic is kept for as long as was asked for, though times are kept in whole seconds", () => {
  const world = atWeight(20);
  world.metricsGood = false;
  while (world.status?.phase !== "Failed") {
    const decision = pass(world, { decide });
    world.now += decision.actions.length === 0 ? (decision.wakeAfterMs ?? 0) : 0;
    if (world.status?.failedChecks === 2) world.now += 700;
  }
  const failedAt = world.now;
  while (world.target?.replicas !== 0) world.now += pass(world, { decide }).wakeAfterMs ?? 0;
  assert.ok(world.now - failedAt >= 3_000, `${world.now - failedAt}`);
});
