import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../../../controller/decide/decide.ts";
import type { Observation, Workload } from "../../../controller/decide/types.ts";
import { aWorld, observe, pass, runToRest, settlePods } from "./world.ts";

test("a first deployment is initialized without a gap: primary before apex, apex before the target goes", () => {
  const world = aWorld();
  const order: string[] = [];
  runToRest(world, decide, 100, (action) => {
    if (action.kind === "ensure") order.push(action.object);
    if (action.kind === "scaleTarget") order.push(`target ${action.replicas}`);
  });
  assert.deepEqual(order, ["canaryService", "primaryService", "primary", "apexService", "route", "target 0"]);
  assert.equal(world.status?.phase, "Initialized");
  assert.equal(world.status?.lastPromotedSpec, "w1:a");
  assert.deepEqual(world.traffic, { primary: 100, canary: 0, mirror: false });
  assert.deepEqual(world.events, ["all the metrics providers are available!", "Initialization done! podinfo.test"]);
});

test("App Mesh has its route before any pod of the primary, and through it the target serves until the primary can", () => {
  const world = aWorld({ stepWeight: 10, maxWeight: 50 }, "appmesh:v1beta2");
  const order: string[] = [];
  runToRest(world, decide, 100, (action) => {
    if (action.kind === "ensure") order.push(`${action.object} ${action.traffic?.canary ?? ""}`.trim());
    if (action.kind === "shift") order.push(`shift ${action.traffic.canary}`);
    if (action.kind === "scaleTarget") order.push(`target ${action.replicas}`);
  });
  assert.deepEqual(order, [
    "canaryService",
    "primaryService",
    "route 100",
    "primary",
    "apexService",
    "shift 0",
    "target 0",
  ]);
  assert.deepEqual(world.traffic, { primary: 100, canary: 0, mirror: false });
});

test("a good revision goes out step by step, in the known words and the known order", () => {
  const world = aWorld({ stepWeight: 20, maxWeight: 50 });
  runToRest(world, decide);
  world.events.length = 0;
  if (world.target !== undefined) world.target.revision = "w1:b";
  runToRest(world, decide);
  assert.equal(world.status?.phase, "Succeeded");
  assert.equal(world.primary?.revision, "w1:b");
  assert.equal(world.target?.replicas, 0);
  assert.deepEqual(world.traffic, { primary: 100, canary: 0, mirror: false });
  assert.deepEqual(
    world.events.filter((text) => !text.includes("not ready")),
    [
      "New revision detected! Scaling up podinfo.test",
      "Starting canary analysis for podinfo.test",
      "Pre-rollout check smoke passed",
      "Advance podinfo.test canary weight 20",
      "Advance podinfo.test canary weight 40",
      "Advance podinfo.test canary weight 60",
      "Confirm-promotion check gate passed",
      "Copying podinfo.test template spec to podinfo-primary.test",
      "Routing all traffic to primary",
      "Promotion completed! Scaling down podinfo.test",
    ],
  );
});

test("a bad revision is taken back: weight to zero in one step, primary untouched, the count of failed checks kept", () => {
  const world = aWorld();
  runToRest(world, decide);
  world.events.length = 0;
  if (world.target !== undefined) world.target.revision = "w1:bad";
  const weights: number[] = [];
  const seen = new Set<number>();
  for (let count = 0; count < 200 && world.status?.phase !== "Failed"; count++) {
    const decision = pass(world, { decide });
    settlePods(world);
    if ((world.status?.canaryWeight ?? 0) >= 20) world.metricsGood = false;
    if (world.traffic !== undefined && !seen.has(world.traffic.canary)) {
      seen.add(world.traffic.canary);
      weights.push(world.traffic.canary);
    }
    world.now += decision.wakeAfterMs ?? 0;
  }
  runToRest(world, decide);
  assert.deepEqual(weights, [0, 10, 20]);
  assert.equal(world.status?.phase, "Failed");
  assert.equal(world.status?.failedChecks, 3);
  assert.equal(world.primary?.revision, "w1:a");
  assert.equal(world.target?.replicas, 0);
  assert.deepEqual(world.traffic, { primary: 100, canary: 0, mirror: false });
  assert.deepEqual(world.events.slice(-5), [
    "Halt podinfo.test advancement success rate 50.00% < 99%",
    "Halt podinfo.test advancement success rate 50.00% < 99%",
    "Halt podinfo.test advancement success rate 50.00% < 99%",
    "Rolling back podinfo.test failed checks threshold reached 3",
    "Canary failed! Scaling down podinfo.test",
  ]);
});

