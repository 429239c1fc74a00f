import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../../../controller/decide/decide.ts";
import { aWorld, type ModelWorkload, pass, runToRest, settlePods, type World } from "./world.ts";

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

/** A release that stands at its gate, whose target is scaled to each of these in turn; then the gate opens. */
function releaseScaledTo(numbers: readonly number[], change: Partial<ModelWorkload> = {}): World {
  const world = aWorld(analysis);
  runToRest(world, decide);
  assert.ok(world.target);
  world.target.revision = "w1:b";
  world.gatesOpen = false;
  for (const replicas of [undefined, ...numbers]) {
    if (replicas !== undefined) Object.assign(world.target, { replicas, available: replicas, ...change });
    for (let passes = 0; passes < 60; passes++) {
      pass(world, { decide });
      settlePods(world);
      world.now += 1_000;
    }
    assert.equal(world.status?.phase, "WaitingPromotion");
    assert.equal(world.target.replicas, replicas ?? 2);
  }
  world.gatesOpen = true;
  runToRest(world, decide);
  assert.equal(world.status?.phase, "Succeeded");
  return world;
}

const toldInRelease = (replicas: number) =>
  `podinfo.test was scaled to ${replicas} during its release: podinfo-primary gets that when it ends`;

test("a target scaled while its release runs keeps that size, and the primary gets it when the release ends", () => {
  const world = releaseScaledTo([5]);
  assert.deepEqual([world.primary?.replicas, world.target?.replicas], [5, 0]);
  assert.equal(world.events.filter((text) => text === toldInRelease(5)).length, 1);
});

test("of several numbers the last counts, though it is the one that the release began with", () => {
  const world = releaseScaledTo([5, 2]);
  assert.deepEqual([world.primary?.replicas, world.target?.replicas], [2, 0]);
});

test("an autoscaler that the Canary does not name sizes the canary for its share, and not the primary", () => {
  const world = releaseScaledTo([1], { autoscaled: true });
  assert.deepEqual([world.primary?.replicas, world.target?.replicas], [2, 0]);
  assert.deepEqual(
    world.events.filter((text) => text.includes("was scaled")),
    [],
  );
});

test("a number that comes with a change is kept, and the change is released", () => {
  const world = aWorld(analysis);
  runToRest(world, decide);
  assert.ok(world.target);
  world.target.revision = "w1:b";
  scaled(world, 5);
  assert.equal(world.status?.lastPromotedSpec, "w1:b");
  assert.deepEqual([world.primary?.replicas, world.target.replicas], [5, 0]);
});

const overruled = "podinfo.test was scaled to 5 at rest: autoscaler podinfo decides, and podinfo is back at 0";

test("a target scaled at rest where an autoscaler decides is emptied, and that is told", () => {
  const world = aWorld(analysis, "gatewayapi:v1", { scaler: "hpa" });
  runToRest(world, decide);
  assert.ok(world.primary);
  world.primary.replicas = 3;
  world.now += 60_000;
  scaled(world, 5);
  assert.deepEqual([world.primary.replicas, world.target?.replicas], [3, 0]);
  assert.ok(world.events.includes(overruled), world.events.join("\n"));
});

test("what an autoscaler made of the canary while its release was taken back is nobody's doing", () => {
  const world = aWorld(analysis, "gatewayapi:v1", { scaler: "hpa" });
  runToRest(world, decide);
  assert.ok(world.target);
  world.target.revision = "w1:b";
  world.metricsGood = false;
  const scalingOnce: typeof decide = (seen) => {
    if (world.status?.phase === "Failed" && world.target?.replicas === 2) world.target.replicas = 5;
    return decide(seen);
  };
  runToRest(world, scalingOnce);
  assert.equal(world.target.replicas, 0);
  assert.ok(!world.events.includes(overruled));
});

test("what the target had before it was first emptied is nobody's wish, though the primary was scaled meanwhile", () => {
  const world = aWorld(analysis);
  const scalingOnce: typeof decide = (seen) => {
    if (seen.canary.status?.phase === "Initialized" && world.primary !== undefined) world.primary.replicas = 9;
    return decide(seen);
  };
  runToRest(world, scalingOnce);
  assert.deepEqual([world.primary?.replicas, world.target?.replicas], [9, 0]);
});

test("a target that serves everybody after a failed promotion is brought back when somebody scales it to 0", () => {
  const world = aWorld(analysis);
  runToRest(world, decide);
  assert.ok(world.target && world.primary);
  world.target.revision = "w1:b";
  const failing: typeof decide = (seen) => {
    if (seen.canary.status?.phase === "Promoting" && world.primary !== undefined) world.primary.health = "gaveUp";
    return decide(seen);
  };
  runToRest(world, failing);
  assert.deepEqual([world.status?.phase, world.traffic?.canary, world.target.replicas], ["Failed", 100, 2]);
  Object.assign(world.target, { replicas: 0, available: 0 });
  runToRest(world, decide);
  assert.deepEqual([world.traffic?.canary, world.target.replicas, world.target.available], [100, 2, 2]);
  assert.ok(world.events.includes("podinfo.test was scaled to 0 while it serves: back to 2"));
});
