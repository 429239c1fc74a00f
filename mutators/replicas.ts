import { annotations, type Canary, primaryTargetName, targetName } from "../api/index.ts";
import { numberAt, textAt } from "./fields.ts";
import type { Stage } from "./stage.ts";
import { warning } from "./warning.ts";

interface Replicas {
  /** What `spec.replicas` must stay at, undefined to leave it. */
  readonly pinned: number | undefined;
  /** What the annotation keeps for the primary. */
  readonly wish: string | undefined;
  readonly warning: string | undefined;
}

/** Nodes decide how many pods a DaemonSet has. */
export const noReplicas: Replicas = { pinned: undefined, wish: undefined, warning: undefined };

/**
 * `spec.replicas` of a target belongs to the controller once the primary serves: it stays at the stored number (0 at rest), and
 * what the writer asked for is kept as a wish for the primary. The stored number rather than a plain 0, because after a failed
 * promotion the target is what serves.
 */
export function replicasOf(object: unknown, old: unknown, canary: Canary, stage: Stage, trusted: boolean): Replicas {
  const scaled = canary.spec.autoscalerRef !== undefined && stage !== "bootstrapping";
  const kept = scaled ? undefined : knownWish(object, old, trusted);
  if (stage === "bootstrapping") {
    return { pinned: undefined, wish: kept, warning: undefined };
  }
  const asked = numberAt(object, "spec", "replicas");
  const stored = old === undefined ? 0 : numberAt(old, "spec", "replicas");
  if (asked === undefined || stored === undefined || asked === stored) {
    return { pinned: undefined, wish: kept, warning: undefined };
  }
  const name = targetName(canary);
  if (canary.spec.autoscalerRef !== undefined) {
    const text = `spec.replicas of ${name} stays ${stored}: autoscaler ${canary.spec.autoscalerRef.name} decides`;
    return { pinned: stored, wish: undefined, warning: warning(text) };
  }
  if (asked === 0) {
    // As a wish it would stop the primary, which serves.
    const advice = `spec.replicas of ${name} stays ${stored}: to stop serving, delete the Canary and scale then`;
    return { pinned: stored, wish: kept, warning: warning(advice) };
  }
  const wish = String(asked);
  const text = `spec.replicas of ${name} stays ${stored}: ${asked} goes to ${primaryTargetName(canary)}, which serves`;
  // A wish that is already known is no news: GitOps tools apply it every few minutes.
  return { pinned: stored, wish, warning: wish === kept ? undefined : warning(text) };
}

/**
 * The wish from before. What the object itself carries counts when it is `trusted`: it may be our own answer to this very request,
 * which the API server shows again after another webhook. `kubectl rollout undo` carries annotations of an older day.
 */
function knownWish(object: unknown, old: unknown, trusted: boolean): string | undefined {
  const carried = textAt(object, "metadata", "annotations", annotations.replicas);
  const usable = trusted && carried !== undefined && /^[1-9]\d{0,8}$/.test(carried);
  return usable ? carried : textAt(old, "metadata", "annotations", annotations.replicas);
}
