import {
  alertText,
  assertNever,
  eventText,
  progressDeadlineSeconds,
  skipsAnalysis,
  threshold,
} from "../../api/index.ts";
import { superseded } from "./beginning.ts";
import { rollbackQuestions, rollbackSignal, unlessCalledOff } from "./callOff.ts";
import { canaryNotReady, converge, gaveUp, namesOf, notReady, whileUnreached } from "./converge.ts";
import { targetMissing } from "./initializing.ts";
import { hasStarted, hooksOf, nextStep, plannedTraffic, weightAtPromotion } from "./plan.ts";
import { rest } from "./rest.ts";
import { rollback } from "./rollback.ts";
import {
  closedGate,
  endpointsQuestion,
  failedChecks,
  gate,
  gateAlert,
  hookQuestion,
  hookVerdicts,
  isClosedGate,
  perform,
  pollGate,
  roundQuestions,
  tell,
  unanswered,
  untilDue,
  wait,
  warn,
} from "./round.ts";
import { conditionMessage, noEndpoints, writeStatus } from "./status.ts";
import type { Action, Decision, Observation, Workload } from "./types.ts";

/** Progressing and WaitingPromotion: traffic comes over step by step while the checks hold. */
export function progressing(seen: Observation): Decision {
  const { canary, target, primary } = seen;
  if (target === undefined) return targetMissing(seen);
  if (primary === undefined) return rest(seen);
  if (target.revision !== canary.status?.lastAppliedSpec) return superseded(seen, target);
  if ((canary.status?.failedChecks ?? 0) >= threshold(canary) && !skipsAnalysis(canary))
    return rollback(seen, { threshold: true });
  if (seen.sourceScaler === "paused") return perform({ kind: "pauseScaler", paused: false });
  if (target.replicas === 0) {
    const replicas = canary.status.release?.replicas ?? Math.max(1, seen.canaryReplicas);
    return perform({ kind: "scaleTarget", replicas });
  }
  if (gaveUp(target.readiness)) return rollback(seen, { because: target.readiness.why });
  if (target.available === 0 && hasStarted(canary)) return lostPods(seen, target);
  const standing = converge(seen) ?? unready(seen, target, primary);
  if (standing !== undefined)
    // What takes a moment within a round is no reason to ask.
    return hasStarted(canary) && untilDue(seen) > 0 ? standing : unlessCalledOff(seen, standing);
  if (skipsAnalysis(canary)) return perform(...promote(seen));
  return hasStarted(canary) ? analyse(seen) : startAnalysis(seen);
}

/** Waits until both who get requests can serve. Undefined when they can. */
function unready(seen: Observation, target: Workload, primary: Workload): Decision | undefined {
  if (plannedTraffic(seen.canary, seen.provider).primary > 0 && awaited(primary)) return notReady(seen, primary);
  return target.readiness.ready ? undefined : notReady(seen, target);
}

/** A primary that is on its way is waited for. One that gave up comes back by a promotion only: waiting for it would keep the fix away. */
function awaited(primary: Workload): boolean {
  return !primary.readiness.ready && !gaveUp(primary.readiness);
}

/** A canary that carries traffic and has no pod left: its share goes back to the primary at once, and that is a failed check. */
function lostPods(seen: Observation, target: Workload): Decision {
  const why = target.readiness.ready ? "no pod is available" : target.readiness.why;
  return perform(
    ...writeStatus(seen, {
      phase: "Progressing",
      canaryWeight: 0,
      iterations: 0,
      failedChecks: (seen.canary.status?.failedChecks ?? 0) + 1,
    }),
    warn(canaryNotReady(seen.canary, why, true)),
  );
}

/** Before the first traffic: the canary must have endpoints, then the pre-rollout hooks must pass. */
function startAnalysis(seen: Observation): Decision {
  const { canary } = seen;
  // The hooks before the gate have passed; they are not called again each time that the gate is asked.
  if (atGate(seen)) return unlessCalledOff(seen, step(seen, []));
  const { name, namespace, target } = namesOf(canary);
  const failed = canary.status?.failedChecks ?? 0;
  const hooks = hooksOf(canary, "pre-rollout");
  const questions = [...hooks.map((hook) => hookQuestion(canary, hook, "Progressing")), ...rollbackQuestions(seen)];
  const first = seen.endpoints.canary === undefined ? questions : [endpointsQuestion(canary, seen.endpoints.canary)];
  // With an answer to one of these, the round was due when it began.
  const begun = unanswered(seen, first).length < first.length;
  if (failed > 0 && untilDue(seen) > 0 && !begun) return wait(untilDue(seen));
  const unreached = whileUnreached(seen, seen.endpoints.canary);
  if (unreached !== undefined) return unreached.questions.length > 0 ? unreached : outOfReach(seen, unreached);
  const open = unanswered(seen, questions);
  const announced = tell(eventText.startingAnalysis(target, namespace));
  if (open.length > 0) return { actions: [announced], questions: open, round: true };
  const calledOff = rollbackSignal(seen);
  if (calledOff !== undefined) return rollback(seen, { manual: true, events: calledOff });
  const verdicts = hookVerdicts(seen, hooks, "Progressing");
  const failures = verdicts.filter((verdict) => !verdict.ok);
  const events = verdicts.map((verdict) =>
    verdict.ok
      ? tell(eventText.preRolloutPassed(verdict.hook.name))
      : warn(eventText.preRolloutFailed(name, namespace, verdict.hook.name, verdict.message)),
  );
  if (failures.length > 0) return perform(...writeStatus(seen, { failedChecks: failed + 1 }), ...events);
  return step(seen, questions.length > 0 ? events : [announced]);
}

