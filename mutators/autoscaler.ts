import { canonicalJson, primaryTargetName, targetName } from "../api/index.ts";
import { bystander } from "./bystanders.ts";
import { canaryWith, careless, writtenName } from "./care.ts";
import { fieldAt, isFields, textAt } from "./fields.ts";
import { guard } from "./guard.ts";
import { type AdmissionRequest, type Index, type Outcome, untouched } from "./types.ts";
import { warning } from "./warning.ts";

/** A write to an autoscaler. A user's own is accepted, and the writer told what it means; the primary's is guarded. */
export function mutateAutoscaler(request: AdmissionRequest, index: Index): Outcome {
  if (request.subResource !== undefined) {
    return untouched("NotWatched");
  }
  const passing = bystander(request, index);
  if (passing !== undefined) {
    return untouched(passing);
  }
  return guard(request, index) ?? told(request, index);
}

function told(request: AdmissionRequest, index: Index): Outcome {
  const { object, oldObject, operation } = request;
  if (operation !== "CREATE" && operation !== "UPDATE") {
    return untouched("NotWatched");
  }
  if (!isFields(object)) {
    return untouched("Unreadable");
  }
  const name = writtenName(request);
  const { kind } = request.kind;
  const target = textAt(object, "spec", "scaleTargetRef", "name");
  const isNamed = (ref: { kind?: unknown; name?: unknown } | undefined) => ref?.kind === kind && ref.name === name;
  const named = canaryWith(request, index, ({ spec }) => isNamed(spec.autoscalerRef));
  const targetKind = textAt(object, "spec", "scaleTargetRef", "kind") ?? "Deployment";
  const canary =
    named ??
    canaryWith(request, index, ({ spec }) => spec.targetRef.kind === targetKind && spec.targetRef.name === target);
  if (canary === undefined) {
    return untouched("NotUnderCanary");
  }
  const passes = careless(canary);
  if (passes !== undefined) {
    return untouched(passes);
  }
  if (canonicalJson(fieldAt(object, "spec") ?? null) === canonicalJson(fieldAt(oldObject, "spec") ?? null)) {
    return untouched("Unchanged");
  }
  const text =
    named === undefined
      ? `${targetName(canary)} is a canary: name ${kind} ${name} in spec.autoscalerRef of canary ${canary.metadata.name}`
      : `${primaryTargetName(canary)} follows by ${name}-primary; at 0 replicas ${targetName(canary)} is left alone`;
  return untouched("ScalerWarned", [warning(text)]);
}