test("a revert during the analysis ends the release without promoting anything", () => {
  const world = aWorld();
  runToRest(world, decide);
  if (world.target !== undefined) world.target.revision = "w1:b";
  for (let count = 0; count < 8; count++) {
    pass(world, { decide });
    settlePods(world);
  }
  assert.equal(world.status?.phase, "Progressing");
  if (world.target !== undefined) world.target.revision = "w1:a";
  const promoted: string[] = [];
  runToRest(world, decide, 100, (action) => action.kind === "promote" && promoted.push(action.revision));
  assert.deepEqual(promoted, []);
  assert.equal(world.status?.phase, "Succeeded");
  assert.equal(world.target?.replicas, 0);
});

test("a closed promotion gate keeps the weight and shows it; opening it promotes", () => {
  const world = aWorld({ stepWeight: 50, maxWeight: 50 });
  runToRest(world, decide);
  world.gatesOpen = false;
  if (world.target !== undefined) world.target.revision = "w1:b";
  for (let count = 0; count < 60; count++) {
    const decision = pass(world, { decide });
    settlePods(world);
    world.now += decision.wakeAfterMs ?? 0;
  }
  assert.equal(world.status?.phase, "WaitingPromotion");
  assert.equal(world.status?.canaryWeight, 50);
  assert.equal(world.events.filter((text) => text.includes("waiting for promotion approval")).length, 1);
  world.gatesOpen = true;
  runToRest(world, decide);
  assert.equal(world.status?.phase, "Succeeded");
});

test("a target that moves on after the promotion was decided is not promoted unanalysed", () => {
  const world = aWorld({ stepWeight: 50, maxWeight: 50 });
  runToRest(world, decide);
  if (world.target !== undefined) world.target.revision = "w1:b";
  for (let count = 0; count < 100 && world.status?.phase !== "Promoting"; count++) {
    const decision = pass(world, { decide });
    settlePods(world);
    world.now += decision.wakeAfterMs ?? 0;
  }
  assert.equal(world.status?.phase, "Promoting");
  if (world.target !== undefined) world.target.revision = "w1:c";
  pass(world, { decide });
  assert.equal(world.primary?.revision, "w1:a");
  assert.equal(world.status?.phase, "Progressing");
  assert.equal(world.status?.lastAppliedSpec, "w1:c");
});

test("an idle canary asks for nothing and does nothing", () => {
  const world = aWorld();
  runToRest(world, decide);
  world.now += 3_600_000;
  assert.deepEqual(decide(observe(world)), { actions: [], questions: [] });
});

test("blue/green on the kubernetes provider counts iterations and promotes", () => {
  const world = aWorld({ iterations: 2 }, "kubernetes");
  runToRest(world, decide);
  if (world.target !== undefined) world.target.revision = "w1:b";
  world.events.length = 0;
  runToRest(world, decide);
  assert.equal(world.status?.phase, "Succeeded");
  assert.equal(world.primary?.revision, "w1:b");
  assert.deepEqual(
    world.events.filter((text) => text.startsWith("Advance")),
    ["Advance podinfo.test canary iteration 1/2", "Advance podinfo.test canary iteration 2/2"],
  );
});

for (const [phase, revision, heir] of [
  ["at rest with the promoted revision", "w1:a", "target"],
  ["with a revision that was never promoted", "w1:b", "primary"],
] as const) {
  test(`deletion ${phase} hands the traffic to the ${heir} before anything goes`, () => {
    const world = aWorld();
    runToRest(world, decide);
    world.deleting = true;
    if (world.target !== undefined) world.target.revision = revision;
    runToRest(world, decide, 40);
    assert.equal(world.gone, true);
    assert.equal(world.handedTo, heir);
    if (heir === "target") assert.ok((world.target?.available ?? 0) > 0);
  });
}

test("deletion after the target's own keeps nothing: an uninstalled application does not go on serving", () => {
  const world = aWorld();
  runToRest(world, decide);
  world.deleting = true;
  world.target = undefined;
  runToRest(world, decide, 40);
  assert.equal(world.gone, true);
  assert.equal(world.handedTo, undefined);
});

