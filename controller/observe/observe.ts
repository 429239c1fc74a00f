import {
  annotations,
  apiVersionOf,
  authorshipOf,
  type Canary,
  canaryReadyThreshold,
  type Feature,
  type Fields,
  type Fit,
  fieldsOf,
  isOurRevision,
  keyOf,
  primaryReadyThreshold,
  progressDeadlineSeconds,
  providerOf,
  providersWith,
  type RawObject,
  type Readiness,
  referencesAbroad,
  shortfalls,
  templatePart,
} from "../../api/index.ts";
import type { Answer, Observation, Workload } from "../decide/types.ts";
import { routerFor, routers } from "../routers/registry.ts";
import { scalerKindOf } from "../scalers/registry.ts";
import { configRefs, countedRevision, type Tracked, trackedOf } from "../workloads/configs.ts";
import { fits } from "../workloads/fits.ts";
import { creationTrouble } from "../workloads/podTrouble.ts";
import { foreignRevision, runsTemplate } from "../workloads/primary.ts";
import { workloadKindOf, workloadKinds } from "../workloads/registry.ts";
import type { ServiceRole, Side, WorkloadKind } from "../workloads/workload.ts";
import type { Caches } from "./caches.ts";
import type { Configs } from "./configs.ts";
import type { Pods } from "./pods.ts";
import { allRefs, type Refs, refsOf } from "./refs.ts";
import { canaryReplicas, scalerFacts, scalerFit } from "./scalers.ts";

export interface ObserveOptions {
  readonly caches: Pick<Caches, "get" | "ready" | "controlledBy" | "follow">;
  /** Undefined: ConfigMaps and Secrets are not tracked. */
  readonly configs: Pick<Configs, "of"> | undefined;
  readonly pods: Pick<Pods, "troubleOf" | "leave">;
  readonly meshProvider: string;
  readonly selectorLabels: readonly string[];
  /** Whether a Canary may refer to objects of other namespaces. */
  readonly crossNamespaceRefs: boolean;
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
  const tellers = [target && kind?.teller?.(target, "target"), primary && kind?.teller?.(primary, "primary")];
  const isRead = options.caches.follow(
    keyOf(canary.metadata),
    tellers.filter((ref) => ref !== undefined),
  );
  if (!isRead) return undefined;
  const template = target && kind?.template?.(target);
  const configs = tracking(canary, template, options.configs);
  if (configs === "pending") return undefined;
  const lacking = configs !== undefined && "obstacle" in configs ? configs.obstacle : undefined;
  const tracked = configs !== undefined && "checksums" in configs ? configs : undefined;
  const obstacle = obstacleOf(canary, provider, kind, target, options) ?? lacking;
  const serviceFit = (role: ServiceRole) => fitOfService(canary, role, refs, options, target);
  return {
    now: options.now,
    canary,
    provider,
    target: target && kind && targetFacts(canary, kind, target, tracked, options),
    primary: primary && kind && primaryFacts(canary, kind, primary, target, options),
    ...(obstacle === undefined ? {} : { obstacle }),
    ...(tracked === undefined ? {} : { configs: tracked.checksums }),
    objects: {
      canaryService: serviceFit("canary"),
      primaryService: serviceFit("primary"),
      apexService: serviceFit("apex"),
      primaryScaler: scalerFit(canary, kind, refs, options.caches),
      route:
        refs.routes.length === 0
          ? "none"
          : (routerFor(provider)?.fit(canary, (ref) => options.caches.get(ref)) ?? "none"),
    },
    endpoints: (target && kind?.services?.reached(canary, target)) ?? {},
    traffic: refs.routes.length === 0 ? undefined : routerFor(provider)?.read(canary, (ref) => options.caches.get(ref)),
    canaryReplicas: canaryReplicas(canary, kind, refs, options.caches),
    ...scalerFacts(canary, kind, refs, options.caches),
    ...(options.lastRoundAt === undefined ? {} : { lastRoundAt: options.lastRoundAt }),
    answers: options.answers,
    drainMs: options.drainMs,
  };
}

/** What the pods of the target refer to, as far as it is known; pending while something is being read. */
function tracking(canary: Canary, template: Fields | undefined, configs: ObserveOptions["configs"]) {
  if (configs === undefined || template === undefined) return undefined;
  const refs = configRefs(template);
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
    return `targetRef ${canary.spec.targetRef.apiVersion} ${canary.spec.targetRef.kind} is not supported: use a ${workloadKinds.map(nameOfKind).join(", a ")}`;
  if (router === undefined)
    return `provider ${provider} is not supported yet: use one of ${routers.map((each) => each.provider).join(", ")}`;
  const [abroad] = options.crossNamespaceRefs ? [] : referencesAbroad(canary);
  if (abroad !== undefined)
    return `${abroad.field} refers to namespace ${abroad.namespace}: references to other namespaces are switched off here`;
  const unfit = target === undefined ? undefined : kind.obstacle(target, options);
  if (unfit !== undefined) return unfit;
  if (canary.spec.autoscalerRef !== undefined && scalerKindOf(canary.spec.autoscalerRef) === undefined) {
    return `autoscalerRef.kind ${canary.spec.autoscalerRef.kind} is not supported yet: use a HorizontalPodAutoscaler or a ScaledObject`;
  }
  return router.obstacle(canary, (ref) => options.caches.get(ref)) ?? shortfallOf(canary, router.provider);
}

function nameOfKind({ resource }: WorkloadKind): string {
  return `${apiVersionOf(resource)} ${resource.kind}`;
}

/**
 * What would send everybody to the canary, or never settle, because the provider knows nothing of it. Admission refuses it before;
 * this is for a provider that only the controller's flag names, and for clusters where no webhook runs. `kubernetes` drops both.
 */
