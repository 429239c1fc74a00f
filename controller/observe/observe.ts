import {
  annotations,
  authorshipOf,
  type Canary,
  canaryReadyThreshold,
  type Fit,
  primaryReadyThreshold,
  progressDeadlineSeconds,
  providerOf,
  providersWith,
  type RawObject,
  shortfalls,
} from "../../api/index.ts";
import type { Answer, Observation, Workload } from "../decide/types.ts";
import { routerFor, routers } from "../routers/registry.ts";
import { scalerKindOf } from "../scalers/registry.ts";
import { fits } from "../workloads/fits.ts";
import { workloadKindOf } from "../workloads/registry.ts";
import { generatedService, type ServiceRole } from "../workloads/services.ts";
import type { WorkloadKind } from "../workloads/workload.ts";
import type { Caches } from "./caches.ts";
import { allRefs, type Refs, refsOf } from "./refs.ts";
import { canaryReplicas, scalerFacts, scalerFit } from "./scalers.ts";

export interface ObserveOptions {
  readonly caches: Pick<Caches, "get" | "ready" | "controlledBy">;
  readonly meshProvider: string;
  readonly selectorLabels: readonly string[];
  readonly drainMs: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly lastRoundAt: number | undefined;
  readonly answers: Readonly<Record<string, Answer>>;
}

/** One look at the world, from caches alone. Undefined while they lag behind our own writes: acting on them would be acting on the past. */
export function observe(canary: Canary, options: ObserveOptions): Observation | undefined {
  const refs = refsOf(canary, options.meshProvider);
  if (!options.caches.ready(allRefs(refs))) return undefined;
  const kind = workloadKindOf(canary.spec.targetRef);
  const provider = providerOf(canary, options.meshProvider);
  const target = read(options, refs.target);
  const primary = read(options, refs.primary);
  const obstacle = obstacleOf(canary, provider, kind, target, options);
  return {
    now: options.now,
    canary,
    provider,
    target: target === undefined || kind === undefined ? undefined : targetFacts(canary, kind, target, options.now),
    primary: primary === undefined || kind === undefined ? undefined : primaryFacts(canary, kind, primary, options.now),
    ...(obstacle === undefined ? {} : { obstacle }),
    objects: {
      canaryService: serviceFit(canary, "canary", refs, options, target),
      primaryService: serviceFit(canary, "primary", refs, options, target),
      apexService: serviceFit(canary, "apex", refs, options, target),
      primaryScaler: scalerFit(canary, kind, refs, options.caches),
      route:
        refs.routes.length === 0
          ? "none"
          : (routerFor(provider)?.fit(canary, (ref) => options.caches.get(ref)) ?? "none"),
    },
    traffic: refs.routes.length === 0 ? undefined : routerFor(provider)?.read(canary, (ref) => options.caches.get(ref)),
    canaryReplicas: canaryReplicas(canary, kind, refs, options.caches),
    ...scalerFacts(canary, kind, refs, options.caches),
    ...(options.lastRoundAt === undefined ? {} : { lastRoundAt: options.lastRoundAt }),
    answers: options.answers,
    drainMs: options.drainMs,
  };
}

function read(options: ObserveOptions, ref: Refs["target"]): RawObject | undefined {
  return ref === undefined ? undefined : options.caches.get(ref);
}

/** Why this canary can't be looked after at all, in words; the caller stalls until somebody changes something. */
function obstacleOf(
  canary: Canary,
  provider: string,
  kind: WorkloadKind | undefined,
  target: RawObject | undefined,
  options: ObserveOptions,
): string | undefined {
  const router = routerFor(provider);
  if (kind === undefined)
    return `targetRef.kind ${canary.spec.targetRef.kind} is not supported yet: use a Deployment or a DaemonSet`;
  if (router === undefined)
    return `provider ${provider} is not supported yet: use one of ${routers.map((each) => each.provider).join(", ")}`;
  const unfit = target === undefined ? undefined : kind.obstacle(target);
  if (unfit !== undefined) return unfit;
  const label = target === undefined ? undefined : kind.selectorLabel(target, options.selectorLabels);
  if (label !== undefined && "obstacle" in label) return label.obstacle;
  if (canary.spec.autoscalerRef !== undefined && scalerKindOf(canary.spec.autoscalerRef) === undefined) {
    return `autoscalerRef.kind ${canary.spec.autoscalerRef.kind} is not supported yet: use a HorizontalPodAutoscaler or a ScaledObject`;
  }
  return router.obstacle(canary, (ref) => options.caches.get(ref)) ?? shortfallOf(canary, router.provider);
}

/**
 * What would send everybody to the canary, or never settle, because the provider knows nothing of it. Admission refuses it before;
 * this is for a provider that only the controller's flag names, and for clusters where no webhook runs. `kubernetes` drops both.
 */
function shortfallOf(canary: Canary, provider: string): string | undefined {
  const asked = provider === "kubernetes" ? [] : shortfalls(canary, provider);
  const found = asked.find(({ feature }) => feature === "abTesting" || feature === "mirror");
  return (
    found && `provider ${provider} cannot do ${found.field}: use one of ${providersWith(found.feature).join(", ")}`
  );
}

function targetFacts(canary: Canary, kind: WorkloadKind, target: RawObject, now: number): Workload {
  const marks = target.metadata.annotations ?? {};
  const revision = revisionOf(kind, target);
  const wish = Number(marks[annotations.replicas]);
  return {
    revision,
    ...common(kind, target, canaryReadyThreshold(canary), canary, now, false),
    authorship: authorshipOf(marks, revision),
    ...(marks[annotations.replicas] !== undefined && Number.isInteger(wish) ? { wishedReplicas: wish } : {}),
    held: marks[annotations.held] !== undefined,
  };
}

function primaryFacts(canary: Canary, kind: WorkloadKind, primary: RawObject, now: number): Workload {
  return {
    revision: primary.metadata.annotations?.[annotations.revision] ?? "foreign",
    ...common(kind, primary, primaryReadyThreshold(canary), canary, now, true),
  };
}

function common(
  kind: WorkloadKind,
  workload: RawObject,
  thresholdPercent: number,
  canary: Canary,
  now: number,
  mustServe: boolean,
): Pick<Workload, "replicas" | "readiness" | "available"> {
  const progressAt = Date.parse(canary.status?.lastTransitionTime ?? "");
  const readiness = kind.readiness(workload, {
    name: workload.metadata.name,
    thresholdPercent,
    deadlineSeconds: progressDeadlineSeconds(canary),
    now,
    mustServe,
    progressAt: Number.isNaN(progressAt) ? undefined : progressAt,
  });
  return { replicas: kind.replicas(workload), readiness, available: kind.available(workload) };
}

/** Hashing a template is the dearest part of a look, and cached objects never change: each is hashed once. */
const revisions = new WeakMap<RawObject, string>();

function revisionOf(kind: WorkloadKind, target: RawObject): string {
  const known = revisions.get(target);
  if (known !== undefined) return known;
  const revision = kind.revisionOfTarget(target);
  revisions.set(target, revision);
  return revision;
}

function serviceFit(
  canary: Canary,
  role: ServiceRole,
  refs: Refs,
  options: ObserveOptions,
  target: RawObject | undefined,
): Fit {
  const live = options.caches.get(refs[`${role}Service`]);
  const label =
    target === undefined
      ? undefined
      : workloadKindOf(canary.spec.targetRef)?.selectorLabel(target, options.selectorLabels);
  if (target === undefined || label === undefined || "obstacle" in label) return live === undefined ? "absent" : "fits";
  return fits(live, generatedService(canary, role, label, target, live));
}
