import type { Canary, RawObject, Traffic } from "../../../api/index.ts";
import type { Objects, Router } from "../../../controller/routers/router.ts";

/** A cluster that holds these objects. */
export function holding(...live: readonly RawObject[]): Objects {
  return (ref) => live.find((object) => object.kind === ref.resource.kind && object.metadata.name === ref.name);
}

export const empty = holding();

/** The one object that a router makes, on an empty cluster or onto what is there. */
export function rendered(router: Router, canary: Canary, traffic: Traffic, objects: Objects = empty): RawObject {
  const [object, ...more] = router.render(canary, traffic, objects);
  if (object === undefined || more.length > 0) {
    throw new Error(`expected one object, got ${more.length + (object === undefined ? 0 : 1)}`);
  }
  return object;
}

/** `metadata` of what we generate in the shop: with its owner, and with the marks for GitOps tools where people see the object. */
export const owned = {
  namespace: "demo",
  ownerReferences: [
    {
      apiVersion: "flagger.app/v1beta1",
      kind: "Canary",
      name: "shop",
      uid: "7f0c",
      controller: true,
      blockOwnerDeletion: true,
    },
  ],
};
export const marks = {
  "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
  "helm.toolkit.fluxcd.io/driftDetection": "disabled",
};

export function split(canary: number, mirror = false): Traffic {
  return { primary: 100 - canary, canary, mirror };
}
