import assert from "node:assert/strict";
import { test } from "node:test";
import type { Canary } from "../../../api/index.ts";
import { decide } from "../../../controller/decide/decide.ts";
import { aWorld, pass, runToRest, settlePods, type World } from "./world.ts";

/** Revision b on its way, with the alerts of the bootstrap forgotten. */
function released(world: World = aWorld()): World {
  runToRest(world, decide);
  world.alerts.length = 0;
  if (world.target !== undefined) world.target.revision = "w1:b";
  return world;
}

function play(world: World, passes: number, between: () => void = () => undefined): void {
  for (let count = 0; count < passes; count++) {
    const decision = pass(world, { decide });
    settlePods(world);
    between();
    if (decision.actions.length === 0) world.now += decision.wakeAfterMs ?? 0;
  }
}

/** Every gate, closed; muted or not. */
function gated(muteAlert: boolean): World {
  const world = aWorld();
  const { analysis } = world.spec;
  if (analysis === undefined) throw new Error("the world has an analysis");
  const gate = (type: "confirm-rollout" | "confirm-traffic-increase" | "confirm-promotion") => ({
    name: type,
    type,
    url: "http://tester/",
    muteAlert,
  });
  const webhooks = [gate("confirm-rollout"), gate("confirm-traffic-increase"), gate("confirm-promotion")];
  const spec: Canary["spec"] = { ...world.spec, analysis: { ...analysis, webhooks } };
  return { ...world, spec };
}

test("a bootstrap and a good release tell their beginning and their end", () => {
  const world = aWorld();
  runToRest(world, decide);
  assert.deepEqual(world.alerts, ["info: New Deployment detected, initialization completed."]);
  runToRest(released(world), decide);
  assert.deepEqual(world.alerts, [
    "info: New revision detected, progressing canary analysis.",
    "info: Canary analysis completed successfully, promotion finished.",
  ]);
});

test("a release without analysis says so", () => {
  const world = aWorld();
  world.spec = { ...world.spec, skipAnalysis: true };
  runToRest(released(world), decide);
  assert.equal(world.alerts.at(-1), "info: Canary analysis was skipped, promotion finished.");
});

test("a release that fails its checks, and one that cannot start, are errors", () => {
  const failing = released();
  failing.metricsGood = false;
  play(failing, 100);
  assert.equal(failing.alerts.at(-1), "error: Failed checks threshold reached 3");

  const stuck = released();
  play(stuck, 40, () => {
    if (stuck.target?.replicas && stuck.status?.phase === "Progressing")
      Object.assign(stuck.target, { health: "gaveUp", available: 0 });
  });
  assert.match(stuck.alerts.at(-1) ?? "", /^error: Progress deadline exceeded waiting for rollout to finish/);
});

test("a promotion that fails is an error", () => {
  const world = released();
  play(world, 100, () => {
    if (world.primary?.revision === "w1:b") Object.assign(world.primary, { health: "gaveUp", available: 0 });
  });
  assert.match(world.alerts.at(-1) ?? "", /^error: Promotion failed, primary not ready: waiting/);
});

test("a closed gate is told once when it is met, unless its alerts are muted", () => {
  const warnings = [
    "warn: Canary is waiting for approval.",
    "warn: Canary traffic increase is waiting for approval.",
    "warn: Canary promotion is waiting for approval.",
  ];
  for (const muted of [false, true]) {
    const world = gated(muted);
    released(world);
    // Each gate is met closed, looked at several times, and opened for a moment.
    for (let step = 0; step < 40; step++) {
      world.gatesOpen = false;
      play(world, 6);
      world.gatesOpen = true;
      play(world, 1);
    }
    const told = world.alerts.filter((alert) => alert.startsWith("warn"));
    assert.deepEqual([...new Set(told)], muted ? [] : warnings);
    assert.equal(told.filter((alert) => alert === warnings[0]).length, muted ? 0 : 1);
    assert.equal(told.filter((alert) => alert === warnings[2]).length, muted ? 0 : 1);
  }
});
