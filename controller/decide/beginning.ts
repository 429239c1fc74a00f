import { eventText, type Release } from "../../api/index.ts";
import { gaveUp, namesOf } from "./converge.ts";
import { weightOf } from "./plan.ts";
import { leftBehind } from "./rollback.ts";
import { milestone, perform, tell } from "./round.ts";
import { type StatusChange, writeStatus } from "./status.ts";
import type { Decision, Observation, Workload } from "./types.ts";
import { givenReplicas } from "./wishes.ts";

/**
 * The status a release begins with. After a failed promotion everybody is on the canary, the only healthy copy, and stays there:
 * the fix is analysed where the traffic is.
 */
export function beginning(seen: Observation, target: Workload): StatusChange {
  const stranded = weightOf(seen.canary) === 100 && seen.primary !== undefined && gaveUp(seen.primary.readiness);
  return {
    phase: "Progressing",
    canaryWeight: stranded ? 100 : 0,
    iterations: 0,
    failedChecks: 0,
    lastAppliedSpec: target.revision,
    release: { ...releaseOf(target), ...givenReplicas(target, Math.max(1, seen.canaryReplicas)) },
  };
}

/** What a release of this target is about. */
export function releaseOf(target: Workload): Release {
  return { revision: target.revision, ...target.authorship };
}

/** Whether the primary runs this revision and was promoted to it. After a failed promotion it runs another one than the status names. */
export function isPromoted(seen: Observation, revision: string): boolean {
  const running = seen.primary?.revision ?? "foreign";
  return revision === seen.canary.status?.lastPromotedSpec && (running === "foreign" || running === revision);
}

/** The target moved on during a release. Back to the promoted revision ends it; anything else begins it again. */
export function superseded(seen: Observation, target: Workload): Decision {
  const { target: name, namespace } = namesOf(seen.canary);
  if (!isPromoted(seen, target.revision))
    return perform(
      ...writeStatus(seen, beginning(seen, target)),
      milestone("Progressing", tell(eventText.restartingAnalysis(name, namespace))),
    );
  return perform(
    ...writeStatus(seen, {
      phase: "Succeeded",
      canaryWeight: 0,
      iterations: 0,
      failedChecks: 0,
      lastAppliedSpec: target.revision,
      release: leftBehind(seen),
      message: "Reverted to the promoted revision, nothing to promote.",
    }),
    milestone("Succeeded", tell(`Revision reverted! Scaling down ${name}.${namespace}`)),
  );
}
