import { type Canary, isKnative, primaryTargetName, referencesIn } from "../api/index.ts";
import { bystander } from "./bystanders.ts";
import { textAt } from "./fields.ts";
import { stageOf } from "./stage.ts";
import { type AdmissionRequest, type Index, type Outcome, untouched } from "./types.ts";
import { nameOf } from "./validation.ts";
import { warning } from "./warning.ts";

/** The deletion of what Canaries stand on: a target, a MetricTemplate, an AlertProvider. Always allowed; whoever deletes is told. */
export function warnOfDeletion(request: AdmissionRequest, index: Index): Outcome {
  if (request.operation !== "DELETE" || request.subResource !== undefined) {
    return untouched("NotWatched");
  }
  const passing = bystander(request, index);
  if (passing !== undefined) {
    return untouched(passing);
  }
  // In the deletion of a collection only the object has the name.
  const name = nameOf(request) || textAt(request.oldObject, "metadata", "name") || "";
  const namespace = request.namespace ?? "";
  const { kind } = request.kind;
  const told =
    kind === "MetricTemplate" || kind === "AlertProvider"
      ? ofReference(kind, namespace, name, index)
      : index
          .canariesFor(namespace, kind, name)
          .filter(({ spec }) => kind !== "Service" || isKnative(spec.targetRef) === (request.kind.group !== ""))
          .map((canary) => ofTarget(canary, kind));
  return told.length === 0 ? untouched("NotUnderCanary") : untouched("DeletionWarned", told.map(warning));
}

function ofTarget(canary: Canary, kind: string): string {
  const { name } = canary.metadata;
  if (isKnative(canary.spec.targetRef)) {
    return `Canary ${name} releases this ${kind}: nothing serves in its place; delete the Canary too`;
  }
  return stageOf(canary) === "bootstrapping"
    ? `Canary ${name} begins with this ${kind}: nothing serves in its place yet`
    : `Canary ${name} releases this ${kind}: ${primaryTargetName(canary)} goes on serving; delete the Canary too`;
}

function ofReference(kind: "MetricTemplate" | "AlertProvider", namespace: string, name: string, index: Index) {
  const users = index
    .canaries()
    .filter((canary) =>
      referencesIn(canary).some((each) => each.kind === kind && each.namespace === namespace && each.name === name),
    )
    .map(({ metadata }) =>
      metadata.namespace === namespace ? metadata.name : `${metadata.namespace}/${metadata.name}`,
    );
  if (users.length === 0) {
    return [];
  }
  const some = users.slice(0, 3).join(", ");
  const rest = users.length > 3 ? ` and ${users.length - 3} more` : "";
  const then = kind === "MetricTemplate" ? "their checks fail without it" : "their alerts are not sent without it";
  return [`${kind} ${name} is used by Canaries ${some}${rest}: ${then}`];
}
