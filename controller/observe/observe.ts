import {
  annotations,
  authorshipOf,
  type Canary,
  canaryReadyThreshold,
  type Fit,
  fieldsOf,
  isOurRevision,
  primaryReadyThreshold,
  progressDeadlineSeconds,
  providerOf,
  providersWith,
  type RawObject,
  shortfalls,
  templatePart,
} from "../../api/index.ts";
import type { Answer, Observation, Workload } from "../decide/types.ts";
import { routerFor, routers } from "../routers/registry.ts";
import { scalerKindOf } from "../scalers/registry.ts";
import { configRefs, countedRevision, type Tracked, trackedOf } from "../workloads/configs.ts";
import { fits } from "../workloads/fits.ts";
import { templateOf } from "../workloads/primary.ts";
import { workloadKindOf } from "../workloads/registry.ts";
import { generatedService, type ServiceRole } from "../workloads/services.ts";
import type { WorkloadKind } from "../workloads/workload.ts";
import type { Caches } from "./caches.ts";
import type { Configs } from "./configs.ts";
import { allRefs, type Refs, refsOf } from "./refs.ts";
import { canaryReplicas, scalerFacts, scalerFit } from "./scalers.ts";

export interface ObserveOptions {
  readonly caches: Pick<Caches, "get" | "ready" | "controlledBy">;
  /** Undefined: ConfigMaps and Secrets are not tracked. */
  readonly configs: Pick<Configs, "of"> | undefined;
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
  const configs = tracking(canary, target, options.configs);
  if (configs === "pending") return undefined;
  const lacking = configs !== undefined && "obstacle" in configs ? configs.obstacle : undefined;
  const tracked = configs !== undefined && "checksums" in configs ? configs : undefined;
  const obstacle = obstacleOf(canary, provider, kind, target, options) ?? lacking;
  return {
    now: options.now,
    canary,
    provider,
    target:
      target === undefined || kind === undefined ? undefined : targetFacts(canary, kind, target, tracked, options.now),
    primary: primary === undefined || kind === undefined ? undefined : primaryFacts(canary, kind, primary, options.now),
    ...(obstacle === undefined ? {} : { obstacle }),
    ...(tracked === undefined ? {} : { configs: tracked.checksums }),
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

/** What the target refers to, as far as it is known; pending while something is being read. */
function tracking(canary: Canary, target: RawObject | undefined, configs: ObserveOptions["configs"]) {
  if (configs === undefined || target === undefined) return undefined;
  const refs = configRefs(templateOf(target));
  const find = configs.of(canary, refs);
  return find === undefined ? "pending" : trackedOf(refs, find, canary.metadata.namespace ?? "");
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

function targetFacts(
  canary: Canary,
  kind: WorkloadKind,
  target: RawObject,
  tracked: Tracked | undefined,
  now: number,
): Workload {
  const marks = target.metadata.annotations ?? {};
  const template = revisionOf(kind, target);
  const revision = countedRevision(canary, template, tracked);
  const { lastAppliedSpec = "" } = canary.status ?? {};
  // Who changed a ConfigMap is not known: certainly not who wrote the template.
  const isTemplateChange = revision === lastAppliedSpec || template !== templatePart(lastAppliedSpec);
  const wish = Number(marks[annotations.replicas]);
  return {
    revision,
    ...common(kind, target, canaryReadyThreshold(canary), canary, now, false),
    authorship: isTemplateChange ? authorshipOf(marks, template) : {},
    ...(marks[annotations.replicas] !== undefined && Number.isInteger(wish) ? { wishedReplicas: wish } : {}),
    held: marks[annotations.held] !== undefined,
    unjudged: isUnjudged(canary, target, template),
  };
}

function isUnjudged(canary: Canary, target: RawObject, template: string): boolean {
  if (canary.spec.targetRef.kind !== "Deployment" || fieldsOf(target["spec"])["paused"] === true) return false;
  const isCared = canary.metadata.annotations?.[annotations.admission] !== "off";
  return isCared && target.metadata.annotations?.[annotations.revision] !== template;
}

function primaryFacts(canary: Canary, kind: WorkloadKind, primary: RawObject, now: number): Workload {
  const marks = primary.metadata.annotations ?? {};
  const written = marks[annotations.template];
  // A hash by another rule, or none, says nothing: an upgrade must not restart every primary.
  const altered = isOurRevision(written) && written !== revisionOf(kind, primary);
  return {
    revision: marks[annotations.revision] ?? "foreign",
    ...common(kind, primary, primaryReadyThreshold(canary), canary, now, true),
    ...(altered ? { altered: isMeant(marks) ? ("meant" as const) : ("drifted" as const) } : {}),
  };
}

/** Somebody with the right to do so says on the object why it is not as we want it. */
function isMeant(marks: Readonly<Record<string, string>>): boolean {
  return (marks[annotations.bypass] ?? "").trim() !== "";
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
