import { alertText, analysisOf, eventText, templatePart } from "../../api/index.ts";
import { beginning, isPromoted, releaseOf } from "./beginning.ts";
import { converge, emptyTarget, namesOf } from "./converge.ts";
import { targetMissing } from "./initializing.ts";
import { effectiveIterations } from "./plan.ts";
import { alert, closedGate, gate, gateAlert, milestone, perform, pollGate, tell, warn } from "./round.ts";
import { hold, stalled, writeStatus } from "./status.ts";
import type { Action, Decision, Observation, Workload } from "./types.ts";
import { moveWish, scaledAtRest } from "./wishes.ts";

/** Initialized, Succeeded, Failed: the primary serves, the target is empty, and whatever drifts is put right. Waits for a new revision. */
export function rest(seen: Observation): Decision {
  const { target, primary } = seen;
  if (target === undefined) return targetMissing(seen);
  if (primary === undefined) return primaryLost(seen, target);
  const repair = converge(seen);
  if (repair !== undefined) return repair;
  if (target.held === true) return perform({ kind: "unhold" });
  return (
    scaledAtRest(seen, target, primary) ??
    newRelease(seen, target) ??
    emptyTarget(seen) ??
    moveWish(seen, target, primary) ??
    mendPrimary(seen, target, primary) ??
    (seen.missingScaler === undefined ? perform(...writeStatus(seen, {})) : hold(seen, seen.missingScaler))
  );
}

/** The primary was deleted. It comes back only from the revision it ran; anything else would be an unanalysed promotion. */
function primaryLost(seen: Observation, target: Workload): Decision {
  const { target: name, namespace } = namesOf(seen.canary);
  if (target.revision === seen.canary.status?.lastPromotedSpec) return perform({ kind: "ensure", object: "primary" });
  return stalled(
    seen,
    `${name}-primary.${namespace} is gone and ${name} holds another revision than the promoted one: set ${name} back to it to restore the primary`,
  );
}

/** Starts a release when the target holds a revision that was not seen before. Undefined when there is nothing new. */
function newRelease(seen: Observation, target: Workload): Decision | undefined {
  const { lastAppliedSpec, trackedConfigs } = seen.canary.status ?? {};
  const { revision } = target;
  if (revision === lastAppliedSpec) return undefined;
  const begins = trackedConfigs === undefined || seen.configs === undefined;
  // Canaries that another system looked after carry a revision we cannot recompute: take over what runs.
  // Of a failed release the target holds what was refused: that is seen, but not promoted.
  // Configs that were never looked at before, or no longer are, change what a revision is called and not what it is.
  const renamed = lastAppliedSpec !== undefined && begins && templatePart(lastAppliedSpec) === templatePart(revision);
  const foreign = lastAppliedSpec !== undefined && !isOurs(lastAppliedSpec) && !configsChanged(seen);
  if (renamed || (foreign && !runsAnother(seen, revision))) {
    const promoted = seen.canary.status?.phase === "Failed" ? {} : { lastPromotedSpec: revision };
    return perform(...writeStatus(seen, { lastAppliedSpec: revision, ...promoted }));
  }
  // Back to what the primary runs: nothing to release, but the revision that was left may come again.
  if (isPromoted(seen, revision)) return perform(...writeStatus(seen, { lastAppliedSpec: revision }));
  return throughGate(seen, target);
}

/** Whether the primary runs another revision than the target, and not because that one was refused: it was changed while nobody looked. */
function runsAnother({ canary, primary }: Observation, revision: string): boolean {
  const running = primary?.revision ?? "foreign";
  const runs = running === "foreign" ? primary?.differs !== true : running === revision;
  return canary.status?.phase !== "Failed" && !runs;
}

/** Whether configs are others than the ones that were noted, by whomever: their checksums are computed alike everywhere. */
function configsChanged({ canary, configs }: Observation): boolean {
  const noted = canary.status?.trackedConfigs;
  if (noted === undefined || configs === undefined) return false;
  const keys = Object.keys(configs);
  return keys.length !== Object.keys(noted).length || keys.some((key) => configs[key] !== noted[key]);
}

/** Asks confirm-rollout and starts, or waits. Used at rest and while Waiting. */
export function throughGate(seen: Observation, target: Workload): Decision {
  const phase = seen.canary.status?.phase ?? "";
  const answer = gate(seen, "confirm-rollout", phase, releaseOf(target));
  switch (answer.state) {
    case "ask":
      return { actions: [], questions: answer.questions };
    case "closed": {
      const { name, namespace } = namesOf(seen.canary);
      const entering = phase !== "Waiting";
      return pollGate(
        ...writeStatus(seen, { phase: "Waiting", waitingFor: closedGate(answer.hook) }),
        ...(entering
          ? [
              warn(eventText.waitingForApproval(name, namespace, answer.hook.name)),
              ...gateAlert(answer.hook, alertText.waitingForApproval()),
            ]
          : []),
      );
    }
    case "open":
      return perform(...writeStatus(seen, beginning(seen, target)), ...answer.events, ...announcements(seen));
  }
}

function announcements(seen: Observation): Action[] {
  const { canary, provider } = seen;
  const { target, namespace } = namesOf(canary);
  const analysis = analysisOf(canary);
  const limits =
    provider !== "kubernetes"
      ? []
      : [
          ...((analysis.match ?? []).length > 0 ? [warn(eventText.abTestingUnsupported())] : []),
          ...((analysis.iterations ?? 0) < 1 && effectiveIterations(canary, provider) > 0
            ? [warn(eventText.progressiveTrafficUnsupported()), warn(eventText.settingIterations())]
            : []),
        ];
  return [
    milestone("Progressing", tell(eventText.newRevision(target, namespace))),
    alert("info", alertText.newRevision(), true),
    ...limits,
  ];
}

/**
 * The primary's template, changed by somebody else. What it ran can be written again only while the target holds it; else it is said
 * once, for the next promotion puts it right. After a failed promotion the primary is not what serves.
 */
function mendPrimary(seen: Observation, target: Workload, primary: Workload): Decision | undefined {
  if (primary.altered !== "drifted" || !isPromoted(seen, primary.revision)) return undefined;
  const { target: name, namespace } = namesOf(seen.canary);
  return target.revision === primary.revision
    ? perform({ kind: "mend", revision: primary.revision })
    : stalled(seen, eventText.primaryAltered(name, namespace));
}

/** Revisions of ours are versioned (`w1:…`). */
function isOurs(revision: string): boolean {
  return /^w\d+:/.test(revision);
}
