import { assertNever, eventText, knownKeys } from "../../api/index.ts";
import { withDrifts } from "./drift.ts";
import { finalising } from "./finalising.ts";
import { initializing } from "./initializing.ts";
import { progressing } from "./progressing.ts";
import { promoting } from "./promoting.ts";
import { rest } from "./rest.ts";
import { perform, tell, wait } from "./round.ts";
import { stalled, writeStatus } from "./status.ts";
import { terminating } from "./terminating.ts";
import type { Decision, Observation } from "./types.ts";
import { waiting } from "./waiting.ts";
import { broughtBack, scaledInRelease } from "./wishes.ts";

/**
 * The release machine: from one look at the world to what shall be done about it. Total, deterministic, without I/O or clock.
 *
 * Two halves in every phase. First the world is brought to what the status says (objects, weights, replicas), so a crash after
 * any line heals; only then, when all of that is seen to hold, the status may take its next step. The status is written
 * before what it announces.
 */
export function decide(seen: Observation): Decision {
  return withDrifts(seen, decided(seen));
}

function decided(seen: Observation): Decision {
  const { canary } = seen;
  if (canary.metadata.deletionTimestamp !== undefined) return terminating(seen);
  if (!(canary.metadata.finalizers ?? []).includes(knownKeys.finalizer))
    return perform({ kind: "finalizer", present: true });
  if (canary.spec.suspend === true) return suspended(seen);
  if (seen.obstacle !== undefined) return stalled(seen, seen.obstacle);
  const phase = canary.status?.phase ?? "";
  switch (phase) {
    case "":
    case "Initializing":
      return initializing(seen);
    case "Initialized":
    case "Succeeded":
    case "Failed":
      return broughtBack(seen) ?? rest(seen);
    case "Waiting":
      return broughtBack(seen) ?? scaledInRelease(seen) ?? waiting(seen);
    case "Progressing":
    case "WaitingPromotion":
      return scaledInRelease(seen) ?? progressing(seen);
    case "Promoting":
      return broughtBack(seen) ?? scaledInRelease(seen) ?? promoting(seen);
    case "Finalising":
      return scaledInRelease(seen) ?? finalising(seen);
    // Left behind by a deletion that was undone by hand (finalizers edited): start over, nothing is lost by that.
    case "Terminating":
    case "Terminated":
      return initializing(seen);
    default:
      return assertNever(phase);
  }
}

/** Nothing moves. The user is told once, not at every look. */
function suspended(seen: Observation): Decision {
  const text = eventText.suspended();
  const status = writeStatus(seen, { stalled: text });
  return status.length === 0 ? wait() : perform(...status, tell(text));
}
