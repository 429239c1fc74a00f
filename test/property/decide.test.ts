import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decide } from "../../controller/decide/decide.ts";
import { plannedTraffic } from "../../controller/decide/plan.ts";
import type { Action, Decide, Observation } from "../../controller/decide/types.ts";
import {
  aWorld,
  canaryOf,
  floorOf,
  type ModelWorkload,
  observe,
  type PassOptions,
  pass,
  runToRest,
  settlePods,
  type World,
  type WorldOptions,
} from "../unit/decide/world.ts";
import { hold, type Ledger } from "./laws.ts";
import { mistakes } from "./mistakes.ts";

/**
 * The laws of the release machine, over random worlds: users who change their minds, pods that come and go, processes that die
 * in the middle of a pass, caches that lag. A failing run prints its seed and the shortest story that breaks the law.
 */

const runs = Number(process.env["WEIR_PROPERTY_RUNS"] ?? 1200);
/** Passes of the machine that the laws have to be held against in one run of the tests. */
const leastSteps = 100_000;

type Move =
  | { readonly kind: "pass" }
  /** Several passes in which everything goes as planned: without them no story gets anywhere. */
  | { readonly kind: "flow"; readonly passes: number }
  | { readonly kind: "crash"; readonly after: number }
  | { readonly kind: "stale" }
  | { readonly kind: "time"; readonly seconds: number }
  | { readonly kind: "pods" }
  | { readonly kind: "lose"; readonly who: "target" | "primary"; readonly gaveUp: boolean }
  | { readonly kind: "revision"; readonly revision: string }
  | { readonly kind: "metrics"; readonly good: boolean }
  | { readonly kind: "gates"; readonly open: boolean }
  | { readonly kind: "drift"; readonly weight: number }
  | { readonly kind: "break"; readonly what: "canaryService" | "primaryService" | "apexService" | "route" }
  /** Somebody edits the primary's template. */
  | { readonly kind: "alter"; readonly how: "drifted" | "meant" }
  | { readonly kind: "suspend"; readonly on: boolean }
  /** The target is deleted; it comes back in the end, if not before. */
  | { readonly kind: "target"; readonly there: boolean }
  /** Somebody edits the target's autoscaler, or names another; KEDA is told or untold to pause; an autoscaler sizes a workload. */
  | { readonly kind: "scaler"; readonly what: "edit" | "rename" | "pause" | "resume" | "grow" | "shrink" }
  /** Somebody scales the target, or an autoscaler that its Canary does not name. */
  | { readonly kind: "scale"; readonly replicas: number; readonly autoscaled: boolean }
  /** The wall clock jumps. */
  | { readonly kind: "clock"; readonly minutes: number };

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 12, arbitrary: fc.constant<Move>({ kind: "pass" }) },
  { weight: 10, arbitrary: fc.integer({ min: 2, max: 12 }).map((passes): Move => ({ kind: "flow", passes })) },
  { weight: 3, arbitrary: fc.nat(4).map((after): Move => ({ kind: "crash", after })) },
  { weight: 2, arbitrary: fc.constant<Move>({ kind: "stale" }) },
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 15 }).map((seconds): Move => ({ kind: "time", seconds })) },
  { weight: 8, arbitrary: fc.constant<Move>({ kind: "pods" }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("lose" as const),
      who: fc.constantFrom("target" as const, "primary" as const),
      gaveUp: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom("w1:a", "w1:b", "w1:c", "w1:d", "w1:a.x", "w1:a.y")
      .map((revision): Move => ({ kind: "revision", revision })),
  },
  { weight: 2, arbitrary: fc.boolean().map((good): Move => ({ kind: "metrics", good })) },
  { weight: 1, arbitrary: fc.boolean().map((open): Move => ({ kind: "gates", open })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("drifted" as const, "meant" as const).map((how): Move => ({ kind: "alter", how })),
  },
  { weight: 1, arbitrary: fc.constantFrom(0, 10, 37, 100).map((weight): Move => ({ kind: "drift", weight })) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom("canaryService" as const, "primaryService" as const, "apexService" as const, "route" as const)
      .map((what): Move => ({ kind: "break", what })),
  },
  { weight: 1, arbitrary: fc.boolean().map((on): Move => ({ kind: "suspend", on })) },
  { weight: 1, arbitrary: fc.boolean().map((there): Move => ({ kind: "target", there })) },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(
        "edit" as const,
        "rename" as const,
        "pause" as const,
        "resume" as const,
        "grow" as const,
        "shrink" as const,
      )
      .map((what): Move => ({ kind: "scaler", what })),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("scale" as const),
      replicas: fc.integer({ min: 0, max: 6 }),
      autoscaled: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom(-90, 90).map((minutes): Move => ({ kind: "clock", minutes })) },
);

