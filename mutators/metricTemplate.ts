import { metricTemplateRules, metricTemplateSpecSchema, templateMistakes } from "../api/index.ts";
import { textAt } from "./fields.ts";
import { type Finding, shown } from "./schemaWalk.ts";
import { metricKeys, secretFindings, secretWarnings } from "./secretKeys.ts";
import type { AdmissionRequest, Index, Outcome } from "./types.ts";
import { judged, notJudged, staticFindings } from "./validation.ts";

const secretPath = ["spec", "provider", "secretRef"];

/** A write to a MetricTemplate: the schema, the static rules, whether the query renders, and the keys of its Secret. */
export function validateMetricTemplate(request: AdmissionRequest, { around }: Index): Outcome {
  const judge = (object: unknown): readonly Finding[] => [
    ...staticFindings(object, metricTemplateSpecSchema, metricTemplateRules),
    ...queryFindings(object),
    ...secretFindings(object, secretPath, metricKeys(textAt(object, "spec", "provider", "type")), around),
  ];
  return (
    notJudged(request) ?? judged(request, request.object, judge, secretWarnings(request.object, secretPath, around))
  );
}

function queryFindings(object: unknown): readonly Finding[] {
  const query = textAt(object, "spec", "query") ?? "";
  return templateMistakes(query).map((mistake): Finding => {
    const message = `Invalid value: ${shown(query)}: ${mistake}`;
    return { issue: { field: "spec.query", reason: "FieldValueInvalid", message }, value: query };
  });
}
