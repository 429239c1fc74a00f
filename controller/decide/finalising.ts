import { alertText, eventText, skipsAnalysis } from "../../api/index.ts";
import { superseded } from "./beginning.ts";
import { converge, emptyTarget, gaveUp, namesOf, notReady } from "./converge.ts";
import { targetMissing } from "./initializing.ts";
import { hooksOf } from "./plan.ts";
import { failedPromotion } from "./promoting.ts";
import { rest } from "./rest.ts";
import { alert, milestone, perform, tell } from "./round.ts";
import { writeStatus } from "./status.ts";
import type { Decision, Observation } from "./types.ts";

/** All traffic is on the promoted primary; the target drains and goes to zero, and the release is done. */
export function finalising(seen: Observation): Decision {
  const { canary, target, primary } = seen;
  if (target === undefined) return targetMissing(seen);
  if (primary === undefined) return rest(seen);
  if (gaveUp(primary.readiness)) {
    // Waiting for it would keep a fix away, and the canary still runs the same revision and is healthy.
    if (target.revision !== canary.status?.lastAppliedSpec) return superseded(seen, target);
    if (target.available > 0) return failedPromotion(seen, primary);
  }
  const repair = converge(seen);
  if (repair !== undefined) return repair;
  if (!primary.readiness.ready) return notReady(seen, primary);
  return emptyTarget(seen) ?? succeed(seen, canary.status?.lastAppliedSpec ?? target.revision);
}

function succeed(seen: Observation, revision: string): Decision {
  const { canary } = seen;
  const { target, namespace } = namesOf(canary);
  const skipped = skipsAnalysis(canary);
  const text = skipped ? eventText.promotionSkippedAnalysis : eventText.promotionCompleted;
  return perform(
    ...writeStatus(seen, { phase: "Succeeded", lastPromotedSpec: revision, canaryWeight: 0, iterations: 0 }),
    { kind: "count", outcome: skipped ? "skipped" : "succeeded" },
    { kind: "tell", hooks: hooksOf(canary, "post-rollout"), phase: "Succeeded" },
    milestone("Succeeded", tell(text(target, namespace))),
    alert("info", skipped ? alertText.analysisSkipped() : alertText.succeeded()),
  );
}
