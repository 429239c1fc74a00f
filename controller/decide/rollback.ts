import { alertText, type CanaryStatus, eventText } from "../../api/index.ts";
import { canaryNotReady, namesOf } from "./converge.ts";
import { hooksOf } from "./plan.ts";
import { alert, milestone, perform, warn } from "./round.ts";
import { type StatusChange, takenBack, writeStatus } from "./status.ts";
import type { Action, Decision, Observation } from "./types.ts";
import { givenReplicas } from "./wishes.ts";

export type Cause =
  | { readonly threshold: true }
  | { readonly manual: true; readonly events: readonly Action[] }
  /** The canary can not become ready; the text says why. */
  | { readonly because: string };

/**
 * Takes the release back: the status says Failed with weight 0, and at rest the route and the target follow.
 * The count of failed checks stays, so that the status still tells why. `refused`: what else is to be noted of it.
 */
export function rollback(seen: Observation, cause: Cause, refused: StatusChange = {}): Decision {
  const { canary } = seen;
  const { name, namespace } = namesOf(canary);
  return perform(
    ...writeStatus(seen, {
      phase: "Failed",
      canaryWeight: 0,
      iterations: 0,
      release: leftBehind(seen),
      ...("because" in cause ? { message: `${takenBack(seen)}: ${cause.because}` } : {}),
      ...refused,
    }),
    ...reasonEvents(seen, cause),
    alertOf(seen, cause),
    milestone("Failed", warn(eventText.canaryFailed(name, namespace))),
    { kind: "count", outcome: "failed" },
    { kind: "tell", hooks: hooksOf(canary, "post-rollout"), phase: "Failed" },
  );
}

/** What the target runs when its release ends is no wish of anybody's: see wishes. */
export function leftBehind({ canary, target }: Observation): NonNullable<CanaryStatus["release"]> {
  return { ...canary.status?.release, ...(target === undefined ? {} : givenReplicas(target)) };
}

function alertOf(seen: Observation, cause: Cause): Action {
  if ("threshold" in cause) return alert("error", alertText.failedChecks(seen.canary.status?.failedChecks ?? 0));
  if ("manual" in cause) return alert("warn", alertText.rolledBackManually());
  return alert("error", alertText.deadlineExceeded(cause.because));
}

function reasonEvents(seen: Observation, cause: Cause): readonly Action[] {
  const { name, namespace } = namesOf(seen.canary);
  if ("threshold" in cause)
    return [warn(eventText.rollingBackThreshold(name, namespace, seen.canary.status?.failedChecks ?? 0))];
  if ("manual" in cause) return [...cause.events, warn(eventText.rollingBackManually(name, namespace))];
  return [warn(canaryNotReady(seen.canary, cause.because, false))];
}
