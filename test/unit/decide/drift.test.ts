import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../../../controller/decide/decide.ts";
import type { Observation } from "../../../controller/decide/types.ts";
import { aWorld, observe, pass, runToRest, settlePods, type World } from "./world.ts";

const told = "The route of podinfo.test gave the canary 40% where 0% is planned: put back";

function editedAtRest(): World {
  const world = aWorld();
  runToRest(world, decide);
  world.now += 60_000;
  world.events = [];
  world.traffic = { primary: 60, canary: 40, mirror: false };
  return world;
}

test("weights that somebody edits at rest are put back, and that is told", () => {
  const world = editedAtRest();
  pass(world, { decide });
  assert.deepEqual(world.traffic, { primary: 100, canary: 0, mirror: false });
  assert.deepEqual(world.events, [told]);
});

const notAccepted = "HTTPRoute podinfo.test parent gateway is not ready";

test("the same before the router has accepted the edit: nothing is waited for, and nothing else told", () => {
  const world = editedAtRest();
  const { status } = world;
  const { traffic: written } = observe(world);
  assert.ok(written !== undefined && "primary" in written);
  const decision = decide({ ...observe(world), traffic: { notAccepted, pending: true, written } });
  pass(world, { decide: () => decision });
  assert.deepEqual(world.traffic, { primary: 100, canary: 0, mirror: false });
  assert.deepEqual(world.events, [told]);
  assert.deepEqual(world.status, status);
});

test("a router may take a moment to accept what was put back, which begins when it is written; then it is told", () => {
  const world = editedAtRest();
  const traffic = { notAccepted, pending: true, written: { primary: 100, canary: 0, mirror: false } };
  const acting = (seen: Partial<Observation>) =>
    decide({ ...observe(world), traffic, ...seen }).actions.map(({ kind }) => kind);
  assert.deepEqual(acting({ unacceptedSince: world.now - 1_000 }), []);
  assert.deepEqual(acting({ unacceptedSince: world.now - 3_000 }), ["status", "event"]);
  assert.deepEqual(acting({ traffic: { notAccepted, written: traffic.written } }), ["status", "event"]);
});

test("the same while a release stands before a gate: what its status waits for is no pod", () => {
  const world = aWorld();
  runToRest(world, decide);
  world.gatesOpen = false;
  assert.ok(world.target);
  world.target.revision = "w1:b";
  for (let passes = 0; passes < 60; passes++) {
    pass(world, { decide });
    settlePods(world);
    world.now += 5_000;
  }
  assert.equal(world.status?.phase, "WaitingPromotion");
  world.traffic = { primary: 10, canary: 90, mirror: false };
  pass(world, { decide });
  assert.deepEqual(world.traffic, { primary: 50, canary: 50, mirror: false });
  assert.ok(world.events.includes("The route of podinfo.test gave the canary 90% where 50% is planned: put back"));
});

test("weights that come late after a rollback, because the primary was not ready, are nobody's doing", () => {
  const world = editedAtRest();
  world.status = {
    ...world.status,
    phase: "Failed",
    conditions: [{ type: "Reconciling", status: "True", reason: "Failed", message: "waiting for the primary" }],
  };
  pass(world, { decide });
  assert.deepEqual(world.traffic, { primary: 100, canary: 0, mirror: false });
  assert.ok(!world.events.includes(told));
});
