import type { Canary } from "../../api/index.ts";
import { eventText } from "../../api/index.ts";
import { observedTraffic, plannedTraffic, sameTraffic, writtenTraffic } from "./plan.ts";
import { endpointsQuestion, perform, wait } from "./round.ts";
import { hold, holdForEndpoints, tellAtOnce } from "./status.ts";
import type { Action, Decision, Observation, Readiness, Workload } from "./types.ts";

/** The names that texts are made of. */
export function namesOf(canary: Canary): {
  readonly name: string;
  readonly namespace: string;
  readonly target: string;
} {
  return { name: canary.metadata.name, namespace: canary.metadata.namespace ?? "", target: canary.spec.targetRef.name };
}

/** Generated objects that are missing or were changed, brought back. The route keeps the split that is planned. */
export function repairs(seen: Observation): Action[] {
  const { objects } = seen;
  const actions: Action[] = [];
  for (const object of ["canaryService", "primaryService", "apexService", "primaryScaler"] as const) {
    if (objects[object] === "absent" || objects[object] === "differs") actions.push({ kind: "ensure", object });
  }
  if (objects.route === "absent" || objects.route === "differs") {
    actions.push({ kind: "ensure", object: "route", traffic: plannedTraffic(seen.canary, seen.provider) });
  }
  return actions;
}

/** When to look again for what was deleted, in milliseconds. */
const strayMs = 500;

/**
 * Brings objects and weights to what the status says. Undefined when they are.
 * Nobody is sent to a workload that cannot serve: then the weights stay until it can, whatever the plan says.
 */
export function converge(seen: Observation): Decision | undefined {
  const actions = repairs(seen);
  if (actions.length > 0) return perform(...actions);
  // Only now, when the copy that replaces them is there. That they are gone shows a moment later.
  if (seen.strayScalers === true && seen.missingScaler === undefined) return wait(strayMs, { kind: "dropScalers" });
  return convergeTraffic(seen);
}

/** The same for the weights alone. */
export function convergeTraffic(seen: Observation): Decision | undefined {
  const traffic = seen.traffic;
  if (traffic === undefined) return undefined;
  const planned = plannedTraffic(seen.canary, seen.provider);
  const written = writtenTraffic(seen);
  if (written === undefined || sameTraffic(written, planned)) return acceptance(seen);
  const gaining =
    planned.canary > written.canary ? seen.target : planned.primary > written.primary ? seen.primary : undefined;
  if (gaining !== undefined && gaining.available === 0) return notReady(seen, gaining);
  if (gaining !== undefined && gaining === seen.primary && isTooSmall(seen, gaining))
    return perform({ kind: "scalePrimary", replicas: seen.primaryFloor ?? 0 });
  return perform({ kind: "shift", traffic: planned });
}

/** Waits for the router to take over what is written. Undefined when it has. */
function acceptance(seen: Observation): Decision | undefined {
  const { traffic, unacceptedSince } = seen;
  if (traffic === undefined || "primary" in traffic) return undefined;
  return hold(seen, traffic.notAccepted, undefined, unacceptedSince);
}

/** Whether the primary must grow before it takes the canary's traffic over. */
export function isTooSmall({ primaryFloor = 0 }: Observation, { replicas }: Workload): boolean {
  return replicas !== undefined && replicas < primaryFloor;
}

/** True when the split in force is the planned one (or there is nothing to split). */
export function trafficSettled(seen: Observation): boolean {
  if (seen.objects.route === "none") return true;
  const traffic = observedTraffic(seen);
  return traffic !== undefined && sameTraffic(traffic, plannedTraffic(seen.canary, seen.provider));
}

/**
 * Counts of a status may be those of pods that are just going; who is behind a Service is certain. Asks, and holds while nobody is.
 * Undefined when somebody is, or when no Service tells.
 */
export function whileUnreached(seen: Observation, service: string | undefined): Decision | undefined {
  if (service === undefined) return undefined;
  const question = endpointsQuestion(seen.canary, service);
  const answer = seen.answers[question.id];
  if (answer === undefined) return { actions: [], questions: [question] };
  return answer.kind === "endpoints" && answer.ready === 0 ? holdForEndpoints(seen, service) : undefined;
}

/** Waits for a workload, saying what it lacks. */
export function notReady(seen: Observation, workload: Workload): Decision {
  const readiness = workload.readiness;
  if (!readiness.ready && readiness.settling === true) return wait();
  const why = readiness.ready ? "waiting for rollout to finish: 0 available pods" : readiness.why;
  const text = notReadyText(seen, workload, why);
  if (readiness.ready) return hold(seen, text);
  return readiness.stuck ? tellAtOnce(seen, text, readiness.recheckAt) : hold(seen, text, readiness.recheckAt);
}

function notReadyText(seen: Observation, workload: Workload, why: string): string {
  const { target, namespace } = namesOf(seen.canary);
  const { kind } = seen.canary.spec.targetRef;
  if (workload !== seen.primary)
    return canaryNotReady(seen.canary, why, workload.readiness.ready || workload.readiness.retriable);
  if (kind === "DaemonSet") return eventText.primaryDaemonSetNotReady(target, namespace, why);
  return kind === "Deployment"
    ? eventText.primaryNotReady(target, namespace, why)
    : eventText.primaryOfKindNotReady(kind, target, namespace, why);
}

/** The known text for a canary that cannot serve. */
export function canaryNotReady(canary: Canary, why: string, retriable: boolean): string {
  const { target, namespace } = namesOf(canary);
  const { kind } = canary.spec.targetRef;
  return kind === "DaemonSet"
    ? eventText.canaryDaemonSetNotReady(target, namespace, retriable, why)
    : eventText.canaryOfKindNotReady(kind, target, namespace, why);
}

/**
 * Takes the target to zero once its traffic is gone and had time to drain. Undefined when it is there.
 * Traffic that still flows to it (a failed promotion) keeps it up.
 */
export function emptyTarget(seen: Observation): Decision | undefined {
  const { target, canary } = seen;
  if (target?.replicas === undefined) return undefined;
  const woken = seen.sourceScaler === "running";
  if (target.replicas === 0 && !woken) return undefined;
  if (plannedTraffic(canary, seen.provider).canary > 0 || !trafficSettled(seen)) return undefined;
  const left = target.replicas === 0 ? 0 : drainLeft(seen);
  if (left > 0) return wait(left);
  return perform(
    ...(woken ? [{ kind: "pauseScaler", paused: true } as const] : []),
    ...(target.replicas > 0 ? [{ kind: "scaleTarget", replicas: 0 } as const] : []),
  );
}

/** Milliseconds that a workload without traffic is still kept, counted from the last change of the status. */
export function drainLeft(seen: Observation): number {
  const changed = Date.parse(seen.canary.status?.lastTransitionTime ?? "");
  // Times are kept in whole seconds: counted from the end of that second, it is never less than was asked for.
  const left = changed + (seen.drainMs > 0 ? 999 : 0) + seen.drainMs - seen.now;
  // Much more can only be a clock that was set back.
  return left <= 2 * seen.drainMs + 999 ? left : 0;
}

export function gaveUp(readiness: Readiness): readiness is Extract<Readiness, { ready: false }> {
  return !readiness.ready && !readiness.retriable;
}
