import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../../../controller/decide/decide.ts";
import type { Observation, Workload } from "../../../controller/decide/types.ts";
import { aWorld, observe, runToRest } from "./world.ts";

const primary: Workload = {
  revision: "w1:a",
  replicas: 2,
  available: 0,
  readiness: { ready: false, why: "waiting for rollout to finish", retriable: true },
};
const target: Workload = {
  revision: "w1:b",
  replicas: 2,
  available: 1,
  readiness: { ready: true },
  held: false,
  unjudged: true,
};

function bootstrapping(changes: Partial<Workload>, ofPrimary: Partial<Workload> = {}): Observation {
  const world = aWorld();
  Object.assign(world, { finalizers: ["finalizer.flagger.app"], status: { phase: "Initializing" } });
  for (const name of ["canaryService", "primaryService"] as const) world.services[name] = "fits";
  return { ...observe(world), target: { ...target, ...changes }, primary: { ...primary, ...ofPrimary } };
}

const holds = (seen: Observation) => decide(seen).actions.filter(({ kind }) => kind === "hold");

test("a change that no webhook saw is held until the primary serves, and it is told", () => {
  const seen = bootstrapping({});
  assert.deepEqual(holds(seen), [{ kind: "hold", revision: "w1:b" }]);
  const told = decide(seen).actions.find((action) => action.kind === "event" && action.drift === "target");
  assert.ok(told?.kind === "event");
  assert.match(told.message, /^podinfo\.test was changed before podinfo-primary serves: paused until it does/);
});

const spared: Readonly<Record<string, readonly [Partial<Workload>, Partial<Workload>?]>> = {
  "it is held already": [{ held: true }],
  "the webhook saw it, or it cannot be paused": [{ unjudged: false }],
  "nothing of it serves": [{ available: 0 }],
  "it is what the primary was made from": [{ revision: "w1:a" }],
  "only a config changed": [{ revision: "w1:a.x" }],
  "the primary was made by another system": [{}, { revision: "foreign" }],
  "the primary serves": [{}, { available: 2, readiness: { ready: true } }],
  "the primary cannot start and takes the change": [
    {},
    { readiness: { ready: false, why: "exceeded its progress deadline", retriable: false } },
  ],
};
for (const [when, [ofTarget, ofPrimary]] of Object.entries(spared)) {
  test(`a target is not held when ${when}`, () => {
    assert.deepEqual(holds(bootstrapping(ofTarget, ofPrimary)), []);
  });
}

test("what was held is let go once the primary serves, and goes through the release", () => {
  const world = aWorld({ stepWeight: 50, maxWeight: 50 });
  runToRest(world, decide);
  assert.ok(world.target);
  Object.assign(world.target, { held: true, revision: "w1:b" });
  runToRest(world, decide);
  assert.deepEqual([world.target.held, world.primary?.revision, world.status?.phase], [false, "w1:b", "Succeeded"]);
});