interface Shape {
  readonly analysis: Parameters<typeof aWorld>[0];
  readonly provider: string;
  readonly options?: WorldOptions;
}

const shape = fc.constantFrom<Shape>(
  { analysis: { stepWeight: 10, maxWeight: 50 }, provider: "gatewayapi:v1" },
  { analysis: { stepWeights: [1, 5, 40, 80] }, provider: "traefik" },
  { analysis: { stepWeight: 30, maxWeight: 100, stepWeightPromotion: 40 }, provider: "gatewayapi:v1" },
  { analysis: { iterations: 3 }, provider: "gatewayapi:v1" },
  {
    analysis: { iterations: 2, match: [{ headers: { "x-canary": { exact: "insider" } } }] },
    provider: "gatewayapi:v1",
  },
  {
    analysis: { stepWeight: 25, maxWeight: 50, sessionAffinity: { cookieName: "sid", primaryCookieName: "psid" } },
    provider: "gatewayapi:v1",
  },
  { analysis: { stepWeight: 40, maxWeight: 60, mirror: true }, provider: "gatewayapi:v1" },
  { analysis: { iterations: 2, mirror: true }, provider: "gatewayapi:v1" },
  {
    analysis: {
      stepWeight: 30,
      maxWeight: 60,
      webhooks: [
        { name: "go", type: "confirm-rollout", url: "http://tester/gate/check" },
        { name: "more", type: "confirm-traffic-increase", url: "http://tester/gate/check" },
        { name: "back", type: "rollback", url: "http://tester/rollback/check" },
      ],
    },
    provider: "gatewayapi:v1",
  },
  { analysis: { iterations: 2 }, provider: "kubernetes" },
  { analysis: { stepWeight: 20, maxWeight: 60 }, provider: "gatewayapi:v1", options: { kind: "DaemonSet" } },
  { analysis: { stepWeight: 50, maxWeight: 100 }, provider: "gatewayapi:v1", options: { scaler: "hpa" } },
  { analysis: { stepWeight: 25, maxWeight: 50 }, provider: "traefik", options: { scaler: "keda" } },
  { analysis: { iterations: 2 }, provider: "kubernetes", options: { scaler: "keda" } },
);

const story = fc.record({ shape, moves: fc.array(move, { minLength: 20, maxLength: 120, size: "max" }) });

/** Answers with the number of passes that the machine made. */
function play(world: World, moves: readonly Move[], machine: Decide): number {
  const ledger: Ledger = { passed: new Set(), accepted: new Set() };
  let late: Observation | undefined;
  let steps = 0;
  const take = (options: Omit<PassOptions, "decide">) => {
    steps += 1;
    return pass(world, { ...options, decide: machine });
  };
  for (const step of moves) {
    const onAction = (action: Action, seen: Observation, answers: Observation["answers"]): void =>
      hold(world, action, seen, answers, ledger);
    switch (step.kind) {
      case "pass":
        take({ onAction });
        break;
      case "flow":
        for (let count = 0; count < step.passes && !world.gone; count++) {
          const decision = take({ onAction });
          if (decision.actions.length === 0) world.now += decision.wakeAfterMs ?? 0;
          settlePods(world);
        }
        break;
      case "crash":
        take({ crashAfter: step.after, onAction });
        break;
      case "stale":
        // Own writes are never missed (the store waits for them); what others did may be.
        if (late !== undefined && late.canary.status === canaryOf(world).status) take({ seen: late, onAction });
        break;
      default:
        late = observe(world);
        happen(world, step);
    }
  }
  return steps;
}