const vital: ReadonlySet<Feature> = new Set(["abTesting", "mirror", "serviceTarget"]);

function shortfallOf(canary: Canary, provider: string): string | undefined {
  const asked = provider === "kubernetes" ? [] : shortfalls(canary, provider);
  const found = asked.find(({ feature }) => vital.has(feature));
  return (
    found && `provider ${provider} cannot do ${found.field}: use one of ${providersWith(found.feature).join(", ")}`
  );
}

function targetFacts(
  canary: Canary,
  kind: WorkloadKind,
  target: RawObject,
  tracked: Tracked | undefined,
  options: ObserveOptions,
): Workload {
  const marks = target.metadata.annotations ?? {};
  const template = revisionOf(kind, target);
  const revision = countedRevision(canary, template, tracked);
  const { lastAppliedSpec = "" } = canary.status ?? {};
  // Who changed a ConfigMap is not known: certainly not who wrote the template.
  const isTemplateChange = revision === lastAppliedSpec || template !== templatePart(lastAppliedSpec);
  const wish = wholeNumber(marks[annotations.replicas]);
  const autoscaledTo = wholeNumber(marks[annotations.autoscaledReplicas]);
  return {
    revision,
    ...common(canary, kind, target, "target", options),
    authorship: isTemplateChange ? authorshipOf(marks, kind.stamp?.(target) ?? template) : {},
    ...(wish === undefined ? {} : { wishedReplicas: wish }),
    ...(autoscaledTo === undefined ? {} : { autoscaledTo }),
    held: marks[annotations.held] !== undefined,
    unjudged: isUnjudged(canary, target, template),
  };
}

function wholeNumber(text: string | undefined): number | undefined {
  const number = Number(text);
  return text !== undefined && Number.isInteger(number) ? number : undefined;
}

function isUnjudged(canary: Canary, target: RawObject, template: string): boolean {
  if (canary.spec.targetRef.kind !== "Deployment" || fieldsOf(target["spec"])["paused"] === true) return false;
  const isCared = canary.metadata.annotations?.[annotations.admission] !== "off";
  return isCared && target.metadata.annotations?.[annotations.revision] !== template;
}

function primaryFacts(
  canary: Canary,
  kind: WorkloadKind,
  primary: RawObject,
  target: RawObject | undefined,
  options: ObserveOptions,
): Workload | undefined {
  const revision = kind.revisionOfPrimary(primary);
  if (revision === undefined) return undefined;
  const marks = primary.metadata.annotations ?? {};
  const written = marks[annotations.template];
  // A hash by another rule, or none, says nothing: an upgrade must not restart every primary.
  const altered = isOurRevision(written) && written !== revisionOf(kind, primary);
  const isTakenOver = isOurRevision(canary.status?.lastAppliedSpec);
  const differs =
    revision === foreignRevision && !isTakenOver && target !== undefined && !runsTemplate(primary, target);
  return {
    revision,
    ...common(canary, kind, primary, "primary", options),
    ...(differs ? { differs } : {}),
    ...(altered ? { altered: isMeant(marks) ? ("meant" as const) : ("drifted" as const) } : {}),
  };
}

/** Somebody with the right to do so says on the object why it is not as we want it. */
function isMeant(marks: Readonly<Record<string, string>>): boolean {
  return (marks[annotations.bypass] ?? "").trim() !== "";
}

function common(
  canary: Canary,
  kind: WorkloadKind,
  workload: RawObject,
  side: Side,
  options: ObserveOptions,
): Pick<Workload, "replicas" | "readiness" | "available"> {
  const { caches, now } = options;
  const size = kind.sizing === undefined ? {} : { replicas: kind.sizing.replicas(workload) };
  const ref = kind.teller?.(workload, side);
  const teller = ref === undefined ? workload : caches.get(ref);
  if (teller === undefined) {
    const why = `waiting for rollout to finish: there is no ${ref?.resource.kind} ${ref?.name}`;
    return { ...size, readiness: { ready: false, why, retriable: true }, available: 0 };
  }
  const progressAt = Date.parse(canary.status?.lastTransitionTime ?? "");
  const readiness = kind.readiness(teller, {
    name: workload.metadata.name,
    thresholdPercent: side === "target" ? canaryReadyThreshold(canary) : primaryReadyThreshold(canary),
    deadlineSeconds: progressDeadlineSeconds(canary),
    now,
    mustServe: side === "primary",
    progressAt: Number.isNaN(progressAt) ? undefined : progressAt,
  });
  return {
    ...size,
    readiness: explained(canary, workload, side, readiness, options),
    available: kind.available(teller),
  };
}

/** Who waits for pods is told what keeps them, in their own words. */
function explained(
  canary: Canary,
  workload: RawObject,
  side: Side,
  readiness: Readiness,
  { pods }: ObserveOptions,
): Readiness {
  if (readiness.ready) {
    pods.leave(canary, side);
    return readiness;
  }
  // What takes a moment is no reason to ask.
  if (readiness.settling === true) return readiness;
  const trouble = creationTrouble(workload) ?? pods.troubleOf(canary, side, workload);
  return trouble === undefined ? readiness : { ...readiness, why: `${readiness.why}: ${trouble}`, stuck: true };
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

function fitOfService(
  canary: Canary,
  role: ServiceRole,
  refs: Refs,
  options: ObserveOptions,
  target: RawObject | undefined,
): Fit | "none" {
  const ref = refs[`${role}Service`];
  if (ref === undefined) return "none";
  const live = options.caches.get(ref);
  const kind = workloadKindOf(canary.spec.targetRef);
  if (target === undefined || kind?.services === undefined || kind.obstacle(target, options) !== undefined)
    return live === undefined ? "absent" : "fits";
  return fits(live, kind.services.service(canary, role, target, live, options));
}
