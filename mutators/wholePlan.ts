import {
  analysisOf,
  type Canary,
  hookType,
  intervalMs,
  iterations,
  primaryTargetName,
  providerOf,
  skipsAnalysis,
  stepWeightPromotion,
  stepWeights,
  strategyOf,
  targetName,
  threshold,
} from "../api/index.ts";
import { shortDuration } from "./plan.ts";
import { warning } from "./warning.ts";

/** Most lines about single weights: with the others they stay under the 4096 characters that the API server lets through. */
const mostWeights = 20;

/** What a change will go through, one line each in the order of time: for those who ask before they write. */
export function wholePlan(canary: Canary, provider: string): readonly string[] {
  const lines = [
    ...gate(canary, "confirm-rollout"),
    isSized(canary) ? `${targetName(canary)} is scaled up and must be ready` : `${targetName(canary)} must be ready`,
    ...(skipsAnalysis(canary) ? [] : analysis(canary, providerOf(canary, provider) === "kubernetes")),
    ...promotion(canary),
  ];
  return lines.map((line, index) => warning(`${index + 1}. ${line}`));
}

/** `blind`: nothing splits the traffic. */
function analysis(canary: Canary, blind: boolean): readonly string[] {
  const rollback = hooks(canary, "rollback");
  return [
    ...listed("hooks before the first check:", hooks(canary, "pre-rollout")),
    `every ${shortDuration(intervalMs(canary))}: ${checks(canary)}; ${threshold(canary)} failed take it back`,
    ...listed("it is also taken back when one agrees of", rollback),
    ...(blind || strategyOf(canary) !== "canary" ? iterated(canary, blind) : weighted(canary)),
  ];
}

function checks(canary: Canary): string {
  const all = [...(analysisOf(canary).metrics ?? []).map(({ name }) => name), ...hooks(canary, "rollout")];
  return all.length === 0 ? "nothing but its pods is checked" : `checks ${all.join(", ")}`;
}

function weighted(canary: Canary): readonly string[] {
  const every = intervalMs(canary);
  const name = targetName(canary);
  const weights = stepWeights(canary);
  const more = weights.length - mostWeights;
  return [
    ...gate(canary, "confirm-traffic-increase", " before each step"),
    ...weights.slice(0, mostWeights).map((weight) => `${weight}% to ${name} for ${shortDuration(every)}`),
    ...(more > 0 ? [`${more} more steps to ${weights.at(-1)}% in ${shortDuration(more * every)}`] : []),
    ...gate(canary, "confirm-promotion"),
  ];
}

function iterated(canary: Canary, blind: boolean): readonly string[] {
  const rounds = iterations(canary) || 10;
  const name = targetName(canary);
  const held = gate(canary, "confirm-promotion");
  const lasts = `${rounds} ${rounds === 1 ? "check" : "checks"} in ${shortDuration(rounds * intervalMs(canary))}`;
  if (blind) {
    return [`${name} without users: ${lasts}`, ...held];
  }
  if (strategyOf(canary) === "ab-testing") {
    return [`matching requests to ${name}: ${lasts}`, ...held];
  }
  const met = analysisOf(canary).mirror === true ? "with a copy of the requests" : "without users";
  return [`${name} ${met}: ${lasts}`, ...held, `100% to ${name}`];
}

function promotion(canary: Canary): readonly string[] {
  const step = skipsAnalysis(canary) ? 0 : stepWeightPromotion(canary);
  const back = step > 0 ? `traffic goes back by ${step}%` : "traffic goes back";
  return [
    `${primaryTargetName(canary)} takes the revision over, ${back}${isSized(canary) ? `, ${targetName(canary)} goes to 0` : ""}`,
    ...listed("hooks at the end:", hooks(canary, "post-rollout")),
  ];
}

/** A Service has no size of its own. */
function isSized({ spec }: Canary): boolean {
  return spec.targetRef.kind !== "Service";
}

function gate(canary: Canary, type: ReturnType<typeof hookType>, when = ""): readonly string[] {
  return listed(`gate ${type}${when}:`, hooks(canary, type));
}

function listed(what: string, names: readonly string[]): readonly string[] {
  return names.length === 0 ? [] : [`${what} ${names.join(", ")}`];
}

function hooks(canary: Canary, type: ReturnType<typeof hookType>): readonly string[] {
  return (analysisOf(canary).webhooks ?? []).filter((hook) => hookType(hook) === type).map(({ name }) => name);
}
