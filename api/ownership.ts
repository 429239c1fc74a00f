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

/** The Canary that controls the object. Known by kind and name, so that objects of a restored backup are still known as ours. */
export function controllingCanary(object: RawObject): string | undefined {
  return (object.metadata.ownerReferences ?? []).find((owner) => owner.controller === true && isCanary(owner))?.name;
}

/** The owners of an object but for this Canary. */
export function otherOwners(object: RawObject | undefined, canary: RawObject): readonly OwnerReference[] {
  return (object?.metadata.ownerReferences ?? []).filter(
    (owner) => !isCanary(owner) || owner.name !== canary.metadata.name,
  );
}

function isCanary(owner: OwnerReference): boolean {
  return owner.kind === canaryResource.kind && owner.apiVersion.startsWith(`${apiGroup}/`);
}

/** Whether we may own the object: it is ours already, or nobody made it yet. What a user made must outlive the Canary. */
export function mayOwn(live: RawObject | undefined, canary: RawObject): boolean {
  return live === undefined || controllingCanary(live) === canary.metadata.name;
}
