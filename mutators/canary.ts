import { type Canary, canaryRules, canarySpecSchema, canonicalJson } from "../api/index.ts";
import { advice } from "./advice.ts";
import { type Fields, fieldAt, isFields, textAt, withoutNulls } from "./fields.ts";
import { neighbourFindings } from "./neighbours.ts";
import { referenceFindings, referenceWarnings } from "./references.ts";
import type { Finding } from "./schemaWalk.ts";
import { stageOf } from "./stage.ts";
import type { AdmissionRequest, Index, Outcome, PatchOp } from "./types.ts";
import { judged, nameOf, notJudged, staticFindings } from "./validation.ts";
import { scalerFindings, workloadWarnings } from "./workload.ts";

/**
 * A write to a Canary, before the API server's schema. Moves `canaryAnalysis`, the name of older manifests, to `analysis`; sets no
 * defaults. Judges the result at once, for the schema would otherwise answer first with its half of the mistakes.
 */
export function mutateCanary(request: AdmissionRequest, index: Index): Outcome {
  const skipped = notJudged(request);
  if (skipped !== undefined) {
    return skipped;
  }
  const patch = movedAnalysis(request);
  const verdict = verdictOn(request, index, patch);
  if (verdict.kind !== "untouched" || patch.length === 0) {
    return verdict;
  }
  return { kind: "patched", why: "AnalysisMoved", warnings: verdict.warnings, patch };
}

/** The same judgement on the final object, after all mutating webhooks. */
export function validateCanary(request: AdmissionRequest, index: Index): Outcome {
  return notJudged(request) ?? verdictOn(request, index, []);
}

/**
 * `canaryAnalysis` wins over an `analysis` that was stored before and is unchanged: client-side apply of an older manifest sends its
 * own field again and leaves what we moved, and an edit in it must not be lost.
 */
function movedAnalysis({ object, oldObject }: AdmissionRequest): readonly PatchOp[] {
  const older = fieldAt(object, "spec", "canaryAnalysis");
  if (older === undefined || older === null) {
    return [];
  }
  const remove: PatchOp = { op: "remove", path: "/spec/canaryAnalysis" };
  const newer = fieldAt(object, "spec", "analysis");
  if (newer === undefined || newer === null) {
    return [{ op: "add", path: "/spec/analysis", value: older }, remove];
  }
  const stored = fieldAt(oldObject, "spec", "analysis");
  const untouchedNewer = stored !== undefined && canonicalJson(stored) === canonicalJson(newer);
  return untouchedNewer ? [{ op: "replace", path: "/spec/analysis", value: older }, remove] : [remove];
}

function verdictOn(request: AdmissionRequest, index: Index, patch: readonly PatchOp[]): Outcome {
  const object = patch.length === 0 ? request.object : withMoved(request.object as Fields, patch);
  const judge = (each: unknown): readonly Finding[] => {
    const findings = staticFindings(each, canarySpecSchema, canaryRules);
    const canary = readable(each, request);
    return canary === undefined ? findings : [...findings, ...findingsAround(canary, index)];
  };
  const verdict = judged(request, object, judge, adviceOn(object, request, index));
  const moved = movedMidRelease(object, request.oldObject);
  if (moved.length === 0) {
    return verdict;
  }
  const issues = verdict.kind === "refused" ? [...verdict.issues, ...moved] : moved;
  return { kind: "refused", why: "Invalid", issues };
}

function withMoved(object: Fields, patch: readonly PatchOp[]): unknown {
  const spec = { ...(fieldAt(object, "spec") as Fields) };
  delete spec["canaryAnalysis"];
  for (const operation of patch) {
    if (operation.op !== "remove") {
      spec["analysis"] = operation.value;
    }
  }
  return { ...object, spec };
}

/** What a running release stands on cannot be changed under it. */
function movedMidRelease(object: unknown, old: unknown) {
  if (!isFields(old) || !isFields(fieldAt(old, "status")) || stageOf(old as unknown as Canary) !== "releasing") {
    return [];
  }
  const fixed = [["targetRef"], ["service", "name"], ["provider"]];
  return fixed
    .filter((path) => !same(fieldAt(object, "spec", ...path), fieldAt(old, "spec", ...path)))
    .map((path) => ({
      field: `spec.${path.join(".")}`,
      reason: "FieldValueForbidden" as const,
      message: "Forbidden: a release is running: wait until it ends, or take the change of the target back first",
    }));
}

function same(a: unknown, b: unknown): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

/** A Canary that may be wrong, but has a target to speak of; with the name and namespace of the request. */
function readable(object: unknown, request: AdmissionRequest): Canary | undefined {
  if (!isFields(object) || textAt(object, "spec", "targetRef", "name") === undefined) {
    return undefined;
  }
  const metadata = { name: nameOf(request), namespace: request.namespace ?? "" };
  return { ...object, metadata, spec: withoutNulls(object["spec"]) } as unknown as Canary;
}

function findingsAround(canary: Canary, index: Index): readonly Finding[] {
  return [
    ...neighbourFindings(canary, index),
    ...referenceFindings(canary, index),
    ...scalerFindings(canary, index.around),
  ];
}

/** No answer needs more. */
const mostWarnings = 8;

/** What is allowed and probably not meant. An object of wrong types is refused, and gets none. */
function adviceOn(object: unknown, request: AdmissionRequest, index: Index): readonly string[] {
  const canary = readable(object, request);
  if (canary === undefined || staticFindings(object, canarySpecSchema, []).some(isOfType)) {
    return [];
  }
  const found = [
    ...advice(canary, request.oldObject, index),
    ...referenceWarnings(canary, index),
    ...workloadWarnings(canary, index.around),
  ];
  return [...new Set(found)].slice(0, mostWarnings);
}

function isOfType({ issue }: Finding): boolean {
  return issue.reason === "FieldValueTypeInvalid";
}
