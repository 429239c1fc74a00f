import { alertProviderRules, alertProviderSpecSchema } from "../api/index.ts";
import type { AdmissionRequest, Index, Outcome } from "./types.ts";
import { judged, notJudged, staticFindings } from "./validation.ts";

/** A write to an AlertProvider: the schema and the static rules. */
export function validateAlertProvider(request: AdmissionRequest, _index: Index): Outcome {
  const judge = (object: unknown) => staticFindings(object, alertProviderSpecSchema, alertProviderRules);
  return notJudged(request) ?? judged(request, request.object, judge, []);
}
