/**
 * HorizontalPodAutoscalers. There is no metrics API in the sandbox: without the annotation below the autoscaler behaves as a
 * real one without metrics and only keeps its target between its bounds. With it, the stated utilization decides at once; the
 * stabilization windows of a real autoscaler are left out.
 */
import { isDeepStrictEqual } from "node:util";
import { ApiError, type KubeObject } from "../apiserver/types.ts";
import type { Access } from "./access.ts";
import type { Condition } from "./kinds.ts";
import { conditionOf, keyOfObject, splitKey, timestamp } from "./metadata.ts";
import type { KeyQueue } from "./queue.ts";
import type { ResourceMap } from "./resourceMap.ts";

const AUTOSCALERS = "horizontalpodautoscalers.autoscaling";

/** On the autoscaler: the CPU utilization of its pods in percent of their requests. */
export const UTILIZATION = "sandbox/cpu-utilization";

const TOLERANCE = 0.1;
const DEFAULT_UTILIZATION = 80;
const NO_METRICS =
  "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)";

interface Autoscaler extends KubeObject {
  spec: {
    scaleTargetRef: { apiVersion?: string; kind: string; name: string };
    minReplicas?: number;
    maxReplicas: number;
    metrics?: { type: string; resource?: { name: string; target: { averageUtilization?: number } } }[];
  };
  status?: AutoscalerStatus;
}

interface AutoscalerStatus {
  lastScaleTime?: string;
  currentReplicas?: number;
  desiredReplicas: number;
  currentMetrics: unknown[] | null;
  conditions: Condition[];
}

/** What to do about a target with `current` replicas. */
interface Advice {
  readonly desired: number;
  readonly why: string;
  readonly limited: "TooFewReplicas" | "TooManyReplicas" | undefined;
  /** The target had more or fewer replicas than the autoscaler allows, whatever the metrics say. */
  readonly outOfBounds: boolean;
}

/** Enqueues autoscalers for changes of themselves and of what they may scale. */
export function watchAutoscalers(access: Access, queue: KeyQueue): void {
  const autoscalers = access.informer<Autoscaler>(AUTOSCALERS);
  autoscalers.listen(({ object }) => {
    queue.add(keyOfObject(object));
    // Those of the same target are no longer alone, or alone again.
    const { name } = object.spec.scaleTargetRef;
    for (const other of autoscalers.list(object.metadata.namespace)) {
      if (other.spec.scaleTargetRef.name === name) queue.add(keyOfObject(other));
    }
  });
  access.informer("deployments.apps").listen(({ object }) => {
    for (const autoscaler of autoscalers.list(object.metadata.namespace)) {
      if (autoscaler.spec.scaleTargetRef.name === object.metadata.name) queue.add(keyOfObject(autoscaler));
    }
  });
}

/** One look at one autoscaler. */
export async function syncAutoscaler(access: Access, resources: ResourceMap, key: string): Promise<undefined> {
  const { namespace, name } = splitKey(key);
  const autoscaler = access.informer<Autoscaler>(AUTOSCALERS).get(namespace, name);
  if (autoscaler === undefined || autoscaler.metadata.deletionTimestamp !== undefined) return undefined;
  const { apiVersion = "apps/v1", kind, name: target } = autoscaler.spec.scaleTargetRef;
  const resource = resources.find(apiVersion, kind)?.key;
  const object = resource === undefined ? undefined : access.client.get(resource, namespace, target);
  if (resource === undefined || object === undefined) {
    await reportMissing(access, autoscaler, `${resource ?? kind} "${target}" not found`);
    return undefined;
  }
  const current: number = object["spec"]?.replicas ?? 1;
  const findings = new Findings(autoscaler, access.now());
  findings.add(
    "AbleToScale",
    "True",
    "SucceededGetScale",
    "the HPA controller was able to get the target's current scale",
  );
  if (current === 0) {
    const message = "scaling is disabled since the replica count of the target is zero";
    findings.add("ScalingActive", "False", "ScalingDisabled", message);
    await report(access, autoscaler, findings, 0, 0, undefined);
    return undefined;
  }
  const rivals = rivalsOf(access, autoscaler, object);
  const utilization = rivals === undefined ? utilizationOf(autoscaler) : undefined;
  const advice = advise(autoscaler, current, utilization);
  // Out of its bounds a target is brought back before anybody looks at metrics.
  if (!advice.outOfBounds) noteMetrics(access, autoscaler, findings, advice, utilization, rivals);
  let scaled: string | undefined;
  if (advice.desired !== current) {
    await rescale(access, autoscaler, resource, object, advice);
    const message = `the HPA controller was able to update the target scale to ${advice.desired}`;
    findings.add("AbleToScale", "True", "SucceededRescale", message);
    scaled = timestamp(access.now());
  }
  const desired = advice.desired === current && utilization === undefined ? 0 : advice.desired;
  const metrics = advice.outOfBounds || rivals !== undefined ? null : [metricStatus(utilization)];
  await report(access, autoscaler, findings, current, desired, scaled, metrics);
  return undefined;
}

