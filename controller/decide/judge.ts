import type { Canary, CanaryMetric } from "../../api/index.ts";
import { checkText, formatGoDuration } from "../../api/index.ts";
import type { Answer, Reading } from "./types.ts";

/** The known event text of every reading that is out of bounds, has no data or failed. Empty: the metric is good. */
export function judgeMetric(canary: Canary, metric: CanaryMetric, answer: Answer | undefined): readonly string[] {
  if (answer?.kind !== "metric") return [`Metric query failed for ${metric.name}: no answer`];
  return answer.readings.flatMap((reading) => judgeReading(canary, metric, reading));
}

function judgeReading(canary: Canary, metric: CanaryMetric, reading: Reading): readonly string[] {
  const { sample } = reading;
  if (sample.kind === "failed") return [sample.message];
  if (sample.kind === "noData") return [noDataText(canary, metric, reading, sample.message)];
  // Durations are whole milliseconds, and so are their bounds.
  const whole = (value: number): number => (reading.source === "duration" ? Math.trunc(value) : value);
  const { min, max } = boundsOf(metric, reading.source);
  const value = whole(sample.value);
  if (min !== undefined && value < whole(min))
    return [outOfBounds(canary, metric, reading.source, value, "Low", whole(min))];
  if (max !== undefined && value > whole(max))
    return [outOfBounds(canary, metric, reading.source, value, "High", whole(max))];
  return [];
}

function outOfBounds(
  canary: Canary,
  metric: CanaryMetric,
  source: Reading["source"],
  value: number,
  side: "Low" | "High",
  bound: number,
): string {
  const { name, namespace = "" } = canary.metadata;
  switch (source) {
    case "success-rate":
      return checkText[`successRate${side}`](name, namespace, value, bound);
    case "duration":
      return checkText[`duration${side}`](name, namespace, formatGoDuration(value), formatGoDuration(bound));
    default:
      return checkText[`metric${side}`](name, namespace, metric.name, value, bound);
  }
}

/** Bounds are inclusive. `threshold` counts only without `thresholdRange`: a minimum for success rates, a maximum for all else. */
function boundsOf(
  metric: CanaryMetric,
  source: Reading["source"],
): { min?: number | undefined; max?: number | undefined } {
  if (metric.thresholdRange !== undefined) return metric.thresholdRange;
  const threshold = metric.threshold ?? 0;
  return source === "success-rate" ? { min: threshold } : { max: threshold };
}

function noDataText(canary: Canary, metric: CanaryMetric, reading: Reading, error: string): string {
  const target = canary.spec.targetRef.name;
  const namespace = canary.metadata.namespace ?? "";
  switch (reading.source) {
    case "success-rate":
      return checkText.noSuccessRate(reading.provider, target, namespace, error);
    case "duration":
      return checkText.noDuration(reading.provider, target, namespace);
    case "inline":
      return checkText.noInlineValues(metric.name);
    case "template":
      return checkText.noCustomValues(metric.name, error);
  }
}
