import { apiGroup, canaryResource, knownKeys } from "./names.ts";
import { apiVersionOf, type OwnerReference, type RawObject } from "./object.ts";

/** Marks that tell GitOps tools to keep their hands off what we generate. On every generated Service and route. */
export const driftMarks: Readonly<Record<string, string>> = {
  [knownKeys.fluxReconcile]: "disabled",
  [knownKeys.helmDriftDetection]: "disabled",
};

/** The reference that makes the Canary the controller of an object, so that the object goes when the Canary goes. */
export function ownerReferenceOf(canary: RawObject): OwnerReference {
  return {
    apiVersion: apiVersionOf(canaryResource),
    kind: canaryResource.kind,
    name: canary.metadata.name,
    uid: canary.metadata.uid ?? "",
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Whether this Canary controls the object. */
function isControlledBy(object: RawObject, canary: RawObject): boolean {
  return (object.metadata.ownerReferences ?? []).some((owner) => owner.controller === true && isIt(owner, canary));
}

/** The owners of an object but for this Canary. */
export function otherOwners(object: RawObject | undefined, canary: RawObject): readonly OwnerReference[] {
  return (object?.metadata.ownerReferences ?? []).filter((owner) => !isIt(owner, canary));
}

/** Compared by kind and name, so that objects of a restored backup are still known as ours. */
function isIt(owner: OwnerReference, canary: RawObject): boolean {
  return (
    owner.kind === canaryResource.kind &&
    owner.apiVersion.startsWith(`${apiGroup}/`) &&
    owner.name === canary.metadata.name
  );
}

/** Whether we may own the object: it is ours already, or nobody made it yet. What a user made must outlive the Canary. */
export function mayOwn(live: RawObject | undefined, canary: RawObject): boolean {
  return live === undefined || isControlledBy(live, canary);
}
