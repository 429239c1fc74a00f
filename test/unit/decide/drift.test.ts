import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../../../controller/decide/decide.ts";
import { aWorld, observe, pass, runToRest, type World } from "./world.ts";

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

test("the same when the router takes a moment to accept the edit: a wait for it is no excuse", () => {
  const world = editedAtRest();
  const early = { ...observe(world), traffic: { notAccepted: "HTTPRoute podinfo.test parent gateway is not ready" } };
  const decision = decide(early);
  assert.ok(!decision.actions.some(({ kind }) => kind === "shift"));
  pass(world, { decide: () => decision });
  pass(world, { decide });
  assert.deepEqual(world.traffic, { primary: 100, canary: 0, mirror: false });
  assert.ok(world.events.includes(told), world.events.join("\n"));
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
