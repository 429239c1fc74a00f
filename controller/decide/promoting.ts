import { alertText, eventText, stepWeightPromotion } from "../../api/index.ts";
import { superseded } from "./beginning.ts";
import { converge, gaveUp, isTooSmall, namesOf, notReady, whileUnreached } from "./converge.ts";
import { targetMissing } from "./initializing.ts";
import { hooksOf, weightOf } from "./plan.ts";
import { rest } from "./rest.ts";
import { alert, milestone, perform, tell, untilDue, wait, warn } from "./round.ts";
import { writeStatus } from "./status.ts";
import type { Decision, Observation, Workload } from "./types.ts";

/** The primary gets the analysed revision; when it serves that, traffic goes back to it. */
export function promoting(seen: Observation): Decision {
  const { canary, target, primary } = seen;
  if (target === undefined) return targetMissing(seen);
  if (primary === undefined) return rest(seen);
  const revision = canary.status?.lastAppliedSpec ?? "";
  if (primary.revision !== revision) {
    // Only the revision that was analysed is copied.
    return target.revision === revision ? perform({ kind: "promote", revision }) : superseded(seen, target);
  }
  if (gaveUp(primary.readiness)) return failedPromotion(seen, primary);
  const repair = converge(seen);
  if (repair !== undefined) return repair;
  if (isTooSmall(seen, primary)) return perform({ kind: "scalePrimary", replicas: seen.primaryFloor ?? 0 });
  if (!primary.readiness.ready) return notReady(seen, primary);
  // Without a workload of its own, only its endpoints tell that it serves.
  const unreached = seen.objects.primaryService === "none" ? whileUnreached(seen, seen.endpoints.primary) : undefined;
  return unreached ?? routeBack(seen);
}

function routeBack(seen: Observation): Decision {
  const { canary, provider } = seen;
  const { name, namespace } = namesOf(canary);
  const weight = weightOf(canary);
  const step = stepWeightPromotion(canary);
  if (provider === "kubernetes")
    return perform(...writeStatus(seen, { phase: "Finalising", canaryWeight: 0, iterations: 0 }));
  if (step <= 0 || weight === 0) {
    return perform(
      ...writeStatus(seen, { phase: "Finalising", canaryWeight: 0, iterations: 0 }),
      tell(eventText.routingAllToPrimary()),
    );
  }
  const due = untilDue(seen);
  if (due > 0) return wait(due);
  const left = Math.max(0, weight - step);
  return perform(
    ...writeStatus(seen, left === 0 ? { phase: "Finalising", canaryWeight: 0, iterations: 0 } : { canaryWeight: left }),
    tell(eventText.advancePrimaryWeight(name, namespace, 100 - left)),
  );
}

/** The analysed revision does not come up as primary: everybody goes to the canary, which runs it and is healthy. */
export function failedPromotion(seen: Observation, primary: Workload): Decision {
  const { canary, provider } = seen;
  const { target, namespace } = namesOf(canary);
  const why = primary.readiness.ready ? "" : primary.readiness.why;
  const carries = provider !== "kubernetes";
  return perform(
    ...writeStatus(seen, {
      phase: "Failed",
      canaryWeight: carries ? 100 : 0,
      iterations: 0,
      message: carries
        ? "Promotion failed, all traffic goes to the canary."
        : "Promotion failed, the primary is not ready.",
    }),
    milestone("Failed", warn(eventText.promotionFailed(target, namespace, why))),
    alert("error", alertText.promotionFailed(why)),
    { kind: "count", outcome: "failed" },
    { kind: "tell", hooks: hooksOf(canary, "post-rollout"), phase: "Failed" },
  );
}
