import { type Severity, severities } from "./alertProvider.ts";
import type { Analysis, Canary, CanaryAlert, CanaryHook, CanaryMetric } from "./canary.ts";
import { parseDuration } from "./durations.ts";

/**
 * What a Canary means where it is silent. Defaults live here, not in the stored object, so that Git and the cluster agree.
 * Source of the values: the known behaviour of these kinds; the least interval is ours (1 s instead of 10 s).
 */

const minIntervalMs = 1000;

/** How a new revision is tried. `canaryAnalysis` is the name of older objects. */
export function analysisOf(canary: Canary): Partial<Analysis> {
  return canary.spec.analysis ?? canary.spec.canaryAnalysis ?? {};
}

/** Whether new revisions are promoted without being tried: said so, or no analysis given at all. */
export function skipsAnalysis(canary: Canary): boolean {
  const none = canary.spec.analysis === undefined && canary.spec.canaryAnalysis === undefined;
  return canary.spec.skipAnalysis === true || none;
}

export type Strategy = "canary" | "ab-testing" | "blue-green";

/** The names are part of labels and alerts. */
export function strategyOf(canary: Canary): Strategy {
  const { iterations = 0, match = [] } = analysisOf(canary);
  if (iterations <= 0) {
    return "canary";
  }
  return match.length > 0 ? "ab-testing" : "blue-green";
}

/** Milliseconds between two steps; 60 s when silent or unreadable, never under 1 s. */
export function intervalMs(canary: Canary): number {
  return Math.max(minIntervalMs, parseDuration(analysisOf(canary).interval) ?? 60_000);
}

/** Failed checks after which the release is taken back. */
export function threshold(canary: Canary): number {
  return atLeastOne(analysisOf(canary).threshold, 1);
}

/** Iterations of blue/green and A/B testing; 0 with weights. */
export function iterations(canary: Canary): number {
  return Math.max(0, Math.trunc(analysisOf(canary).iterations ?? 0));
}

/** Share of traffic in percent at which promotion starts. */
export function maxWeight(canary: Canary): number {
  const analysis = analysisOf(canary);
  const last = analysis.stepWeights?.at(-1);
  if (last !== undefined && !(analysis.stepWeight !== undefined && analysis.stepWeight > 0)) {
    return Math.min(100, last);
  }
  return Math.min(100, atLeastOne(analysis.maxWeight, 100));
}

/** Shares of traffic in percent, one per step, rising: what a release goes through. Empty for blue/green and A/B testing. */
export function stepWeights(canary: Canary): readonly number[] {
  if (strategyOf(canary) !== "canary") {
    return [];
  }
  const analysis = analysisOf(canary);
  const step = Math.trunc(analysis.stepWeight ?? 0);
  const top = maxWeight(canary);
  if (step > 0) {
    const count = Math.ceil(top / step);
    return Array.from({ length: count }, (_, index) => Math.min(100, (index + 1) * step));
  }
  const rising: number[] = [];
  for (const weight of analysis.stepWeights ?? []) {
    const whole = Math.min(100, Math.trunc(weight));
    if (whole > (rising.at(-1) ?? 0)) {
      rising.push(whole);
    }
  }
  return rising.length > 0 ? rising : [top];
}

/** Percent per step when traffic goes back to the promoted primary; 0 means all at once. */
export function stepWeightPromotion(canary: Canary): number {
  return Math.min(100, Math.max(0, Math.trunc(analysisOf(canary).stepWeightPromotion ?? 0)));
}

/** Percent of the pods that must be available. */
export function primaryReadyThreshold(canary: Canary): number {
  return analysisOf(canary).primaryReadyThreshold ?? 100;
}

/** Percent of the pods that must be available. */
export function canaryReadyThreshold(canary: Canary): number {
  return analysisOf(canary).canaryReadyThreshold ?? 100;
}

/** Seconds a rollout may take without progress. */
export function progressDeadlineSeconds(canary: Canary): number {
  return canary.spec.progressDeadlineSeconds ?? 600;
}

/** The user's workload: the canary. */
export function targetName(canary: Canary): string {
  return canary.spec.targetRef.name;
}

/** Our copy of the workload, which serves. */
export function primaryTargetName(canary: Canary): string {
  return `${targetName(canary)}-primary`;
}

/** The Service users call. */
export function apexName(canary: Canary): string {
  return canary.spec.service?.name || targetName(canary);
}

/** The Service in front of the primary. */
export function primaryName(canary: Canary): string {
  return `${apexName(canary)}-primary`;
}

/** The Service in front of the canary. */
export function canaryName(canary: Canary): string {
  return `${apexName(canary)}-canary`;
}

/** Port of the three Services; 0 when the Canary has no service. */
export function servicePort(canary: Canary): number {
  return canary.spec.service?.port ?? 0;
}

/** Container port, number or name. */
export function targetPort(canary: Canary): number | string {
  return canary.spec.service?.targetPort || servicePort(canary);
}

export function portName(canary: Canary): string {
  return canary.spec.service?.portName || "http";
}

/** What routes the traffic, given the flag of the process. */
export function providerOf(canary: Canary, fallback: string): string {
  return canary.spec.provider ?? fallback;
}

/** Where an object that the Canary refers to lives. */
export function namespaceOf(canary: Canary, ref: { readonly namespace?: string } | undefined): string {
  return ref?.namespace || (canary.metadata.namespace ?? "");
}

/** The hook's type; silent means rollout. */
export function hookType(hook: CanaryHook): Exclude<NonNullable<CanaryHook["type"]>, ""> {
  return hook.type || "rollout";
}

/** Whether an alert wants to hear of news this bad. Silent means all of it. */
export function isHeard(alert: CanaryAlert, severity: Severity): boolean {
  return severities.indexOf(severity) >= severities.indexOf(alert.severity || "info");
}

/** Milliseconds of one try. */
export function hookTimeoutMs(hook: CanaryHook): number {
  return parseDuration(hook.timeout) || 10_000;
}

/** Tries after the first one failed. */
export function hookRetries(hook: CanaryHook): number {
  return Math.max(0, Math.trunc(hook.retries ?? 0));
}

/** Window of a check's query, as the user wrote it. */
export function metricInterval(metric: CanaryMetric): string {
  return metric.interval || "1m";
}

/** Bounds of a check, with the deprecated `threshold` read as the minimum of the success rate and the maximum of all others. */
export function metricRange(metric: CanaryMetric): { readonly min?: number; readonly max?: number } {
  if (metric.thresholdRange !== undefined) {
    return metric.thresholdRange;
  }
  const bound = metric.threshold ?? 0;
  return metric.name === "request-success-rate" ? { min: bound } : { max: bound };
}

function atLeastOne(value: number | undefined, fallback: number): number {
  return value === undefined || value < 1 ? fallback : Math.trunc(value);
}
