import { eventText, knownKeys } from "../../api/index.ts";
import { drainLeft, gaveUp, namesOf, notReady, whileUnreached } from "./converge.ts";
import { allToPrimary, observedTraffic, sameTraffic, weightOf } from "./plan.ts";
import { perform, tell, wait } from "./round.ts";
import { writeStatus } from "./status.ts";
import type { Decision, Observation, Workload } from "./types.ts";

/** When to look again for a Canary that should be gone, in milliseconds. Not sooner: the cache still shows it for a moment. */
const goneMs = 5_000;

/**
 * The Canary is being deleted. Whoever serves now goes on serving: the target takes over when it holds the promoted revision,
 * otherwise the primary stays and becomes the user's. Only then the finalizer goes. Without a target there is nobody to serve for.
 */
export function terminating(seen: Observation): Decision {
  const { canary, target, primary } = seen;
  const { name, namespace } = namesOf(canary);
  if (!(canary.metadata.finalizers ?? []).includes(knownKeys.finalizer)) return wait();
  const phase = canary.status?.phase ?? "";
  if (phase === "Terminated") {
    const left = drainLeft(seen);
    return left > 0
      ? wait(left)
      : wait(goneMs, { kind: "finalizer", present: false }, tell(eventText.terminated(name, namespace)));
  }
  if (phase !== "Terminating")
    return perform(...writeStatus(seen, { phase: "Terminating" }), tell(eventText.terminating(name, namespace)));
  // Uninstalled: whoever deletes the target and the Canary wants nothing of it left, so what is ours goes with the Canary.
  if (target === undefined)
    return wait(goneMs, { kind: "finalizer", present: false }, tell(eventText.terminated(name, namespace)));
  const heir = heirOf(seen, target);
  if (heir === "target") {
    if (target.held === true) return perform({ kind: "unhold" });
    if (seen.sourceScaler === "paused") return perform({ kind: "pauseScaler", paused: false });
    if (target.replicas === 0)
      return perform({ kind: "scaleTarget", replicas: Math.max(1, primary?.replicas ?? seen.canaryReplicas) });
    // Waiting is worth it while somebody serves and the target may still come up.
    if (!target.readiness.ready && !gaveUp(target.readiness) && serves(primary)) return notReady(seen, target);
    const isThere = seen.objects.canaryService !== "absent" && target.readiness.ready && serves(primary);
    const unreached = isThere ? whileUnreached(seen, seen.endpoints.canary) : undefined;
    if (unreached !== undefined) return unreached;
  }
  // What the route says now stays when nobody looks after it any more: no share for a revision that was never promoted.
  const traffic = observedTraffic(seen);
  if (heir === "primary" && serves(primary) && traffic !== undefined && !sameTraffic(traffic, allToPrimary))
    return perform({ kind: "shift", traffic: allToPrimary });
  return perform({ kind: "handBack", to: heir }, ...writeStatus(seen, { phase: "Terminated" }));
}

function serves(workload: Workload | undefined): boolean {
  return workload !== undefined && workload.available > 0;
}

/**
 * The target, unless it cannot come up or holds a revision that was not promoted while a primary serves the one that was.
 * After a failed promotion (weight 100) the unpromoted revision is the one that serves.
 */
function heirOf({ primary, canary }: Observation, target: Workload): "target" | "primary" {
  if (primary === undefined) return "target";
  if (gaveUp(target.readiness) && serves(primary)) return "primary";
  const promoted = canary.status?.lastPromotedSpec;
  return promoted === undefined || target.revision === promoted || weightOf(canary) === 100 ? "target" : "primary";
}
