import { canonicalJson, type Rule, type Schema } from "../api/index.ts";
import { fieldAt, isFields, textAt } from "./fields.ts";
import { type Finding, walk } from "./schemaWalk.ts";
import { type AdmissionRequest, type Outcome, untouched } from "./types.ts";
import { warning } from "./warning.ts";

/** Everything that is wrong with an object of one of our kinds, given its `spec`. */
export type Judge = (object: unknown) => readonly Finding[];

/** What the CRD says: the schema of `spec` and its static rules. */
export function staticFindings(object: unknown, schema: Schema, rules: readonly Rule[]): readonly Finding[] {
  const spec = fieldAt(object, "spec");
  if (spec === undefined || spec === null) {
    return [{ issue: { field: "spec", reason: "FieldValueRequired", message: "Required value" }, value: undefined }];
  }
  return walk(spec, schema, rules);
}

/** Whether the request is one that our kinds are judged on; otherwise why not. */
export function notJudged(request: AdmissionRequest): Outcome | undefined {
  if (request.subResource !== undefined || (request.operation !== "CREATE" && request.operation !== "UPDATE")) {
    return untouched("NotWatched");
  }
  if (!isFields(request.object)) {
    return untouched("Unreadable");
  }
  // A finalizer must come off an object whatever else is wrong with it.
  return fieldAt(request.object, "metadata", "deletionTimestamp") === undefined ? undefined : untouched("BeingDeleted");
}

/**
 * Refuses with all mistakes at once. Mistakes that were stored before, and whose values the update does not touch, are let pass with
 * a warning: the API server ratchets in the same way, and a label must stay editable on an object from before a rule.
 */
export function judged(request: AdmissionRequest, object: unknown, judge: Judge, warnings: readonly string[]): Outcome {
  const findings = judge(object);
  const before = isFields(request.oldObject) ? new Set(judge(request.oldObject).map(identityOf)) : new Set<string>();
  const fresh = findings.filter((finding) => !before.has(identityOf(finding)));
  if (fresh.length > 0) {
    return { kind: "refused", why: "Invalid", issues: fresh.map(({ issue }) => issue) };
  }
  if (findings.length === 0) {
    return untouched("Valid", warnings);
  }
  const known = findings.slice(0, 3).map(({ issue }) => warning(`still wrong: ${issue.field}: ${issue.message}`));
  return untouched("KnownMistakes", [...known, ...warnings]);
}

function identityOf({ issue, value }: Finding): string {
  return `${issue.field}\n${issue.message}\n${canonicalJson(value)}`;
}

/** Name of the object: absent in a request that creates with generateName. */
export function nameOf(request: AdmissionRequest): string {
  return request.name || textAt(request.object, "metadata", "name") || "";
}
