import type { Verdict } from "./attachment.ts";

export interface Condition extends Verdict {
  readonly type: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}

/** Conditions for a status; the time of one whose status did not change is kept, so that the same state is the same text. */
export function conditions(
  verdicts: Readonly<Record<string, Verdict>>,
  generation: number,
  before: readonly Condition[] | undefined,
  now: Date,
): Condition[] {
  return Object.entries(verdicts).map(([type, verdict]) => {
    const known = before?.find((condition) => condition.type === type);
    const kept = known?.status === verdict.status ? known.lastTransitionTime : undefined;
    return {
      type,
      status: verdict.status,
      reason: verdict.reason,
      message: verdict.message,
      observedGeneration: generation,
      lastTransitionTime: kept ?? now.toISOString().replace(/\.\d+Z$/, "Z"),
    };
  });
}

/** Whether two pieces of JSON are the same, whatever the order of their keys. */
export function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(ordered(a)) === JSON.stringify(ordered(b));
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, ordered(inner)]),
  );
}
