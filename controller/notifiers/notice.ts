import {
  analysisOf,
  type Canary,
  changedBy,
  iterations,
  progressDeadlineSeconds,
  type Severity,
  threshold,
} from "../../api/index.ts";

/** Something that people shall know about a canary, at once. */
export interface Alert {
  readonly severity: Severity;
  readonly message: string;
  /** Says what is released and how, beside the message. */
  readonly detailed: boolean;
}

/** An alert as every chat shows it. */
export interface Notice {
  /** `name.namespace` of the canary. */
  readonly subject: string;
  readonly message: string;
  readonly severity: Severity;
  readonly fields: readonly { readonly name: string; readonly value: string }[];
}

/** The titles of the fields and their order are known, and kept; who made the change comes last. */
export function noticeOf(canary: Canary, alert: Alert, clusterName: string): Notice {
  const author = changedBy(canary.status?.release);
  return {
    subject: `${canary.metadata.name}.${canary.metadata.namespace ?? ""}`,
    message: alert.message,
    severity: alert.severity,
    fields: [
      ...(clusterName === "" ? [] : [{ name: "Cluster", value: clusterName }]),
      ...(alert.detailed ? details(canary) : []),
      ...(author === undefined ? [] : [{ name: "Changed by", value: author }]),
    ],
  };
}

function details(canary: Canary): Notice["fields"] {
  const { kind, name } = canary.spec.targetRef;
  const routing = trafficRouting(canary);
  return [
    { name: "Target", value: `${kind}/${name}.${canary.metadata.namespace ?? ""}` },
    { name: "Failed checks threshold", value: String(threshold(canary)) },
    { name: "Progress deadline", value: `${progressDeadlineSeconds(canary)}s` },
    ...(routing === undefined ? [] : [{ name: "Traffic routing", value: routing }]),
  ];
}

function trafficRouting(canary: Canary): string | undefined {
  const { match = [], stepWeight = 0, stepWeights = [], maxWeight = 0 } = analysisOf(canary);
  if (iterations(canary) > 0) return match.length > 0 ? "A/B Testing" : "Blue/Green";
  if (stepWeight > 0) return `Weight step: ${stepWeight} max: ${maxWeight}`;
  return stepWeights.length > 0 ? `Weight steps: ${stepWeights.join(",")} max: ${maxWeight}` : undefined;
}