test("a gate that opens after a failed check does not promote: the next round must be good first", () => {
  const world = aWorld({ stepWeight: 50, maxWeight: 50 });
  runToRest(world, decide);
  world.gatesOpen = false;
  if (world.target !== undefined) world.target.revision = "w1:b";
  const go = (until: () => boolean): void => {
    for (let count = 0; count < 60 && !until(); count++) {
      const decision = pass(world, { decide });
      settlePods(world);
      if (decision.actions.length === 0) world.now += decision.wakeAfterMs ?? 0;
    }
  };
  go(() => world.status?.phase === "WaitingPromotion");
  world.metricsGood = false;
  go(() => world.status?.failedChecks === 1);
  world.gatesOpen = true;
  pass(world, { decide });
  assert.equal(world.status?.phase, "WaitingPromotion");
  world.metricsGood = true;
  runToRest(world, decide);
  assert.equal(world.status?.phase, "Succeeded");
});

test("what takes longer than a moment is told, once", () => {
  const world = aWorld();
  for (let count = 0; count < 6; count++) pass(world, { decide });
  assert.equal(world.primary?.health, "starting");
  world.now += 5_000;
  for (let count = 0; count < 6; count++) pass(world, { decide });
  assert.deepEqual(world.events.slice(1), [
    "podinfo-primary.test not ready: waiting for rollout to finish: 0 available",
  ]);
});

test("what keeps pods from serving is told at once: no moment will mend it", () => {
  const world = aWorld();
  for (let count = 0; count < 6; count++) pass(world, { decide });
  const seen = observe(world);
  const why = "waiting for rollout to finish: 0 available: ImagePullBackOff: container shop cannot pull shop:2";
  const told = (readiness: object) => {
    const primary = { ...(seen.primary as Workload), readiness: { ready: false, why, retriable: true, ...readiness } };
    return decide({ ...seen, primary } as Observation).actions.filter(({ kind }) => kind === "event");
  };
  assert.deepEqual(told({}), []);
  assert.deepEqual(told({ stuck: true }), [
    { kind: "event", type: "Warning", message: `podinfo-primary.test not ready: ${why}` },
  ]);
});

test("every failing check of a round is told, and counts once", () => {
  const world = aWorld({ stepWeight: 50, maxWeight: 50 });
  world.spec = {
    ...world.spec,
    analysis: {
      ...world.spec.analysis,
      metrics: ["request-success-rate", "second"].map((name) => ({ name, thresholdRange: { min: 99 } })),
    },
  } as typeof world.spec;
  runToRest(world, decide);
  if (world.target !== undefined) world.target.revision = "w1:b";
  for (let count = 0; count < 60 && world.status?.failedChecks !== 1; count++) {
    const decision = pass(world, { decide });
    settlePods(world);
    if (world.status?.canaryWeight === 50) world.metricsGood = false;
    if (decision.actions.length === 0) world.now += decision.wakeAfterMs ?? 0;
  }
  assert.equal(world.status?.failedChecks, 1);
  assert.equal(world.events.filter((text) => text.startsWith("Halt podinfo.test advancement success rate")).length, 2);
});

test("a suspended canary is told once and left alone", () => {
  const world = aWorld();
  runToRest(world, decide);
  world.spec = { ...world.spec, suspend: true };
  world.events.length = 0;
  if (world.target !== undefined) world.target.revision = "w1:b";
  for (let count = 0; count < 5; count++) pass(world, { decide });
  assert.deepEqual(world.events, ["skipping canary run as object is suspended"]);
  assert.equal(world.status?.phase, "Initialized");
  assert.equal(world.target?.replicas, 0);
});

test("a primary that was deleted comes back only from the revision it ran", () => {
  const world = aWorld();
  runToRest(world, decide);
  world.primary = undefined;
  if (world.target !== undefined) world.target.revision = "w1:b";
  pass(world, { decide });
  assert.equal(world.primary, undefined);
  assert.match(world.events.at(-1) ?? "", /podinfo-primary\.test is gone/);
  if (world.target !== undefined) world.target.revision = "w1:a";
  runToRest(world, decide);
  assert.equal((world as { primary?: { revision: string } }).primary?.revision, "w1:a");
});
