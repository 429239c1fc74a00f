import { forms } from "./forms.ts";
import { mutateTarget } from "./target.ts";
import type { AdmissionRequest, Index, Outcome } from "./types.ts";

/** A write to a Deployment: a Canary's target, its primary, or neither. */
export function mutateDeployment(request: AdmissionRequest, index: Index): Outcome {
  return mutateTarget(forms.deployment, request, index);
}
