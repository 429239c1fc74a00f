import { isPromoted } from "./beginning.ts";
import { converge } from "./converge.ts";
import { targetMissing } from "./initializing.ts";
import { rest, throughGate } from "./rest.ts";
import { perform } from "./round.ts";
import { writeStatus } from "./status.ts";
import type { Decision, Observation } from "./types.ts";

/** A new revision stands before the closed confirm-rollout gate. Taken back meanwhile, it leaves no trace. */
export function waiting(seen: Observation): Decision {
  const { target, primary } = seen;
  if (target === undefined) return targetMissing(seen);
  if (primary === undefined) return rest(seen);
  const repair = converge(seen);
  if (repair !== undefined) return repair;
  if (isPromoted(seen, target.revision))
    return perform(...writeStatus(seen, { phase: "Succeeded", lastAppliedSpec: target.revision }));
  return throughGate(seen, target);
}
