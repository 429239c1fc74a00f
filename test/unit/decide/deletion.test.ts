import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../../../controller/decide/decide.ts";
import { aWorld, observe, pass, runToRest, settlePods, type World } from "./world.ts";

function atRest(): World {
  const world = aWorld();
  runToRest(world, decide);
  world.deleting = true;
  return world;
}

test("a target that never became ready does not hold up the deletion of its Canary", () => {
  const world = aWorld();
  Object.assign(world.target ?? {}, { health: "starting", available: 0 });
  for (let count = 0; count < 10; count++) pass(world, { decide });
  assert.equal(world.status?.phase, "Initializing");
  world.deleting = true;
  for (let count = 0; count < 10 && !world.gone; count++) {
    pass(world, { decide });
    world.now += 5_000;
  }
  assert.equal(world.gone, true);
  assert.equal(world.handedTo, "target");
});

test("a target that comes up is waited for while the primary serves", () => {
  const world = atRest();
  for (let count = 0; count < 5; count++) pass(world, { decide });
  assert.equal(world.target?.replicas, 2);
  assert.equal(world.handedTo, undefined);
  settlePods(world);
  pass(world, { decide });
  assert.equal(world.handedTo, "target");
});

test("a target that cannot come up leaves the traffic with the primary", () => {
  const world = atRest();
  for (let count = 0; count < 5; count++) pass(world, { decide });
  Object.assign(world.target ?? {}, { health: "gaveUp", available: 0 });
  runToRest(world, decide, 20);
  assert.equal(world.handedTo, "primary");
});

test("the finalizer is taken away once: what the cache still shows afterwards is no reason to write again", () => {
  const world = atRest();
  runToRest(world, decide, 40);
  const last = decide({ ...observe({ ...world, gone: false, finalizers: ["finalizer.flagger.app"] }) });
  assert.deepEqual(last.actions[0], { kind: "finalizer", present: false });
  assert.ok(last.wakeAfterMs !== undefined, "the pass ends here");
});
