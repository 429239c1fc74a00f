import type { Canary, CanaryStatus } from "../../../api/index.ts";
import type {
  Action,
  Answer,
  Decide,
  Decision,
  Observation,
  Question,
  Readiness,
  Traffic,
  Workload,
} from "../../../controller/decide/types.ts";

/** A workload of the model: what the cluster would say about it. */
export interface ModelWorkload {
  revision: string;
  replicas: number;
  available: number;
  health: "ready" | "starting" | "gaveUp";
  held: boolean;
  /** Of the primary: somebody changed its template. */
  altered?: "drifted" | "meant";
  /** The number of replicas that is noted for the primary. */
  wish?: number;
  /** An autoscaler that the Canary does not name looks after it. */
  autoscaled?: true;
  autoscaledTo?: number;
}

/** The target's autoscaler and what became of it. */
export interface ModelScaler {
  /** KEDA brings an empty target back up, unless it is paused. */
  kind: "none" | "hpa" | "keda";
  paused: boolean;
  copy: "absent" | "differs" | "fits";
  stray: boolean;
}

const scalerKinds = { hpa: "HorizontalPodAutoscaler", keda: "ScaledObject" } as const;

/** The most that the autoscaler of the model allows. */
const mostReplicas = 5;

/** A cluster with one canary, small enough to be explored: every effect of an action is one assignment. */
export interface World {
  now: number;
  spec: Canary["spec"];
  status: CanaryStatus | undefined;
  finalizers: string[];
  deleting: boolean;
  gone: boolean;
  generation: number;
  provider: string;
  target: ModelWorkload | undefined;
  primary: ModelWorkload | undefined;
  services: Record<"canaryService" | "primaryService" | "apexService", "absent" | "differs" | "fits">;
  route: "absent" | "differs" | "fits";
  traffic: Traffic | undefined;
  scaler: ModelScaler;
  handedTo: "target" | "primary" | undefined;
  lastRoundAt: number | undefined;
  /** What checks and gates would answer now. */
  metricsGood: boolean;
  gatesOpen: boolean;
  events: string[];
  /** `severity: message`. */
  alerts: string[];
}

export interface WorldOptions {
  readonly kind?: Canary["spec"]["targetRef"]["kind"];
  readonly scaler?: ModelScaler["kind"];
}

export function aWorld(
  spec: Partial<Canary["spec"]["analysis"]> = { stepWeight: 10, maxWeight: 50 },
  provider = "gatewayapi:v1",
  { kind = "Deployment", scaler = "none" }: WorldOptions = {},
): World {
  return {
    now: Date.parse("2026-01-01T00:00:00Z"),
    spec: {
      targetRef: { apiVersion: "apps/v1", kind, name: "podinfo" },
      service: { port: 9898 },
      ...(scaler === "none"
        ? {}
        : { autoscalerRef: { apiVersion: "any/v1", kind: scalerKinds[scaler], name: "podinfo" } }),
      analysis: {
        interval: "10s",
        threshold: 3,
        ...spec,
        metrics: [{ name: "request-success-rate", thresholdRange: { min: 99 }, interval: "1m" }],
        webhooks: [
          { name: "smoke", type: "pre-rollout", url: "http://tester/" },
          { name: "gate", type: "confirm-promotion", url: "http://tester/gate/check" },
          ...(spec?.webhooks ?? []),
        ],
      },
    } as Canary["spec"],
    status: undefined,
    finalizers: [],
    deleting: false,
    gone: false,
    generation: 1,
    provider,
    target: { revision: "w1:a", replicas: 2, available: 2, health: "ready", held: false },
    primary: undefined,
    services: { canaryService: "absent", primaryService: "absent", apexService: "absent" },
    route: "absent",
    traffic: undefined,
    scaler: { kind: scaler, paused: false, copy: "absent", stray: false },
    handedTo: undefined,
    lastRoundAt: undefined,
    metricsGood: true,
    gatesOpen: true,
    events: [],
    alerts: [],
  };
}

