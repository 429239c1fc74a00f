import { forms } from "./forms.ts";
import { mutateTarget } from "./target.ts";
import type { AdmissionRequest, Index, Outcome } from "./types.ts";

/** A write to a Service of Knative: a Canary's target, which is its primary as well, or nothing of ours. */
export function mutateKnative(request: AdmissionRequest, index: Index): Outcome {
  return mutateTarget(forms.knative, request, index);
}