function happen(world: World, step: Exclude<Move, { kind: "pass" | "flow" | "crash" | "stale" }>): void {
  switch (step.kind) {
    case "time":
      world.now += step.seconds * 1000;
      return;
    case "pods":
      settlePods(world);
      return;
    case "lose": {
      const workload = world[step.who];
      if (workload === undefined || workload.replicas === 0) return;
      workload.available = 0;
      workload.health = step.gaveUp ? "gaveUp" : "starting";
      return;
    }
    case "revision":
      if (world.target !== undefined && world.target.revision !== step.revision) {
        world.target.revision = step.revision;
        if (world.target.replicas > 0) world.target.health = "starting";
      }
      return;
    case "alter":
      if (world.primary !== undefined) world.primary.altered = step.how;
      return;
    case "metrics":
      world.metricsGood = step.good;
      return;
    case "gates":
      world.gatesOpen = step.open;
      return;
    case "drift":
      if (world.traffic !== undefined)
        world.traffic = { primary: 100 - step.weight, canary: step.weight, mirror: false };
      return;
    case "break":
      if (step.what === "route") world.route = world.traffic === undefined ? "absent" : "differs";
      else world.services[step.what] = "differs";
      return;
    case "suspend":
      world.spec = { ...world.spec, suspend: step.on };
      world.generation += 1;
      return;
    case "target":
      if (!step.there) world.target = undefined;
      else comeBack(world);
      return;
    case "scaler":
      if (world.scaler.kind !== "none") rescale(world, step.what);
      return;
    case "scale":
      if (world.target !== undefined) scaleTarget(world.target, step);
      return;
    case "clock":
      world.now += step.minutes * 60_000;
  }
}

function rescale(world: World, what: Extract<Move, { kind: "scaler" }>["what"]): void {
  const { scaler, target, primary } = world;
  switch (what) {
    case "edit":
      if (scaler.copy === "fits") scaler.copy = "differs";
      return;
    case "rename":
      if (scaler.copy !== "absent") scaler.stray = true;
      scaler.copy = "absent";
      return;
    case "pause":
    case "resume":
      if (scaler.kind === "keda") scaler.paused = what === "pause";
      return;
    case "grow":
      if (target !== undefined && target.replicas > 0) target.replicas = 4;
      return;
    case "shrink":
      // As far as its autoscaler lets it.
      if (primary !== undefined && primary.replicas > 0) primary.replicas = floorOf(world) ?? 1;
  }
}

/** An autoscaler leaves an empty target alone. */
function scaleTarget(target: ModelWorkload, { replicas, autoscaled }: Extract<Move, { kind: "scale" }>): void {
  if (autoscaled && (target.replicas === 0 || replicas === 0)) return;
  if (autoscaled) target.autoscaled = true;
  else delete target.autoscaled;
  target.available = Math.min(target.available, replicas);
  if (replicas > target.replicas && target.health === "ready") target.health = "starting";
  target.replicas = replicas;
}

/** Somebody applies the target again, as it was first. */
function comeBack(world: World): void {
  world.target ??= { revision: "w1:a", replicas: 2, available: 0, health: "starting", held: false };
}

const atRest = /^(Initialized|Succeeded|Failed)$/;

/** From here on the world is kind: everything starts, gates open, checks pass, nobody interferes. */
function makeKind(world: World): void {
  world.metricsGood = true;
  world.gatesOpen = true;
  world.spec = { ...world.spec, suspend: false };
  comeBack(world);
  for (const workload of [world.target, world.primary]) if (workload?.health === "gaveUp") workload.health = "starting";
  settlePods(world);
}

test("whatever happens, no law of traffic and promotion is broken", (t) => {
  let steps = 0;
  fc.assert(
    fc.property(story, ({ shape: { analysis, provider, options }, moves }) => {
      steps += play(aWorld(analysis, provider, options), moves, decide);
    }),
    { numRuns: runs },
  );
  t.diagnostic(`${steps} steps in ${runs} stories`);
  assert.ok(steps >= Math.min(leastSteps, runs * 80), `${steps} steps are too few to say anything`);
});

