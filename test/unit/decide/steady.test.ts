import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { decide } from "../../../controller/decide/decide.ts";
import { aWorld, observe, pass, runToRest, settlePods, type World } from "./world.ts";

const gatewayapi = "gatewayapi:v1";

function aRelease(analysis: Parameters<typeof aWorld>[0], provider = gatewayapi): World {
  const world = aWorld(analysis, provider);
  runToRest(world, decide);
  if (world.target !== undefined) world.target.revision = "w1:b";
  return world;
}

/** Lets passes, pods and time go by until `is` holds. */
function goOn(world: World, is: () => boolean): void {
  for (let count = 0; !is(); count++) {
    assert.ok(count < 200, `in vain, in ${world.status?.phase} at ${world.status?.canaryWeight}`);
    world.now += pass(world, { decide }).wakeAfterMs ?? 0;
    settlePods(world);
  }
}

describe("what a release holds on to", () => {
  it("a first primary that never becomes ready leaves the target as it is: nobody else serves", () => {
    const world = aWorld();
    goOn(world, () => world.primary !== undefined);
    Object.assign(world.primary ?? {}, { available: 0, health: "gaveUp" });
    for (let count = 0; count < 50; count++) world.now += pass(world, { decide }).wakeAfterMs ?? 10_000;
    assert.equal(world.status?.phase, "Initializing");
    assert.equal(world.target?.replicas, 2);
    assert.equal(world.services.apexService, "absent", "the Service is not turned to it either");
  });

  it("an edit of the Canary during a release keeps the weight, and goes on from there by the new steps", () => {
    const world = aRelease({ stepWeights: [10, 30, 60] });
    goOn(world, () => world.traffic?.canary === 30);
    const { analysis } = world.spec;
    world.spec = { ...world.spec, analysis: { ...analysis, stepWeights: [5, 20, 40, 80] } } as World["spec"];
    world.generation += 1;
    world.route = "differs";
    const shares = new Set<number | undefined>();
    goOn(world, () => {
      shares.add(world.traffic?.canary);
      return world.status?.phase === "Succeeded";
    });
    assert.deepEqual([...shares], [30, 40, 80, 0]);
  });

  it("an edit of the Canary on the way back to the primary does not hold the promotion up", () => {
    const world = aRelease({ stepWeight: 60, maxWeight: 60, stepWeightPromotion: 20 });
    goOn(world, () => world.status?.phase === "Promoting" && world.traffic?.canary === 40);
    world.route = "differs";
    goOn(world, () => world.status?.phase === "Succeeded");
    assert.deepEqual(world.traffic, { primary: 100, canary: 0, mirror: false });
  });

  it("one iteration and a closed gate: the iteration stays done, and pre-rollout hooks are not called again", () => {
    const world = aRelease({ iterations: 1 });
    world.gatesOpen = false;
    goOn(world, () => world.status?.phase === "WaitingPromotion");
    for (let count = 0; count < 20; count++) world.now += pass(world, { decide }).wakeAfterMs ?? 0;
    assert.equal(world.status?.iterations, 1);
    assert.equal(world.events.filter((text) => text === "Pre-rollout check smoke passed").length, 1);
  });
});

describe("mirroring before the first share", () => {
  it("takes one round of checks, then weights rise as ever", () => {
    const world = aRelease({ stepWeight: 30, maxWeight: 60, mirror: true });
    const seen: string[] = [];
    goOn(world, () => {
      const { canary = 0, mirror = false } = world.traffic ?? {};
      const now = `${canary}${mirror ? " mirrored" : ""}`;
      if (now !== seen.at(-1)) seen.push(now);
      return world.status?.phase === "Succeeded";
    });
    assert.deepEqual(seen, ["0", "0 mirrored", "30", "60", "0"]);
    assert.equal(world.status?.iterations, 0);
    assert.ok(world.events.includes("Advance podinfo.test canary weight 0"));
  });

  it("a round that fails while it lasts counts, and nobody has met the canary", () => {
    const world = aRelease({ stepWeight: 30, maxWeight: 60, mirror: true });
    goOn(world, () => world.traffic?.mirror === true);
    world.metricsGood = false;
    goOn(world, () => world.status?.phase === "Failed");
    assert.ok(!world.events.includes("Advance podinfo.test canary weight 30"));
    goOn(world, () => world.traffic?.mirror === false);
  });

  for (const provider of ["traefik", "kuma"])
    it(`is left out where it cannot be done (${provider}), and holds nothing up`, () => {
      const world = aRelease({ stepWeight: 30, maxWeight: 60, mirror: true }, provider);
      goOn(world, () => world.status?.phase === "Succeeded");
      assert.ok(world.events.includes("Advance podinfo.test canary weight 60"));
      assert.ok(!world.events.includes("Advance podinfo.test canary weight 0"));
    });
});

describe("a closed confirm-rollout gate", () => {
  it("is forgotten when the target goes back: opening it starts nothing", () => {
    const hook = { name: "go", type: "confirm-rollout", url: "http://tester/" } as const;
    const world = aRelease({ stepWeight: 50, webhooks: [hook] });
    world.gatesOpen = false;
    goOn(world, () => world.status?.phase === "Waiting");
    if (world.target !== undefined) world.target.revision = "w1:a";
    goOn(world, () => world.status?.phase === "Succeeded");
    world.gatesOpen = true;
    runToRest(world, decide);
    assert.equal(world.status?.phase, "Succeeded");
    assert.equal(world.target?.replicas, 0);
    assert.ok(!world.events.some((text) => text.startsWith("New revision detected!")));
  });
});

test("the copy of an autoscaler that differs from its source is put right in every phase of a release", () => {
  const world = aWorld();
  runToRest(world, decide);
  if (world.target !== undefined) world.target.revision = "w1:b";
  const phases = new Map<string, boolean>();
  const look = (): void => {
    const seen = observe(world);
    const { actions } = decide({ ...seen, objects: { ...seen.objects, primaryScaler: "differs" } });
    const isMended = actions.some((action) => action.kind === "ensure" && action.object === "primaryScaler");
    const phase = world.status?.phase ?? "";
    phases.set(phase, (phases.get(phase) ?? false) || isMended);
  };
  look();
  runToRest(world, decide, 400, look);
  look();
  assert.deepEqual(Object.fromEntries(phases), {
    Initialized: true,
    Progressing: true,
    Promoting: true,
    Finalising: true,
    Succeeded: true,
  });
});
