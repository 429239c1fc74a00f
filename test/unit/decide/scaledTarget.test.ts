import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../../../controller/decide/decide.ts";
import { aWorld, runToRest, type World } from "./world.ts";

const analysis = { stepWeight: 50, maxWeight: 50 };

function scaled(world: World, replicas: number): World {
  assert.ok(world.target);
  Object.assign(world.target, { replicas });
  runToRest(world, decide);
  return world;
}

const stories: Readonly<Record<string, (world: World) => void>> = {
  "after the bootstrap": () => undefined,
  "after a release": (world) => {
    if (world.target !== undefined) world.target.revision = "w1:b";
    runToRest(world, decide);
    assert.equal(world.status?.phase, "Succeeded");
  },
  "after a release that failed": (world) => {
    world.metricsGood = false;
    if (world.target !== undefined) world.target.revision = "w1:b";
    runToRest(world, decide);
    assert.equal(world.status?.phase, "Failed");
  },
};
for (const [when, story] of Object.entries(stories)) {
  test(`a target scaled at rest ${when}: the number goes to the primary, the target back to zero, and it stays so`, () => {
    const world = aWorld(analysis);
    runToRest(world, decide);
    story(world);
    const { phase } = world.status ?? {};
    scaled(world, 5);
    assert.deepEqual([world.primary?.replicas, world.target?.replicas], [5, 0]);
    scaled(world, 3);
    assert.deepEqual([world.primary?.replicas, world.target?.replicas], [3, 0]);
    assert.equal(world.status?.phase, phase);
  });
}

test("what a failed release leaves running is nobody's wish, though the primary was scaled meanwhile", () => {
  const world = aWorld(analysis);
  runToRest(world, decide);
  world.metricsGood = false;
  assert.ok(world.target && world.primary);
  world.target.revision = "w1:b";
  runToRestScaling(world);
  assert.equal(world.status?.phase, "Failed");
  assert.deepEqual([world.primary.replicas, world.target.replicas], [9, 0]);
});

function runToRestScaling(world: World): void {
  const scalingOnce: typeof decide = (seen) => {
    if (seen.canary.status?.phase === "Progressing" && world.primary !== undefined) world.primary.replicas = 9;
    return decide(seen);
  };
  runToRest(world, scalingOnce);
}
