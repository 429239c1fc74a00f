import { apexName, eventText } from "../../api/index.ts";
import { gaveUp, namesOf, notReady, repairs } from "./converge.ts";
import { allToPrimary } from "./plan.ts";
import { endpointsQuestion, perform, tell, unanswered, wait, warn } from "./round.ts";
import { hold, writeStatus } from "./status.ts";
import type { Action, Decision, Observation, Workload } from "./types.ts";

/** How soon to ask again for endpoints that are not there yet, in milliseconds. */
const endpointsPollMs = 200;

/**
 * From the user's bare workload to primary and canary, without losing a request: the primary must serve before the apex
 * Service turns to it, and the Service must have its endpoints before the target goes to zero (which the next phase does).
 */
export function initializing(seen: Observation): Decision {
  const { canary, target, primary } = seen;
  if (target === undefined) return targetMissing(seen);
  if ((canary.status?.phase ?? "") !== "Initializing") return begin(seen);
  const before = missing(seen, ["canaryService", "primaryService"]);
  if (before.length > 0) return perform(...before);
  if (primary === undefined) return perform({ kind: "ensure", object: "primary" });
  if (!primary.readiness.ready) return primaryUnready(seen, target, primary);
  return turnTraffic(seen, primary);
}

export function targetMissing(seen: Observation): Decision {
  const { target, namespace } = namesOf(seen.canary);
  const kind = seen.canary.spec.targetRef.kind.toLowerCase();
  return hold(seen, `${kind} ${target}.${namespace} get query error: ${kind}s "${target}" not found`);
}

function begin(seen: Observation): Decision {
  const probe = { id: "providers", kind: "providers" } as const;
  const answer = seen.answers[probe.id];
  if (answer === undefined) return { actions: [], questions: [probe] };
  const error = answer.kind === "providers" ? answer.error : undefined;
  const news = error === undefined ? tell(eventText.metricsAvailable()) : warn(eventText.metricsUnavailable(error));
  return perform(
    ...writeStatus(seen, { phase: "Initializing", canaryWeight: 0, iterations: 0, failedChecks: 0 }),
    news,
  );
}

/** A first revision that cannot start is replaced by the next one; until then the target keeps serving, untouched. */
function primaryUnready(seen: Observation, target: Workload, primary: Workload): Decision {
  if (gaveUp(primary.readiness) && primary.revision !== target.revision)
    return perform({ kind: "promote", revision: target.revision });
  return notReady(seen, primary);
}

function turnTraffic(seen: Observation, primary: Workload): Decision {
  const { canary } = seen;
  const { name, namespace } = namesOf(canary);
  const actions = repairs(seen).map((action) =>
    action.kind === "ensure" && action.object === "route" ? { ...action, traffic: allToPrimary } : action,
  );
  if (actions.length > 0) return perform(...actions);
  if (seen.traffic !== undefined && !("primary" in seen.traffic)) return hold(seen, seen.traffic.notAccepted);
  const question = endpointsQuestion(canary, apexName(canary));
  if (unanswered(seen, [question]).length > 0) return { actions: [], questions: [question] };
  const answer = seen.answers[question.id];
  if (answer?.kind === "endpoints" && answer.ready === 0) return wait(endpointsPollMs);
  return perform(
    ...writeStatus(seen, {
      phase: "Initialized",
      lastAppliedSpec: primary.revision,
      lastPromotedSpec: primary.revision,
      canaryWeight: 0,
      iterations: 0,
      failedChecks: 0,
    }),
    tell(eventText.initialized(name, namespace)),
  );
}

function missing(seen: Observation, objects: readonly ("canaryService" | "primaryService")[]): Action[] {
  return objects.filter((object) => seen.objects[object] !== "fits").map((object) => ({ kind: "ensure", object }));
}
