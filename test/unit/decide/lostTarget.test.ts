import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../../../controller/decide/decide.ts";
import { aWorld, observe, pass, runToRest, settlePods, type World } from "./world.ts";

function midRelease(analysis: Parameters<typeof aWorld>[0], until: (world: World) => boolean): World {
  const world = aWorld(analysis);
  runToRest(world, decide);
  if (world.target !== undefined) world.target.revision = "w1:b";
  for (let count = 0; count < 200 && !until(world); count++) {
    const decision = pass(world, { decide });
    if (world.status?.phase !== "Promoting") settlePods(world);
    if (decision.actions.length === 0) world.now += decision.wakeAfterMs ?? 0;
  }
  assert.ok(until(world));
  return world;
}

const moments = {
  "while it gets a share": midRelease.bind(
    undefined,
    { stepWeight: 20, maxWeight: 60 },
    ({ traffic, status }) => status?.phase === "Progressing" && traffic?.canary === 40,
  ),
  "while it gets chosen requests": midRelease.bind(
    undefined,
    { iterations: 3, match: [{ headers: { "x-canary": { exact: "insider" } } }] },
    ({ traffic }) => traffic?.canary === 100,
  ),
  "while the primary is promoted": midRelease.bind(
    undefined,
    { stepWeight: 50, maxWeight: 50 },
    ({ primary, status }) => status?.phase === "Promoting" && primary?.revision === "w1:b",
  ),
};

for (const [when, moment] of Object.entries(moments)) {
  test(`a target that is deleted ${when} gets no requests any more, and can come back`, () => {
    const world = moment();
    const target = world.target;
    world.target = undefined;
    for (let count = 0; count < 4; count++) pass(world, { decide });
    assert.deepEqual(world.traffic, { primary: 100, canary: 0, mirror: false });
    assert.equal(world.status?.canaryWeight, 0);
    world.now += 3_000;
    pass(world, { decide });
    assert.match(world.events.at(-1) ?? "", /deployments "podinfo" not found/);
    world.target = target;
    runToRest(world, decide);
    assert.equal(world.status?.phase, "Succeeded");
    assert.equal(world.primary?.revision, "w1:b");
  });
}

test("a new Canary waits a while for the target that comes after it before it tells that there is none", () => {
  const world = aWorld();
  world.target = undefined;
  pass(world, { decide });
  const seen = observe(world);
  const { metadata } = seen.canary;
  const created = { ...seen.canary, metadata: { ...metadata, creationTimestamp: "2026-01-01T00:00:00Z" } };
  const after = (seconds: number) =>
    decide({ ...seen, canary: created, now: Date.parse("2026-01-01T00:00:00Z") + seconds * 1_000 });
  assert.deepEqual(after(19), { actions: [], questions: [], wakeAfterMs: 1_000 });
  const told = after(20).actions.filter(({ kind }) => kind === "event");
  assert.equal(told.length, 1);
});
