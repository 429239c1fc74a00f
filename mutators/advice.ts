import {
  apexName,
  type Canary,
  canaryRules,
  intervalMs,
  isPlainService,
  parseDuration,
  primaryName,
  providersWith,
  shortfalls,
  targetName,
} from "../api/index.ts";
import { type Fields, fieldAt, isFields, numberAt, textAt } from "./fields.ts";
import { holds } from "./schemaWalk.ts";
import type { Index } from "./types.ts";
import { warning } from "./warning.ts";

/** What is allowed and probably not meant: about the spec alone. Only asked about a spec whose types fit. */
export function advice(canary: Canary, old: unknown, index: Index): readonly string[] {
  return [...stepAdvice(canary), ...checkAdvice(canary), ...renamed(canary, old), ...providerAdvice(canary, index)].map(
    warning,
  );
}

function stepAdvice(canary: Canary): readonly string[] {
  const { interval, threshold = 1, maxWeight = 100, stepWeights } = canary.spec.analysis ?? {};
  const said = parseDuration(interval);
  return [
    ...(said !== undefined && said < intervalMs(canary) ? [`interval ${interval} counts as 1s, the least`] : []),
    ...(threshold < 1 ? [`threshold ${threshold} counts as 1: the first failed check takes the release back`] : []),
    ...(maxWeight < 1 ? [`maxWeight ${maxWeight} counts as 100`] : []),
    ...(maxWeight < 100 && stepWeights !== undefined ? ["maxWeight is not used: the last of stepWeights counts"] : []),
  ];
}

function checkAdvice(canary: Canary): readonly string[] {
  const metrics = canary.spec.analysis?.metrics ?? [];
  return metrics.filter(isFields).flatMap((metric) => {
    const name = textAt(metric, "name") ?? "";
    const range = fieldAt(metric, "thresholdRange");
    if (range === undefined) {
      return numberAt(metric, "threshold") === undefined ? [boundless(name)] : [];
    }
    const { min, max } = isFields(range) ? range : ({} as Fields);
    if (min === undefined && max === undefined) {
      return [`thresholdRange of check ${name} is empty: it never fails`];
    }
    if (name === "request-success-rate" && min === undefined) {
      return [`check ${name} has no min: it passes when requests fail`];
    }
    return name === "request-duration" && max === undefined
      ? [`check ${name} has no max: it passes when requests are slow`]
      : [];
  });
}

function boundless(name: string): string {
  return name === "request-success-rate"
    ? `check ${name} has no thresholdRange: it passes at any rate`
    : `check ${name} has no thresholdRange: it fails on any value above 0`;
}

/** At rest the names may change, and what had the old ones stays. */
function renamed(canary: Canary, old: unknown): readonly string[] {
  if (!isFields(old) || textAt(old, "spec", "targetRef", "name") === undefined) {
    return [];
  }
  const [before, now] = [old as unknown as Canary, canary].map(apexName);
  return before === now ? [] : [`Services ${before}, ${before}-primary and ${before}-canary stay behind: delete them`];
}

/** Fields without effect, and, when no provider is named, what the default one cannot do: the controller's flag may say otherwise. */
function providerAdvice(canary: Canary, index: Index): readonly string[] {
  const { spec } = canary;
  const provider = spec.provider ?? index.provider;
  if (provider === "") {
    return [];
  }
  const ignored = shortfalls(canary, provider)
    .filter(({ kind }) => kind === "ignored")
    .map(({ field, feature }) => `${provider} ignores ${field}: ${providersWith(feature).join(", ")} do not`);
  const assumed = { ...spec, provider };
  const broken = spec.provider === undefined ? canaryRules.filter((rule) => rule.at === "spec") : [];
  const unfit = broken
    .filter((rule) => holds(rule, spec) && !holds(rule, assumed))
    .map(({ message }) => `default provider ${provider}: ${message}`);
  const direct =
    provider === "kubernetes" && isPlainService(spec.targetRef)
      ? [
          `Service ${targetName(canary)} itself changes at once: who calls ${primaryName(canary)} meets what was promoted`,
        ]
      : [];
  return [...unfit, ...ignored, ...direct];
}
