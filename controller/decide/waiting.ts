import { isPromoted, releaseOf } from "./beginning.ts";
import { unlessCalledOff } from "./callOff.ts";
import { converge } from "./converge.ts";
import { targetMissing } from "./initializing.ts";
import { weightOf } from "./plan.ts";
import { rest, throughGate } from "./rest.ts";
import { perform } from "./round.ts";
import { writeStatus } from "./status.ts";
import type { Decision, Observation } from "./types.ts";
import { givenReplicas } from "./wishes.ts";

/** A new revision stands before the closed confirm-rollout gate. Taken back meanwhile, it leaves no trace; called off, it has failed. */
export function waiting(seen: Observation): Decision {
  const { target, primary } = seen;
  if (target === undefined) return targetMissing(seen);
  if (primary === undefined) return rest(seen);
  const repair = converge(seen);
  if (repair !== undefined) return repair;
  if (isPromoted(seen, target.revision))
    return perform(...writeStatus(seen, { phase: "Succeeded", lastAppliedSpec: target.revision }));
  const release = releaseOf(target);
  // Nothing of it has met traffic, so the split stays as it is, and the revision does not come again by itself.
  const refused = {
    canaryWeight: weightOf(seen.canary),
    lastAppliedSpec: target.revision,
    release: { ...release, ...givenReplicas(target) },
  };
  return unlessCalledOff(seen, throughGate(seen, target), { release, refused });
}
