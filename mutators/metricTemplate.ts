import { metricTemplateRules, metricTemplateSpecSchema, templateMistakes } from "../api/index.ts";
import { textAt } from "./fields.ts";
import { type Finding, shown } from "./schemaWalk.ts";
import type { AdmissionRequest, Index, Outcome } from "./types.ts";
import { judged, notJudged, staticFindings } from "./validation.ts";

/** A write to a MetricTemplate: the schema, the static rules, and whether the query renders. */
export function validateMetricTemplate(request: AdmissionRequest, _index: Index): Outcome {
  return notJudged(request) ?? judged(request, request.object, findingsIn, []);
}

function findingsIn(object: unknown): readonly Finding[] {
  const query = textAt(object, "spec", "query") ?? "";
  const unrendered = templateMistakes(query).map((mistake): Finding => {
    return {
      issue: {
        field: "spec.query",
        reason: "FieldValueInvalid",
        message: `Invalid value: ${shown(query)}: ${mistake}`,
      },
      value: query,
    };
  });
  return [...staticFindings(object, metricTemplateSpecSchema, metricTemplateRules), ...unrendered];
}
