import type { Canary, CanaryHook, Phase, Release, Severity } from "../../api/index.ts";
import { analysisOf, eventText, intervalMs } from "../../api/index.ts";
import { judgeMetric } from "./judge.ts";
import { hooksOf, iterationsOf, weightOf } from "./plan.ts";
import type { Action, Answer, Decision, Drifting, Observation, Question } from "./types.ts";

/**
 * How often a closed gate is asked again, in milliseconds. Independent of the interval: who opens a gate is waiting, and the next step
 * is to follow within a second, the call and the step included.
 */
export const gatePollMs = 750;

type Event = Extract<Action, { kind: "event" }>;

export function warn(message: string): Event {
  return { kind: "event", type: "Warning", message };
}

export function tell(message: string): Event {
  return { kind: "event", type: "Normal", message };
}

export function alert(severity: Severity, message: string, detailed = false): Action {
  return { kind: "alert", severity, message, detailed };
}

/** That a gate holds the release up, unless its alerts are muted. */
export function gateAlert(hook: CanaryHook, message: string): readonly Action[] {
  return hook.muteAlert === true ? [] : [alert("warn", message)];
}

/** Something was changed behind the canary's back, and is put right. */
export function drift(object: Drifting, message: string): Event {
  return { ...warn(message), drift: object };
}

/** An event with which a release begins or ends. */
export function milestone(phase: Phase, event: Event): Event {
  return { ...event, phase };
}

export function perform(...actions: readonly Action[]): Decision {
  return { actions, questions: [] };
}

export function wait(wakeAfterMs?: number, ...actions: readonly Action[]): Decision {
  return {
    actions,
    questions: [],
    ...(wakeAfterMs === undefined ? {} : { wakeAfterMs: Math.max(1, Math.ceil(wakeAfterMs)) }),
  };
}

/** The part of a question's id that makes an answer worthless once the release has moved on. */
function stage(canary: Canary): string {
  const status = canary.status;
  return `${status?.phase ?? ""}/${status?.lastAppliedSpec ?? ""}/${weightOf(canary)}/${iterationsOf(canary)}/${status?.failedChecks ?? 0}`;
}

export function hookQuestion(canary: Canary, hook: CanaryHook, phase: string): Question {
  // Names need not be unique; the place in the list is.
  const place = (analysisOf(canary).webhooks ?? []).indexOf(hook);
  return { id: `${stage(canary)}/hook/${place}/${hook.name}/${hook.url}`, kind: "hook", hook, phase };
}

export function metricQuestions(canary: Canary): readonly Extract<Question, { kind: "metric" }>[] {
  return (analysisOf(canary).metrics ?? []).map((metric, index) => ({
    id: `${stage(canary)}/metric/${index}/${metric.name}`,
    kind: "metric",
    metric,
  }));
}

export function endpointsQuestion(canary: Canary, service: string): Question {
  return { id: `${stage(canary)}/endpoints/${service}`, kind: "endpoints", service };
}

export function unanswered(seen: Observation, questions: readonly Question[]): readonly Question[] {
  return questions.filter((question) => seen.answers[question.id] === undefined);
}

/** Milliseconds until the interval since the last change or round is over; zero or less when the next round is due. */
export function untilDue(seen: Observation): number {
  const interval = intervalMs(seen.canary);
  const times = [Date.parse(seen.canary.status?.lastTransitionTime ?? ""), seen.lastRoundAt ?? Number.NaN];
  // A time that lies further ahead can only come from a clock that was set back: waiting for it would take as long as that.
  const since = Math.max(0, ...times.filter((time) => time <= seen.now + interval));
  return since + interval - seen.now;
}

export interface HookVerdict {
  readonly hook: CanaryHook;
  readonly ok: boolean;
  readonly message: string;
}

/** The answers to hooks of one type, in order. Only meaningful when none is unanswered. */
export function hookVerdicts(seen: Observation, hooks: readonly CanaryHook[], phase: string): readonly HookVerdict[] {
  return hooks.map((hook) => {
    const answer: Answer | undefined = seen.answers[hookQuestion(seen.canary, hook, phase).id];
    return answer?.kind === "hook"
      ? { hook, ok: answer.ok, message: answer.message }
      : { hook, ok: false, message: "no answer" };
  });
}

/** Every check of an analysis round that failed, as event texts. All of them, so that one round shows the whole picture. */
export function failedChecks(seen: Observation, phase: string): readonly string[] {
  const { canary } = seen;
  const { name, namespace = "" } = canary.metadata;
  const hooks = hookVerdicts(seen, hooksOf(canary, "rollout"), phase)
    .filter((verdict) => !verdict.ok)
    .map((verdict) => eventText.rolloutHookFailed(name, namespace, verdict.hook.name, verdict.message));
  const metrics = metricQuestions(canary).flatMap((question) =>
    judgeMetric(canary, question.metric, seen.answers[question.id]),
  );
  return [...hooks, ...metrics];
}

/** The questions of one analysis round: rollout hooks and all metrics, at once. */
export function roundQuestions(canary: Canary, phase: string): readonly Question[] {
  return [...hooksOf(canary, "rollout").map((hook) => hookQuestion(canary, hook, phase)), ...metricQuestions(canary)];
}

export type Gate =
  | { readonly state: "ask"; readonly questions: readonly Question[] }
  | { readonly state: "open"; readonly events: readonly Action[] }
  | { readonly state: "closed"; readonly hook: CanaryHook };

const gatePassed = {
  "confirm-rollout": eventText.confirmRolloutPassed,
  "confirm-promotion": eventText.confirmPromotionPassed,
  "confirm-traffic-increase": eventText.confirmTrafficIncreasePassed,
} as const;

/** A gate made of all hooks of one type: open when every one says so (or there is none). */
export function gate(
  seen: Observation,
  type: "confirm-rollout" | "confirm-promotion" | "confirm-traffic-increase",
  phase: string,
  release?: Release,
): Gate {
  const hooks = hooksOf(seen.canary, type);
  const about = release === undefined ? {} : { release };
  const open = unanswered(
    seen,
    hooks.map((hook) => ({ ...hookQuestion(seen.canary, hook, phase), ...about })),
  );
  if (open.length > 0) return { state: "ask", questions: open };
  const verdicts = hookVerdicts(seen, hooks, phase);
  const closed = verdicts.find((verdict) => !verdict.ok);
  if (closed !== undefined) return { state: "closed", hook: closed.hook };
  return { state: "open", events: verdicts.map((verdict) => tell(gatePassed[type](verdict.hook.name))) };
}

/** Asks a closed gate again soon. */
export function pollGate(...actions: readonly Action[]): Decision {
  return wait(gatePollMs, ...actions);
}

/** What a release that stands before a closed gate waits for, in the words of condition `Reconciling`. */
export function closedGate(hook: CanaryHook): string {
  return `gate ${hook.name} is closed`;
}

/** Whether a sentence is one of `closedGate`: the status is where the machine remembers that it stands before a gate. */
export function isClosedGate(sentence: string | undefined): boolean {
  return sentence !== undefined && /^gate .* is closed$/s.test(sentence);
}
