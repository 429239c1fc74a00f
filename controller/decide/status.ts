import type { Canary, CanaryCondition, CanaryStatus, Phase } from "../../api/index.ts";
import { withCookies } from "./cookies.ts";
import { wait } from "./round.ts";
import type { Action, Decision, Observation } from "./types.ts";

/** What a decision changes in the status; everything else stays. */
export interface StatusChange extends CanaryStatus {
  /** In place of the phase's own sentence in condition `Promoted`. */
  readonly message?: string;
  /** What holds the release up, for condition `Reconciling`. */
  readonly waitingFor?: string;
  /** Why nothing can go on until somebody changes something, for condition `Stalled`. */
  readonly stalled?: string;
}

/** The status that follows from `change`, as an action; nothing when it is what stands there already. */
export function writeStatus(seen: Observation, change: StatusChange): Action[] {
  const { message, waitingFor, stalled, ...fields } = change;
  const before = seen.canary.status ?? {};
  const now = new Date(seen.now).toISOString().replace(/\.\d+Z$/, "Z");
  const counted = { failedChecks: 0, canaryWeight: 0, iterations: 0, ...before, ...fields };
  const merged = withCookies(seen, withConfigs(seen, counted));
  const moved = progressFields.some((field) => merged[field] !== before[field]);
  const conditions = conditionsOf(seen, merged, now, { message, waitingFor, stalled });
  const status: CanaryStatus = {
    ...merged,
    ...(seen.canary.metadata.generation === undefined ? {} : { observedGeneration: seen.canary.metadata.generation }),
    ...(moved || before.lastTransitionTime === undefined ? { lastTransitionTime: now } : {}),
    conditions,
  };
  return sameJson(status, before) ? [] : [{ kind: "status", status }];
}

/** The configs that belong to the revision that was seen last. */
function withConfigs(seen: Observation, status: CanaryStatus): CanaryStatus {
  if (seen.target === undefined || status.lastAppliedSpec !== seen.target.revision) return status;
  const { trackedConfigs: _before, ...rest } = status;
  return seen.configs === undefined ? rest : { ...rest, trackedConfigs: seen.configs };
}

/** Nothing can go on until somebody changes something. Told when the reason is news. */
export function stalled(seen: Observation, text: string): Decision {
  const known = conditionMessage(seen, "Stalled") === text;
  return {
    actions: [
      ...writeStatus(seen, { stalled: text }),
      ...(known ? [] : [{ kind: "event", type: "Warning", message: text } as const]),
    ],
    questions: [],
  };
}

/** How long things may take before their absence is news, in milliseconds. Times are kept in whole seconds, so it is 1 to 2 s. */
const graceMs = 2_000;

/**
 * How long the target of a new Canary may take to come, in milliseconds: tools send the files of a folder one after the other, and a Canary
 * comes before a Deployment in the alphabet. Whoever wrote it was told by admission that there is no target yet.
 */
const arrivalMs = 20_000;

/**
 * Something is on its way and must arrive first. Told when that takes longer than a moment, and when the reason is news. The moment begins
 * with the last change of the status, or with `since`, when others have changed something later.
 */
export function hold(seen: Observation, text: string, recheckAt = Number.POSITIVE_INFINITY, since = 0): Decision {
  return holdUntil(seen, Math.max(endOfGrace(seen), since + graceMs), text, recheckAt);
}

/** The same for what will not arrive by itself soon. */
export function tellAtOnce(seen: Observation, text: string, recheckAt = Number.POSITIVE_INFINITY): Decision {
  return holdUntil(seen, 0, text, recheckAt);
}

/** The target is missing. A Canary that never had one is given longer. */
export function holdForTarget(seen: Observation, text: string): Decision {
  const isNew = (seen.canary.status?.phase ?? "") === "";
  return holdUntil(seen, isNew ? endOfGrace(seen, arrivalMs) : endOfGrace(seen), text, Number.POSITIVE_INFINITY);
}

function holdUntil(seen: Observation, graceEnds: number, text: string, recheckAt: number): Decision {
  if (graceEnds > seen.now) return wait(Math.min(graceEnds, recheckAt) - seen.now);
  const news: Action[] =
    conditionMessage(seen, "Reconciling") === text ? [] : [{ kind: "event", type: "Warning", message: text }];
  return wait(
    recheckAt === Number.POSITIVE_INFINITY ? undefined : recheckAt - seen.now,
    ...writeStatus(seen, { waitingFor: text }),
    ...news,
  );
}

/** Endpoints are read live, so nothing tells when they come: they are looked for often at first, then at leisure. */
export function holdForEndpoints(seen: Observation, service: string): Decision {
  const pollMs = endOfGrace(seen) > seen.now ? 200 : 2_000;
  return hold(seen, noEndpoints(seen.canary, service), seen.now + pollMs);
}

export function noEndpoints(canary: Canary, service: string): string {
  return `Service ${service}.${canary.metadata.namespace ?? ""} has no ready endpoints`;
}

function endOfGrace(seen: Observation, forMs = graceMs): number {
  const since = Date.parse(seen.canary.status?.lastTransitionTime ?? seen.canary.metadata.creationTimestamp ?? "");
  return Number.isNaN(since) ? 0 : since + forMs;
}