test("whatever happened, a kind world ends at rest: the revision is settled, weights and replicas are where they belong", () => {
  fc.assert(
    fc.property(story, ({ shape: { analysis, provider, options }, moves }) => {
      const world = aWorld(analysis, provider, options);
      play(world, moves, decide);
      makeKind(world);
      runToRest(world, decide);
      const { phase, lastAppliedSpec, lastPromotedSpec } = world.status ?? {};
      assert.match(phase ?? "", atRest);
      assert.equal(lastAppliedSpec, world.target?.revision, "law 4: the last accepted revision is settled");
      const content = world.target?.revision.split(".")[1];
      const noted = content === undefined ? {} : { "configmap/settings": content };
      assert.deepEqual(
        world.status?.trackedConfigs,
        noted,
        "the status names the configs of the revision that was seen",
      );
      assert.ok(
        phase === "Failed" || world.primary?.altered !== "drifted",
        "what somebody made of the primary is gone",
      );
      if (phase !== "Failed")
        assert.equal(lastPromotedSpec, world.primary?.revision, "law 4: the status names what the primary runs");
      if (provider !== "kubernetes") assert.deepEqual(world.traffic, plannedTraffic(canaryOf(world), provider));
      assert.equal(
        world.target?.replicas === 0,
        world.traffic === undefined || world.traffic.canary === 0,
        "an empty target, unless it carries the traffic",
      );
      const { kind, paused, copy, stray } = world.scaler;
      if (kind === "none" && world.target?.replicas === 0)
        assert.equal(world.primary?.replicas, world.target.wish ?? world.primary?.replicas, "wishes are fulfilled");
      if (kind !== "none")
        assert.deepEqual([copy, stray], ["fits", false], "the primary's autoscaler follows its source");
      if (kind === "keda" && world.target?.replicas === 0) assert.ok(paused, "nobody wakes an empty target");
    }),
    { numRuns: runs },
  );
});

test("deciding is deterministic, and at rest there is nothing left to decide", () => {
  fc.assert(
    fc.property(story, ({ shape: { analysis, provider, options }, moves }) => {
      const world = aWorld(analysis, provider, options);
      play(world, moves, decide);
      const seen = observe(world);
      assert.deepEqual(decide(seen), decide(structuredClone(seen)));
      makeKind(world);
      runToRest(world, decide);
      assert.deepEqual(decide(observe(world)), { actions: [], questions: [] });
    }),
    { numRuns: Math.ceil(runs / 4) },
  );
});

test("a deletion at any moment ends soon, and what serves then is available", () => {
  fc.assert(
    fc.property(story, ({ shape: { analysis, provider, options }, moves }) => {
      const world = aWorld(analysis, provider, options);
      play(world, moves, decide);
      makeKind(world);
      if (world.finalizers.length === 0) return;
      world.deleting = true;
      runToRest(world, decide, 30);
      assert.equal(world.gone, true, "law 8: the finalizer goes");
      assert.ok(world.handedTo !== undefined, "law 8: somebody serves on");
      assert.ok((world[world.handedTo]?.available ?? 0) > 0, "law 8: and can");
    }),
    { numRuns: runs },
  );
});

test("the stories go everywhere: no phase is left out", () => {
  const visited = new Map<string, number>();
  for (const { shape: setting, moves } of fc.sample(story, { numRuns: 300, seed: 7 })) {
    play(aWorld(setting.analysis, setting.provider, setting.options), moves, (seen) => {
      const phase = seen.canary.status?.phase ?? "";
      visited.set(phase, (visited.get(phase) ?? 0) + 1);
      return decide(seen);
    });
  }
  const everywhere = [
    "",
    "Initializing",
    "Initialized",
    "Progressing",
    "WaitingPromotion",
    "Promoting",
    "Finalising",
    "Succeeded",
    "Failed",
  ];
  assert.deepEqual(
    everywhere.filter((phase) => (visited.get(phase) ?? 0) < 5),
    [],
    JSON.stringify([...visited]),
  );
});

test("the laws have teeth: machines with planted mistakes are caught", () => {
  for (const [name, machine] of Object.entries(mistakes)) {
    const result = fc.check(
      fc.property(story, ({ shape: { analysis, provider, options }, moves }) => {
        const world = aWorld(analysis, provider, options);
        play(world, moves, machine);
        makeKind(world);
        runToRest(world, machine);
        assert.match(world.status?.phase ?? "", atRest);
      }),
      { numRuns: 400 },
    );
    assert.equal(result.failed, true, `not caught: a machine that ${name}`);
  }
});