/** In words, that other autoscalers want to size the same pods; undefined where there are none. */
function rivalsOf(access: Access, autoscaler: Autoscaler, target: KubeObject): string | undefined {
  const { kind, name } = autoscaler.spec.scaleTargetRef;
  const rivals = access
    .informer<Autoscaler>(AUTOSCALERS)
    .list(autoscaler.metadata.namespace)
    .filter(({ spec }) => spec.scaleTargetRef.kind === kind && spec.scaleTargetRef.name === name)
    .map(keyOfObject)
    .sort();
  if (rivals.length < 2) return undefined;
  const labels: Record<string, string> = target["spec"]?.selector?.matchLabels ?? {};
  const selector = Object.keys(labels)
    .sort()
    .map((label) => `${label}=${labels[label]}`);
  return `pods by selector ${selector.join(",")} are controlled by multiple HPAs: [${rivals.join(" ")}]`;
}

/** What the status says of the one metric. A metric that could not be had is an empty entry, as a real autoscaler leaves it. */
function metricStatus(utilization: number | undefined): unknown {
  if (utilization === undefined) return { type: "" };
  return { type: "Resource", resource: { name: "cpu", current: { averageUtilization: Math.round(utilization) } } };
}

/** The number of replicas for a target that has `current`. Pure. */
function advise(autoscaler: Autoscaler, current: number, utilization: number | undefined): Advice {
  const { minReplicas = 1, maxReplicas, metrics = [] } = autoscaler.spec;
  const wanted = metrics[0]?.resource?.target.averageUtilization ?? DEFAULT_UTILIZATION;
  const ratio = (utilization ?? wanted) / wanted;
  const proposal = Math.abs(ratio - 1) <= TOLERANCE ? current : Math.ceil(current * ratio);
  if (current > maxReplicas) {
    return {
      desired: maxReplicas,
      why: "Current number of replicas above Spec.MaxReplicas",
      limited: "TooManyReplicas",
      outOfBounds: true,
    };
  }
  if (current < minReplicas) {
    return {
      desired: minReplicas,
      why: "Current number of replicas below Spec.MinReplicas",
      limited: "TooFewReplicas",
      outOfBounds: true,
    };
  }
  const desired = Math.min(Math.max(proposal, minReplicas), maxReplicas);
  const why =
    desired < current ? "All metrics below target" : "cpu resource utilization (percentage of request) above target";
  const limited = proposal > maxReplicas ? "TooManyReplicas" : proposal < minReplicas ? "TooFewReplicas" : undefined;
  return { desired, why, limited, outOfBounds: false };
}

function utilizationOf(autoscaler: Autoscaler): number | undefined {
  const stated = Number(autoscaler.metadata.annotations?.[UTILIZATION]);
  return Number.isFinite(stated) && stated >= 0 ? stated : undefined;
}

