import { type Canary, primaryTargetName, targetName } from "../api/index.ts";
import { bystander } from "./bystanders.ts";
import { canaryWith, careless } from "./care.ts";
import { numberAt } from "./fields.ts";
import { stageOf } from "./stage.ts";
import { type AdmissionRequest, type Index, type Outcome, untouched } from "./types.ts";
import { warning } from "./warning.ts";

/**
 * `kubectl scale` on a target. Admitted as it is: a Scale has no annotations to keep a wish in, so at rest the controller moves it to the
 * primary afterwards. During a release the canary has that size first. The writer is told.
 */
export function mutateScale(request: AdmissionRequest, index: Index): Outcome {
  if (request.operation !== "UPDATE" || request.subResource !== "scale") {
    return untouched("NotWatched");
  }
  const passing = bystander(request, index);
  if (passing !== undefined) {
    return untouched(passing);
  }
  const name = request.name ?? "";
  const canary = index.canariesFor(request.namespace ?? "", "Deployment", name)[0];
  if (canary === undefined) {
    return ofPrimary(request, index, name);
  }
  const passes = careless(canary);
  if (passes !== undefined) {
    return untouched(passes);
  }
  const stage = stageOf(canary);
  // An empty Scale spec means 0.
  const asked = numberAt(request.object, "spec", "replicas") ?? 0;
  const stored = numberAt(request.oldObject, "spec", "replicas") ?? 0;
  if (stage === "bootstrapping" || asked === stored) {
    return untouched("Unchanged");
  }
  if (asked === 0) {
    const advice = `${name} is a canary, ${primaryTargetName(canary)} serves: to stop serving, delete the Canary and scale then`;
    return untouched("ScaleWarned", [warning(advice)]);
  }
  if (stage === "releasing") {
    return untouched("ScaleWarned", [warning(`${name} is a canary: ${lasting(canary, asked)}`)]);
  }
  const scaler = canary.spec.autoscalerRef;
  const text =
    scaler === undefined
      ? `${name} is a canary: ${asked} goes to ${primaryTargetName(canary)}, and ${name} back to ${stored}`
      : `${name} is a canary: autoscaler ${scaler.name} decides, and ${name} goes back to ${stored}`;
  return untouched("ScaleWarned", [warning(text)]);
}

function lasting(canary: Canary, asked: number): string {
  const { autoscalerRef } = canary.spec;
  const primary = primaryTargetName(canary);
  return autoscalerRef === undefined
    ? `it has ${asked} until the release ends, then ${primary} gets them`
    : `${asked} lasts until the release ends; ${primary} follows autoscaler ${autoscalerRef.name}`;
}

/** `kubectl scale` on a primary. A Scale has no owner to read, so the name has to do. */
function ofPrimary(request: AdmissionRequest, index: Index, name: string): Outcome {
  const canary = canaryWith(
    request,
    index,
    (each) => each.spec.targetRef.kind === "Deployment" && primaryTargetName(each) === name,
  );
  if (canary === undefined) {
    return untouched("NotUnderCanary");
  }
  const passes = careless(canary);
  if (passes !== undefined) {
    return untouched(passes);
  }
  const text = `canary ${canary.metadata.name} owns ${name}: scale ${targetName(canary)} instead, its number goes to ${name}`;
  return untouched("ScaleWarned", [warning(text)]);
}
