import { forms } from "./forms.ts";
import { mutateTarget } from "./target.ts";
import type { AdmissionRequest, Index, Outcome } from "./types.ts";

/**
 * A write to a DaemonSet: a Canary's target, its primary, or neither. It has no replicas to pin. It cannot be held either: it has no
 * `paused`, and another update strategy than RollingUpdate keeps the primary from being made. The writer is told so.
 */
export function mutateDaemonSet(request: AdmissionRequest, index: Index): Outcome {
  return mutateTarget(forms.daemonSet, request, index);
}
