import { apexName, canaryName, eventText, type Phase, primaryName } from "../../api/index.ts";
import { namesOf } from "./converge.ts";
import { plannedTraffic, writtenTraffic } from "./plan.ts";
import { drift, isClosedGate } from "./round.ts";
import { conditionMessage } from "./status.ts";
import type { Action, Decision, Observation } from "./types.ts";
import { overruled } from "./wishes.ts";

/** How long after a change of the status what follows from it may still be on its way, in milliseconds. */
const settlingMs = 2_000;

/** While these last, weights stay as they are from one round to the next, or as the release left them. */
const steady: ReadonlySet<Phase> = new Set([
  "Initialized",
  "Succeeded",
  "Failed",
  "Waiting",
  "Progressing",
  "WaitingPromotion",
]);

/** Who empties a target in these does so again. */
const resting: ReadonlySet<Phase> = new Set(["Initialized", "Succeeded", "Failed"]);

/** Nothing is left to be done in these. */
const done: ReadonlySet<Phase> = new Set(["Initialized", "Succeeded"]);

/**
 * A decision, and what its repairs say about others. Nobody is blamed for what follows from a new spec or from a status that has just
 * changed: then it is we who want something else.
 */
export function withDrifts(seen: Observation, decision: Decision): Decision {
  const told = isSettled(seen) ? decision.actions.flatMap((action) => driftOf(seen, action)) : [];
  return told.length === 0 ? decision : { ...decision, actions: [...decision.actions, ...told] };
}

function isSettled({ canary, now }: Observation): boolean {
  const { lastTransitionTime = "", observedGeneration, lastPromotedSpec } = canary.status ?? {};
  // Before the first revision serves, everything is still being made.
  if (lastPromotedSpec === undefined || canary.metadata.deletionTimestamp !== undefined) return false;
  return observedGeneration === canary.metadata.generation && now - Date.parse(lastTransitionTime) > settlingMs;
}

function driftOf(seen: Observation, action: Action): readonly Action[] {
  const { canary, objects } = seen;
  const { namespace, target } = namesOf(canary);
  const apex = apexName(canary);
  switch (action.kind) {
    case "shift":
      return weightsChanged(seen);
    case "mend":
      return [drift("primary", eventText.primaryPutBack(target, namespace))];
    case "scaleTarget":
      return action.replicas === 0 && resting.has(canary.status?.phase ?? "") ? overruled(seen) : [];
    case "ensure": {
      const { object } = action;
      if (object === "route")
        return [drift(object, eventText.putBack("The route of", apex, namespace, objects.route === "absent"))];
      if (object === "primary" || object === "primaryScaler") return [];
      const names = { apexService: apex, primaryService: primaryName(canary), canaryService: canaryName(canary) };
      return [drift(object, eventText.putBack("Service", names[object], namespace, objects[object] === "absent"))];
    }
    default:
      return [];
  }
}

/**
 * Weights that were waited for (a pod that was not ready) come late without anybody's doing; the status says so. After a success, and
 * before a gate, none are on their way.
 */
function weightsChanged(seen: Observation): readonly Action[] {
  const { canary, provider } = seen;
  const phase = canary.status?.phase ?? "";
  const waitedFor = conditionMessage(seen, "Reconciling") ?? "";
  const isLate = !done.has(phase) && waitedFor !== "" && !isClosedGate(waitedFor);
  if (!steady.has(phase) || isLate) return [];
  const { namespace } = namesOf(canary);
  const has = writtenTraffic(seen)?.canary ?? 0;
  const planned = plannedTraffic(canary, provider).canary;
  return has === planned ? [] : [drift("route", eventText.weightsPutBack(apexName(canary), namespace, has, planned))];
}