/** Nobody can reach the canary. Its pods may be none of ours, so no status of theirs ends the wait: the deadline does. */
function outOfReach(seen: Observation, held: Decision): Decision {
  const since = Date.parse(seen.canary.status?.lastTransitionTime ?? "");
  const late = seen.now > since + progressDeadlineSeconds(seen.canary) * 1000;
  return late
    ? rollback(seen, { because: noEndpoints(seen.canary, seen.endpoints.canary ?? "") })
    : unlessCalledOff(seen, held);
}

/** One round: all rollout hooks, metrics and rollback hooks at once; good rounds lead to the next step. */
function analyse(seen: Observation): Decision {
  const { canary } = seen;
  const questions = [...roundQuestions(canary, "Progressing"), ...rollbackQuestions(seen)];
  const open = unanswered(seen, questions);
  const answered = questions.length > 0 && open.length === 0;
  const due = untilDue(seen);
  if (!answered && due > 0) return betweenRounds(seen, due);
  if (open.length > 0) return { actions: [], questions: open, round: true };
  const calledOff = rollbackSignal(seen);
  if (calledOff !== undefined) return rollback(seen, { manual: true, events: calledOff });
  const failures = failedChecks(seen, "Progressing");
  if (failures.length > 0)
    return perform(
      ...writeStatus(seen, { failedChecks: (canary.status?.failedChecks ?? 0) + 1 }),
      ...failures.map(warn),
    );
  return step(seen, []);
}

/** Between rounds only an open gate or a rollback hook moves anything; the checks before it held. */
function betweenRounds(seen: Observation, due: number): Decision {
  if (!atGate(seen)) return wait(due);
  const decision = unlessCalledOff(seen, step(seen, []));
  return decision.questions.length > 0 || decision.wakeAfterMs === undefined
    ? decision
    : { ...decision, wakeAfterMs: Math.min(due, decision.wakeAfterMs) };
}

/** The last round was good and led to a closed gate. A round that fails meanwhile clears the sentence, and with it this short cut. */
function atGate(seen: Observation): boolean {
  return isClosedGate(conditionMessage(seen, "Reconciling"));
}

function step(seen: Observation, events: readonly Action[]): Decision {
  const { canary, provider } = seen;
  const { name, namespace } = namesOf(canary);
  const next = nextStep(canary, provider);
  switch (next.kind) {
    case "weight":
      return increase(seen, events, (passed) => [
        ...writeStatus(seen, { phase: "Progressing", canaryWeight: next.weight, iterations: next.mirrored }),
        ...events,
        ...passed,
        tell(eventText.advanceWeight(name, namespace, next.weight)),
      ]);
    case "iteration":
      return perform(
        ...writeStatus(seen, { phase: "Progressing", iterations: next.iteration }),
        ...events,
        tell(eventText.advanceIteration(name, namespace, next.iteration, next.of)),
      );
    case "everyone":
      return promotionGate(seen, events, (passed) => [
        ...writeStatus(seen, { phase: "Progressing", iterations: next.iteration }),
        ...events,
        ...passed,
        tell(mirrors(seen) ? eventText.stopMirroring() : eventText.routingAllToCanary()),
      ]);
    case "promote":
      return promotionGate(seen, events, (passed) => [...promote(seen, [...events, ...passed])]);
    default:
      return assertNever(next);
  }
}

function increase(
  seen: Observation,
  events: readonly Action[],
  go: (passed: readonly Action[]) => readonly Action[],
): Decision {
  const answer = gate(seen, "confirm-traffic-increase", "Progressing");
  if (answer.state === "ask") return { actions: [], questions: answer.questions };
  if (answer.state === "open") return perform(...go(answer.events));
  const { name, namespace } = namesOf(seen.canary);
  const waitingFor = closedGate(answer.hook);
  const status = writeStatus(seen, { waitingFor });
  // The gate's own news is told once: the status says since when it is closed.
  return pollGate(
    ...status,
    ...(status.length > 0
      ? [
          ...events,
          warn(eventText.waitingForTrafficIncrease(name, namespace, answer.hook.name)),
          ...gateAlert(answer.hook, alertText.waitingForTrafficIncrease()),
        ]
      : []),
  );
}

function promotionGate(
  seen: Observation,
  events: readonly Action[],
  go: (passed: readonly Action[]) => readonly Action[],
): Decision {
  const answer = gate(seen, "confirm-promotion", "Progressing");
  if (answer.state === "ask") return { actions: [], questions: answer.questions };
  if (answer.state === "open") return perform(...go(answer.events));
  const { name, namespace } = namesOf(seen.canary);
  const entering = seen.canary.status?.phase !== "WaitingPromotion";
  return pollGate(
    ...writeStatus(seen, { phase: "WaitingPromotion", waitingFor: closedGate(answer.hook) }),
    ...(entering
      ? [
          ...events,
          warn(eventText.waitingForPromotion(name, namespace, answer.hook.name)),
          ...gateAlert(answer.hook, alertText.waitingForPromotion()),
        ]
      : []),
  );
}

/** Promotion is announced in the status first; the copy itself is made by the next phase, as often as it takes. */
function promote(seen: Observation, events: readonly Action[] = []): Action[] {
  const { target, namespace } = namesOf(seen.canary);
  const weight = skipsAnalysis(seen.canary) ? 0 : weightAtPromotion(seen.canary, seen.provider);
  return [
    ...writeStatus(seen, { phase: "Promoting", canaryWeight: weight }),
    ...events,
    tell(eventText.copyingTemplate(target, namespace)),
  ];
}

function mirrors(seen: Observation): boolean {
  const traffic = seen.traffic;
  return traffic !== undefined && "mirror" in traffic && traffic.mirror;
}