/** The sentence that a condition carries now; decides whether an event about it would be news. */
export function conditionMessage(seen: Observation, type: string): string | undefined {
  return seen.canary.status?.conditions?.find((condition) => condition.type === type)?.message;
}

/** A change of one of these is progress: it moves lastTransitionTime, from which the interval is counted. */
const progressFields = [
  "phase",
  "canaryWeight",
  "iterations",
  "failedChecks",
  "lastAppliedSpec",
  "lastPromotedSpec",
] as const;

interface Sentences {
  readonly message: string | undefined;
  readonly waitingFor: string | undefined;
  readonly stalled: string | undefined;
}

/** `Promoted` as users know it, and beside it the three that kstatus-aware tools wait for. */
function conditionsOf(seen: Observation, status: CanaryStatus, now: string, sentences: Sentences): CanaryCondition[] {
  const phase = status.phase ?? "";
  const known = promoted(phase, seen.canary.spec.targetRef.kind, takenBack(seen));
  const { stalled, waitingFor } = sentences;
  const resting = phase === "Initialized" || phase === "Succeeded" || phase === "Failed";
  const previousMessage = phase === seen.canary.status?.phase ? conditionMessage(seen, "Promoted") : undefined;
  const message = sentences.message ?? previousMessage ?? known.message;
  const wanted: Wanted[] = [
    { type: "Promoted", status: known.status, reason: phase || "Initializing", message },
    ready(phase, resting, status),
    (resting && waitingFor === undefined) || stalled !== undefined
      ? { type: "Reconciling", status: "False", reason: stalled === undefined ? phase : "Stalled", message: "" }
      : { type: "Reconciling", status: "True", reason: phase || "Initializing", message: waitingFor ?? "" },
    stalled !== undefined
      ? { type: "Stalled", status: "True", reason: "Obstacle", message: stalled }
      : // Nothing will happen before the next change: tools that wait for this one can stop.
        phase === "Failed" && waitingFor === undefined
        ? { type: "Stalled", status: "True", reason: "Failed", message }
        : { type: "Stalled", status: "False", reason: phase || "Initializing", message: "" },
  ];
  return wanted.map((want) => carryOver(want, seen, now));
}

function ready(phase: Phase, resting: boolean, { canaryWeight = 0 }: CanaryStatus): Wanted {
  if (phase === "Failed") {
    const who = canaryWeight === 100 ? "all traffic goes to the canary" : "the primary serves the revision before";
    return { type: "Ready", status: "False", reason: "Failed", message: `The last release failed; ${who}.` };
  }
  return resting
    ? { type: "Ready", status: "True", reason: phase, message: "The primary serves what was asked for." }
    : { type: "Ready", status: "False", reason: phase || "Initializing", message: "A release is under way." };
}

type Wanted = Pick<CanaryCondition, "type" | "status" | "reason" | "message">;

/** Keeps the times of a condition that did not change, so that equal statuses are equal byte for byte. */
function carryOver(want: Wanted, seen: Observation, now: string): CanaryCondition {
  const before = seen.canary.status?.conditions?.find((condition) => condition.type === want.type);
  const generation = seen.canary.metadata.generation;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  const unchanged =
    before !== undefined &&
    before.status === want.status &&
    before.reason === want.reason &&
    before.message === want.message;
  return {
    ...want,
    lastUpdateTime: unchanged ? (before.lastUpdateTime ?? now) : now,
    lastTransitionTime:
      before !== undefined && before.status === want.status ? (before.lastTransitionTime ?? now) : now,
    ...observed,
  };
}

/** That a release failed, and what became of its target. */
export function takenBack({ canary, target }: Observation): string {
  const isSized = target === undefined || target.replicas !== undefined;
  const { kind } = canary.spec.targetRef;
  return `Canary analysis failed, ${isSized ? `${kind} scaled to zero` : "all traffic goes to the primary"}`;
}

/** The known texts of condition `Promoted` (scripts and `kubectl wait` read them). */
function promoted(
  phase: Phase,
  kind: string,
  failure: string,
): { status: "True" | "False" | "Unknown"; message: string } {
  switch (phase) {
    case "Initialized":
      return { status: "True", message: `${kind} initialization completed.` };
    case "Waiting":
    case "WaitingPromotion":
      return { status: "Unknown", message: "Waiting for approval." };
    case "Progressing":
      return { status: "Unknown", message: "New revision detected, progressing canary analysis." };
    case "Promoting":
      return { status: "Unknown", message: "Canary analysis completed, starting primary rolling update." };
    case "Finalising":
      return { status: "Unknown", message: "Canary analysis completed, routing all traffic to primary." };
    case "Succeeded":
      return { status: "True", message: "Canary analysis completed successfully, promotion finished." };
    case "Failed":
      return { status: "False", message: `${failure}.` };
    default:
      return { status: "Unknown", message: `New ${kind} detected, starting initialization.` };
  }
}

/** Deep equality of JSON whose key order may differ. */
function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].every((key) => sameJson(left[key], right[key]));
}