export function canaryOf(world: World): Canary {
  return {
    apiVersion: "flagger.app/v1beta1",
    kind: "Canary",
    metadata: {
      name: "podinfo",
      namespace: "test",
      uid: "u1",
      generation: world.generation,
      finalizers: world.finalizers,
      ...(world.deleting ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
    },
    spec: world.spec,
    ...(world.status === undefined ? {} : { status: world.status }),
  };
}

/** The observation of a world; frozen in time, so it can be used late (a stale cache): what changes in a world is replaced there. */
export function observe(world: World): Observation {
  const routed = world.provider !== "kubernetes";
  return {
    now: world.now,
    canary: canaryOf(world),
    provider: world.provider,
    target: world.target === undefined ? undefined : { ...seenWorkload(world.target), unjudged: isUnjudged(world) },
    primary: world.primary === undefined ? undefined : seenWorkload(world.primary),
    objects: {
      ...world.services,
      primaryScaler: world.scaler.kind === "none" ? ("none" as const) : world.scaler.copy,
      route: routed ? world.route : ("none" as const),
    },
    endpoints: { canary: "podinfo-canary", primary: "podinfo" },
    ...seenScaler(world),
    configs: configsOf(world),
    traffic: routed ? world.traffic : undefined,
    canaryReplicas: world.primary?.replicas ?? 1,
    ...(world.lastRoundAt === undefined ? {} : { lastRoundAt: world.lastRoundAt }),
    answers: {},
    drainMs: 3_000,
  };
}

/** A revision `w1:a.x` is template `w1:a` with content `x` in the ConfigMap that it refers to. */
function configsOf({ target }: World): Readonly<Record<string, string>> {
  const content = target?.revision.split(".")[1];
  return content === undefined ? {} : { "configmap/settings": content };
}

function seenScaler(world: World): Partial<Observation> {
  const { kind, paused, stray } = world.scaler;
  const floor = floorOf(world);
  return {
    ...(kind === "keda" ? { sourceScaler: paused ? ("paused" as const) : ("running" as const) } : {}),
    ...(stray ? { strayScalers: true } : {}),
    ...(floor === undefined ? {} : { primaryFloor: floor }),
  };
}

/** What the primary must not be smaller than when traffic comes back to it. */
export function floorOf(world: World): number | undefined {
  const { phase, canaryWeight = 0 } = world.status ?? {};
  const returning = phase === "Finalising" || (phase === "Promoting" && canaryWeight > 0);
  const replicas = Math.min(world.target?.replicas ?? 0, mostReplicas);
  return world.scaler.kind !== "none" && returning && replicas > 0 ? replicas : undefined;
}

/** No webhook in this world: whatever can be paused is for the controller to hold. */
function isUnjudged({ spec, target }: World): boolean {
  return spec.targetRef.kind === "Deployment" && target?.held === false;
}

function seenWorkload(workload: ModelWorkload): Workload {
  const readiness: Readiness =
    workload.health === "ready"
      ? { ready: true }
      : {
          ready: false,
          why: `waiting for rollout to finish: ${workload.available} available`,
          retriable: workload.health !== "gaveUp",
        };
  return {
    revision: workload.revision,
    replicas: workload.replicas,
    readiness,
    available: workload.available,
    held: workload.held,
    ...(workload.altered === undefined ? {} : { altered: workload.altered }),
    ...(workload.wish === undefined ? {} : { wishedReplicas: workload.wish }),
    ...(workload.autoscaledTo === undefined ? {} : { autoscaledTo: workload.autoscaledTo }),
  };
}

export function answer(world: World, question: Question): Answer {
  switch (question.kind) {
    case "hook":
      return {
        kind: "hook",
        ok: hookAnswer(world, question.hook.type),
        message: "",
      };
    case "metric":
      return {
        kind: "metric",
        readings: [
          {
            source: "success-rate",
            provider: world.provider,
            sample: { kind: "value", value: world.metricsGood ? 100 : 50 },
          },
        ],
      };
    case "providers":
      return { kind: "providers", error: undefined };
    case "endpoints": {
      const workload = question.service.endsWith("-canary") ? world.target : world.primary;
      return { kind: "endpoints", ready: workload?.available ?? 0 };
    }
  }
}

/** Whoever closes the gates while checks fail wants the release back. */
function hookAnswer(world: World, type = ""): boolean {
  if (type === "rollback") return !world.gatesOpen && !world.metricsGood;
  return type.startsWith("confirm") ? world.gatesOpen : world.metricsGood;
}

/** Performs one action on the world. False: a conflict, the pass ends here. */
export function perform(world: World, action: Action): boolean {
  switch (action.kind) {
    case "ensure":
      return ensure(world, action);
    case "shift":
      world.traffic = action.traffic;
      return true;
    case "scaleTarget":
      if (world.target !== undefined) scale(world.target, action.replicas);
      return true;
    case "scalePrimary":
      if (world.primary !== undefined) {
        world.primary.replicas = action.replicas;
        if (world.primary.health === "ready") world.primary.health = "starting";
      }
      return true;
    case "pauseScaler":
      world.scaler.paused = action.paused;
      return true;
    case "dropScalers":
      world.scaler.stray = false;
      return true;
    case "keepWish":
      if (world.target === undefined) return true;
      if (action.unlessAutoscaled === true && world.target.autoscaled === true)
        world.target.autoscaledTo = action.replicas;
      else world.target.wish = action.replicas;
      return true;
    case "hold":
      if (world.target !== undefined) world.target.held = true;
      return true;
    case "unhold":
      if (world.target !== undefined) world.target.held = false;
      return true;
    case "promote":
    case "mend":
      if (world.target?.revision !== action.revision || world.primary === undefined) return false;
      world.primary.revision = action.revision;
      world.primary.health = "starting";
      delete world.primary.altered;
      return true;
    case "status":
      world.status = action.status;
      world.lastRoundAt = world.now;
      return true;
    case "event":
      world.events.push(action.message);
      return true;
    case "handBack":
      world.handedTo = action.to;
      return true;
    case "finalizer":
      world.finalizers = action.present ? ["finalizer.flagger.app"] : [];
      if (world.deleting && !action.present) world.gone = true;
      return true;
    case "alert":
      world.alerts.push(`${action.severity}: ${action.message}`);
      return true;
    case "count":
    case "tell":
      return true;
  }
}

function ensure(world: World, action: Extract<Action, { kind: "ensure" }>): boolean {
  if (action.object === "primary") {
    const target = world.target;
    if (target === undefined) return false;
    world.primary ??= {
      revision: target.revision,
      replicas: Math.max(1, target.replicas),
      available: 0,
      health: "starting",
      held: false,
    };
  } else if (action.object === "route") {
    world.route = "fits";
    world.traffic = action.traffic;
  } else if (action.object === "primaryScaler") {
    world.scaler.copy = "fits";
  } else {
    world.services[action.object] = "fits";
  }
  return true;
}

function scale(workload: ModelWorkload, replicas: number): void {
  workload.replicas = replicas;
  if (replicas === 0) workload.available = 0;
  workload.health = replicas === 0 ? "ready" : "starting";
}

/** Everything that is starting, is ready. */
export function settlePods(world: World): void {
  if (world.scaler.kind === "keda" && !world.scaler.paused && world.target?.replicas === 0) scale(world.target, 1);
  for (const workload of [world.target, world.primary]) {
    if (workload === undefined || workload.health === "gaveUp") continue;
    workload.health = "ready";
    workload.available = workload.replicas;
  }
}

export interface PassOptions {
  readonly decide: Decide;
  /** Actions that still happen before the process dies; absent: all. */
  readonly crashAfter?: number;
  /** What the caches say, when they lag behind. */
  readonly seen?: Observation;
  readonly onAction?: (action: Action, seen: Observation, answers: Observation["answers"]) => void;
}

/** One pass of the loop: decide, act, ask, decide again with the answers. Returns the last decision. */
export function pass(world: World, options: PassOptions): Decision {
  let seen = options.seen ?? observe(world);
  let answers: Record<string, Answer> = {};
  let left = options.crashAfter ?? Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < 8; turn++) {
    const decision = options.decide({ ...seen, answers });
    for (const action of decision.actions) {
      if (left-- <= 0) {
        world.lastRoundAt = undefined;
        return decision;
      }
      options.onAction?.(action, seen, answers);
      if (!perform(world, action)) return decision;
    }
    if (decision.questions.length === 0) return decision;
    answers = {
      ...answers,
      ...Object.fromEntries(decision.questions.map((question) => [question.id, answer(world, question)])),
    };
    if (decision.round === true) world.lastRoundAt = world.now;
    seen = observe(world);
  }
  throw new Error("decide asks for ever");
}

/** Runs passes until nothing happens any more, letting time go by and pods start. Returns the number of decisions. */
export function runToRest(world: World, decide: Decide, limit = 400, onAction?: PassOptions["onAction"]): number {
  for (let count = 1; count <= limit; count++) {
    const decision = pass(world, { decide, ...(onAction === undefined ? {} : { onAction }) });
    if (world.gone) return count;
    const idle = decision.actions.length === 0 && decision.questions.length === 0;
    if (idle && decision.wakeAfterMs === undefined && podsSettled(world)) return count;
    if (idle || decision.actions.every((action) => action.kind === "event" || action.kind === "status")) {
      settlePods(world);
      if (idle) world.now += decision.wakeAfterMs ?? 0;
    }
  }
  throw new Error(`no rest after ${limit} decisions: ${JSON.stringify(world)}`);
}

function podsSettled(world: World): boolean {
  return [world.target, world.primary].every((workload) => workload === undefined || workload.health !== "starting");
}
