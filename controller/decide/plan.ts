import type { Canary, CanaryHook, Phase } from "../../api/index.ts";
import { analysisOf, featuresOf, hookType, iterations, maxWeight, stepWeights, strategyOf } from "../../api/index.ts";
import type { Observation, Traffic } from "./types.ts";

/** What a round of good checks leads to. */
export type Step =
  /** `mirrored`: 1 while the canary gets copies of requests and no share yet. */
  | { readonly kind: "weight"; readonly weight: number; readonly mirrored: 0 | 1 }
  | { readonly kind: "iteration"; readonly iteration: number; readonly of: number }
  /** Blue/green behind a mesh: everybody to the canary once before the promotion. */
  | { readonly kind: "everyone"; readonly iteration: number }
  | { readonly kind: "promote" };

/** Iterations that the `kubernetes` provider runs when the Canary names none (it cannot split traffic). */
const kubernetesIterations = 10;

export const allToPrimary: Traffic = { primary: 100, canary: 0, mirror: false };
export const allToCanary: Traffic = { primary: 0, canary: 100, mirror: false };

/** The strategy that is run: the `kubernetes` provider knows blue/green only. */
export function effectiveStrategy(canary: Canary, provider: string): "canary" | "ab-testing" | "blue-green" {
  return provider === "kubernetes" ? "blue-green" : strategyOf(canary);
}

export function effectiveIterations(canary: Canary, provider: string): number {
  const wanted = iterations(canary);
  return provider === "kubernetes" && wanted < 1 ? kubernetesIterations : wanted;
}

export function weightOf(canary: Canary): number {
  return clampPercent(canary.status?.canaryWeight ?? 0);
}

export function iterationsOf(canary: Canary): number {
  return Math.max(0, canary.status?.iterations ?? 0);
}

/** True once the canary has met traffic (or an iteration) in this release. */
export function hasStarted(canary: Canary): boolean {
  return weightOf(canary) > 0 || iterationsOf(canary) > 0;
}

/** What comes after a round of good checks. Pure in status and spec: asking twice gives the same step. */
export function nextStep(canary: Canary, provider: string): Step {
  const done = iterationsOf(canary);
  const strategy = effectiveStrategy(canary, provider);
  if (strategy === "canary") {
    const weight = weightOf(canary);
    // A weight that is no step of the plan (somebody edited the steps) goes on with the next higher one.
    const next = stepWeights(canary).find((step) => step > weight);
    if (weight === 0 && done === 0 && mirrorsFirst(canary, provider)) return { kind: "weight", weight: 0, mirrored: 1 };
    return weight >= maxWeight(canary) || next === undefined
      ? { kind: "promote" }
      : { kind: "weight", weight: next, mirrored: 0 };
  }
  const of = effectiveIterations(canary, provider);
  if (done < of) return { kind: "iteration", iteration: done + 1, of };
  if (strategy === "blue-green" && provider !== "kubernetes" && done === of)
    return { kind: "everyone", iteration: done + 1 };
  return { kind: "promote" };
}

/** Whether the canary gets copies of requests for one round before its first share. A provider that cannot do it leaves the step out. */
function mirrorsFirst(canary: Canary, provider: string): boolean {
  return analysisOf(canary).mirror === true && featuresOf(provider).has("mirrorStep");
}

/**
 * The split that belongs to a status: the route is brought to it whenever it differs, so a crash between the two heals itself.
 * Undefined where the route is not ours to judge yet (before the first initialisation is through).
 */
export function plannedTraffic(canary: Canary, provider: string): Traffic {
  const phase: Phase = canary.status?.phase ?? "";
  switch (phase) {
    case "Progressing":
    case "Waiting":
    case "WaitingPromotion":
    case "Promoting":
      return plannedDuringRelease(canary, provider, phase);
    case "Failed":
      return split(weightOf(canary));
    default:
      return allToPrimary;
  }
}

function plannedDuringRelease(canary: Canary, provider: string, phase: Phase): Traffic {
  const strategy = effectiveStrategy(canary, provider);
  if (phase === "Promoting") return split(weightOf(canary));
  const done = iterationsOf(canary);
  if (strategy === "canary")
    return { ...split(weightOf(canary)), mirror: done > 0 && weightOf(canary) === 0 && mirrorsFirst(canary, provider) };
  if (provider === "kubernetes") return allToPrimary;
  // A release after a failed promotion: everybody is on the canary and has nowhere else to go.
  if (weightOf(canary) === 100) return allToCanary;
  if (done === 0) return allToPrimary;
  if (strategy === "ab-testing") return allToCanary;
  if (done > effectiveIterations(canary, provider)) return allToCanary;
  return { ...allToPrimary, mirror: analysisOf(canary).mirror === true };
}

/** The weight to note when promotion begins, so that `Promoting` goes on from the split that is in force. */
export function weightAtPromotion(canary: Canary, provider: string): number {
  if (provider === "kubernetes") return 0;
  return effectiveStrategy(canary, provider) === "canary" ? weightOf(canary) : 100;
}

export function split(canaryPercent: number): Traffic {
  const canary = clampPercent(canaryPercent);
  return { primary: 100 - canary, canary, mirror: false };
}

export function sameTraffic(a: Traffic, b: Traffic): boolean {
  return a.primary === b.primary && a.canary === b.canary && a.mirror === b.mirror;
}

/** The split in force, or undefined when there is no route or the router has not accepted it. */
export function observedTraffic(seen: Observation): Traffic | undefined {
  return seen.traffic !== undefined && "primary" in seen.traffic ? seen.traffic : undefined;
}

/** The split that stands in the route, whether or not the router has accepted it. */
export function writtenTraffic({ traffic }: Observation): Traffic | undefined {
  return traffic !== undefined && "notAccepted" in traffic ? traffic.written : traffic;
}

/** Hooks of one type, in the order of the Canary. */
export function hooksOf(canary: Canary, type: ReturnType<typeof hookType>): readonly CanaryHook[] {
  return (analysisOf(canary).webhooks ?? []).filter((hook) => hookType(hook) === type);
}

function clampPercent(value: number): number {
  return Math.min(100, Math.max(0, Math.trunc(Number.isFinite(value) ? value : 0)));
}
