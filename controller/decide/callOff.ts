import type { Release } from "../../api/index.ts";
import { eventText, skipsAnalysis } from "../../api/index.ts";
import { hooksOf } from "./plan.ts";
import { rollback } from "./rollback.ts";
import { gatePollMs, hookQuestion, hookVerdicts, unanswered, warn } from "./round.ts";
import type { StatusChange } from "./status.ts";
import type { Action, Decision, Observation, Question } from "./types.ts";

/** The rollback hooks, as questions. A release that skips its analysis has nobody to ask. */
export function rollbackQuestions(seen: Observation, release?: Release): readonly Question[] {
  const { canary } = seen;
  if (skipsAnalysis(canary)) return [];
  const about = release === undefined ? {} : { release };
  const phase = canary.status?.phase ?? "";
  return hooksOf(canary, "rollback").map((hook) => ({ ...hookQuestion(canary, hook, phase), ...about }));
}

/** A rollback hook that says yes takes the release back; one that says no is no news. Only meaningful when all are answered. */
export function rollbackSignal(seen: Observation): readonly Action[] | undefined {
  const { canary } = seen;
  const verdicts = hookVerdicts(seen, hooksOf(canary, "rollback"), canary.status?.phase ?? "");
  const yes = verdicts.find((verdict) => verdict.ok);
  return yes && [warn(eventText.rollbackPassed(yes.hook.name))];
}

/**
 * Lets people call off a release that stands still: before its pods are ready, or before a gate. The rollback hooks are asked
 * beside whatever it asks and waits for, as often as a gate is.
 */
export function unlessCalledOff(
  seen: Observation,
  standing: Decision,
  called?: { readonly release: Release; readonly refused: StatusChange },
): Decision {
  const questions = rollbackQuestions(seen, called?.release);
  if (questions.length === 0) return standing;
  const open = unanswered(seen, questions);
  if (open.length === 0) {
    const events = rollbackSignal(seen);
    if (events !== undefined) return rollback(seen, { manual: true, events }, called?.refused);
  }
  if (standing.actions.length > 0) return standing;
  if (open.length > 0) return { ...standing, questions: [...standing.questions, ...open] };
  return standing.questions.length > 0
    ? standing
    : { ...standing, wakeAfterMs: Math.min(gatePollMs, standing.wakeAfterMs ?? gatePollMs) };
}