function noteMetrics(
  access: Access,
  autoscaler: Autoscaler,
  findings: Findings,
  advice: Advice,
  utilization: number | undefined,
  rivals: string | undefined,
): void {
  const warn = (reason: string, why: string): void => access.events.record(autoscaler, "Warning", reason, why);
  if (rivals !== undefined) {
    if (!findings.add("ScalingActive", "False", "AmbiguousSelector", rivals)) return;
    warn("AmbiguousSelector", rivals);
    warn("FailedComputeMetricsReplicas", rivals);
    return;
  }
  if (utilization === undefined) {
    const message = `the HPA was unable to compute the replica count: ${NO_METRICS}`;
    if (!findings.add("ScalingActive", "False", "FailedGetResourceMetric", message)) return;
    warn("FailedGetResourceMetric", NO_METRICS);
    const first = `failed to get cpu resource metric value: ${NO_METRICS}`;
    warn("FailedComputeMetricsReplicas", `invalid metrics (1 invalid out of 1), first error is: ${first}`);
    return;
  }
  const message =
    "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)";
  findings.add("ScalingActive", "True", "ValidMetricFound", message);
  if (advice.limited === undefined) {
    findings.add("ScalingLimited", "False", "DesiredWithinRange", "the desired count is within the acceptable range");
  } else {
    const bound = advice.limited === "TooManyReplicas" ? "more than the maximum" : "less than the minimum";
    findings.add("ScalingLimited", "True", advice.limited, `the desired replica count is ${bound} replica count`);
  }
}

async function rescale(
  access: Access,
  autoscaler: Autoscaler,
  resource: string,
  target: KubeObject,
  advice: Advice,
): Promise<void> {
  try {
    await access.patch(resource, target, "merge", { spec: { replicas: advice.desired } }, "scale");
  } catch (error) {
    const message = error instanceof ApiError ? error.message : String(error);
    access.events.record(
      autoscaler,
      "Warning",
      "FailedRescale",
      `New size: ${advice.desired}; reason: ${advice.why}; error: ${message}`,
    );
    throw error;
  }
  const message = `New size: ${advice.desired}; reason: ${advice.why}`;
  access.events.record(autoscaler, "Normal", "SuccessfulRescale", message);
}

async function reportMissing(access: Access, autoscaler: Autoscaler, why: string): Promise<void> {
  const findings = new Findings(autoscaler, access.now());
  const message = `the HPA controller was unable to get the target's current scale: ${why}`;
  if (findings.add("AbleToScale", "False", "FailedGetScale", message)) {
    access.events.record(autoscaler, "Warning", "FailedGetScale", why);
  }
  await report(access, autoscaler, findings, 0, 0, undefined);
}

async function report(
  access: Access,
  autoscaler: Autoscaler,
  findings: Findings,
  current: number,
  desired: number,
  scaled: string | undefined,
  metrics: unknown[] | null = null,
): Promise<void> {
  const lastScaleTime = scaled ?? autoscaler.status?.lastScaleTime;
  const status: AutoscalerStatus = {
    ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
    ...(current === 0 ? {} : { currentReplicas: current }),
    desiredReplicas: desired,
    currentMetrics: metrics,
    conditions: findings.conditions,
  };
  if (isDeepStrictEqual({ currentMetrics: null, ...autoscaler.status }, status)) return;
  await access.update<Autoscaler>(AUTOSCALERS, { ...autoscaler, status }, "status");
}

/** Conditions of an autoscaler, in their order, with the times of their transitions. */
class Findings {
  conditions: Condition[];
  readonly #time: string;

  constructor(autoscaler: Autoscaler, now: Date) {
    this.conditions = autoscaler.status?.conditions ?? [];
    this.#time = timestamp(now);
  }

  /** True when the condition is new or another one than before. */
  add(type: string, status: Condition["status"], reason: string, message: string): boolean {
    const before = conditionOf(this.conditions, type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : undefined;
    const condition = { type, status, lastTransitionTime: lastTransitionTime ?? this.#time, reason, message };
    this.conditions = before
      ? this.conditions.map((each) => (each === before ? condition : each))
      : [...this.conditions, condition];
    return before?.reason !== reason || before.message !== message;
  }
}
