import {
  analysisOf,
  type Canary,
  formatGoDuration,
  hookType,
  intervalMs,
  iterations,
  skipsAnalysis,
  stepWeights,
  strategyOf,
} from "../api/index.ts";

const gates = new Set(["confirm-rollout", "confirm-traffic-increase", "confirm-promotion"]);

/** Told at every change of a target, and the same until the Canary is another object: caches replace objects, they never change them. */
const told = new WeakMap<Canary, string>();

/** What a change will go through, in a few words: "5% → 50% by 5 every 10s, about 1m40s, gate: confirm-promotion". */
export function plan(canary: Canary): string {
  const known = told.get(canary) ?? describe(canary);
  told.set(canary, known);
  return known;
}

function describe(canary: Canary): string {
  if (skipsAnalysis(canary)) {
    return "at once, without analysis";
  }
  const every = intervalMs(canary);
  const steps = strategyOf(canary) === "canary" ? stepWeights(canary) : [];
  const rounds = strategyOf(canary) === "canary" ? steps.length : iterations(canary);
  const about = `every ${shortDuration(every)}, about ${shortDuration(rounds * every)}`;
  return `${way(canary, steps, rounds)} ${about}${gatesOf(canary)}`;
}

function way(canary: Canary, steps: readonly number[], rounds: number): string {
  const first = steps[0];
  if (first === undefined) {
    return `in ${rounds} ${rounds === 1 ? "check" : "checks"}${strategyOf(canary) === "ab-testing" ? " of matching requests" : ""}`;
  }
  const last = steps.at(-1);
  if (steps.length === 1) {
    return `at ${first}%`;
  }
  const even = steps.every((weight, index) => weight === first * (index + 1));
  return `${first}% → ${last}% ${even ? `by ${first}` : `in ${steps.length} steps`}`;
}

function gatesOf(canary: Canary): string {
  const found = [...new Set((analysisOf(canary).webhooks ?? []).map(hookType))].filter((type) => gates.has(type));
  return found.length === 0 ? "" : `, ${found.length === 1 ? "gate" : "gates"}: ${found.join(", ")}`;
}

/** "1m40s", and "10m" rather than Go's "10m0s". */
export function shortDuration(milliseconds: number): string {
  return formatGoDuration(milliseconds)
    .replace(/(?<=m)0s$/, "")
    .replace(/(?<=h)0m$/, "");
}
