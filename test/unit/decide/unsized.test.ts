import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../../../controller/decide/decide.ts";
import type { Action, Decide } from "../../../controller/decide/types.ts";
import { decideUnsized } from "./unsized.ts";
import { aWorld, runToRest } from "./world.ts";

function story(end: (world: ReturnType<typeof aWorld>) => void) {
  const world = aWorld({ stepWeight: 20, maxWeight: 40, webhooks: [{ name: "smoke", url: "http://tester/" }] });
  const kinds: Action["kind"][] = [];
  const note = (action: Action): void => {
    kinds.push(action.kind);
    if (action.kind === "ensure") assert.ok(action.object === "primary" || action.object === "route", action.object);
  };
  runToRest(world, decideUnsized, 200, note);
  assert.equal(world.status?.phase, "Initialized");
  if (world.target !== undefined) world.target.revision = "w1:b";
  end(world);
  runToRest(world, decideUnsized, 200, note);
  assert.ok(!kinds.includes("scaleTarget") && !kinds.includes("scalePrimary") && !kinds.includes("keepWish"));
  return world;
}

test("what has no size of ours is promoted without being scaled, and without Services", () => {
  const world = story(() => undefined);
  assert.equal(world.status?.phase, "Succeeded");
  assert.equal(world.primary?.revision, "w1:b");
  assert.equal(world.target?.replicas, 2);
  assert.equal(world.status?.release?.replicas, undefined);
});

test("and taken back when checks fail before its first traffic, each at the end of an interval", () => {
  const world = story((bad) => {
    bad.metricsGood = false;
  });
  assert.equal(world.status?.phase, "Failed");
  assert.equal(world.status?.failedChecks, 3);
  const promoted = world.status?.conditions?.find(({ type }) => type === "Promoted");
  assert.equal(promoted?.message, "Canary analysis failed, all traffic goes to the primary.");
  assert.deepEqual(world.traffic, { primary: 100, canary: 0, mirror: false });
});

test("a takeover from elsewhere releases what came meanwhile, where the primary itself says what it runs", () => {
  const world = story(() => undefined);
  world.status = { ...world.status, lastAppliedSpec: "7d5bcf9b6d", lastPromotedSpec: "7d5bcf9b6d" };
  runToRest(world, decideUnsized);
  assert.deepEqual(
    [world.status?.phase, world.status?.lastPromotedSpec],
    ["Succeeded", "w1:b"],
    "the same is taken over",
  );
  world.status = { ...world.status, lastAppliedSpec: "7d5bcf9b6d", lastPromotedSpec: "7d5bcf9b6d" };
  if (world.target !== undefined) world.target.revision = "w1:c";
  const told = world.events.length;
  runToRest(world, decideUnsized);
  assert.equal(world.events[told], "New revision detected! Scaling up podinfo.test");
  assert.equal(world.primary?.revision, "w1:c");
});

test("a canary that nobody can reach fails at the deadline, though its pods may be ready", () => {
  const world = aWorld();
  const unreachable: Decide = (seen) => {
    const answers = Object.entries(seen.answers).map(([id, answer]) =>
      id.endsWith("podinfo-canary") ? [id, { kind: "endpoints", ready: 0 } as const] : [id, answer],
    );
    return decide({ ...seen, answers: Object.fromEntries(answers) });
  };
  runToRest(world, unreachable);
  if (world.target !== undefined) world.target.revision = "w1:b";
  const before = world.now;
  runToRest(world, unreachable, 2_000);
  assert.equal(world.status?.phase, "Failed");
  const waited = world.now - before;
  assert.ok(waited > 600_000 && waited < 610_000, `after ${waited} ms`);
  assert.match(world.events.join("\n"), /Service podinfo-canary\.test has no ready endpoints/);
});
