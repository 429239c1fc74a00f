import { type AdmissionReason, annotations, apiGroup, type Canary, canaryResource } from "../api/index.ts";
import { fieldAt, isFields, textAt } from "./fields.ts";
import { stageOf } from "./stage.ts";
import type { AdmissionRequest, Index } from "./types.ts";

/** Why a Canary lets every write to its objects pass, or undefined when it cares. */
export function careless(canary: Canary): AdmissionReason | undefined {
  if (canary.metadata.annotations?.[annotations.admission] === "off") {
    return "AdmissionOff";
  }
  const leaves = stageOf(canary) === "leaving" || canary.metadata.deletionTimestamp !== undefined;
  return leaves ? "BeingDeleted" : undefined;
}

/** Name of the Canary that controls the object; undefined when none does. */
export function controllingCanary(object: unknown): string | undefined {
  const owners = fieldAt(object, "metadata", "ownerReferences");
  if (!Array.isArray(owners)) {
    return undefined;
  }
  const owner = owners.find(
    (each) =>
      fieldAt(each, "controller") === true &&
      fieldAt(each, "kind") === canaryResource.kind &&
      textAt(each, "apiVersion")?.startsWith(`${apiGroup}/`) === true,
  );
  return textAt(owner, "name");
}

/** Name of the written object: absent in the deletion of a collection, and in a creation with generateName. */
export function writtenName({ name, object, oldObject }: AdmissionRequest): string {
  return name || textAt(object, "metadata", "name") || textAt(oldObject, "metadata", "name") || "";
}

/** The first Canary of the request's namespace of which something holds. Objects from before a rule may lack any field. */
export function canaryWith(request: AdmissionRequest, index: Index, holds: (canary: Canary) => boolean) {
  return index.canariesIn(request.namespace ?? "").find((canary) => isReadable(canary) && holds(canary));
}

function isReadable(canary: Canary): boolean {
  return isFields(fieldAt(canary, "spec", "targetRef"));
}
