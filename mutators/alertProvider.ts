import { alertProviderRules, alertProviderSpecSchema } from "../api/index.ts";
import type { Finding } from "./schemaWalk.ts";
import { alertKeys, secretFindings, secretWarnings } from "./secretKeys.ts";
import type { AdmissionRequest, Index, Outcome } from "./types.ts";
import { judged, notJudged, staticFindings } from "./validation.ts";

const secretPath = ["spec", "secretRef"];

/** A write to an AlertProvider: the schema, the static rules, and the keys of its Secret. */
export function validateAlertProvider(request: AdmissionRequest, { around }: Index): Outcome {
  const judge = (object: unknown): readonly Finding[] => [
    ...staticFindings(object, alertProviderSpecSchema, alertProviderRules),
    ...secretFindings(object, secretPath, alertKeys, around),
  ];
  return (
    notJudged(request) ?? judged(request, request.object, judge, secretWarnings(request.object, secretPath, around))
  );
}
