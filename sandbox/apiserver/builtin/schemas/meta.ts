/** What all kinds have: metadata, selectors, conditions, references. */
import type { TypeSchema } from "../../types.ts";
import {
  atomic,
  boolPointer,
  type Fields,
  int32,
  int64,
  int64Pointer,
  list,
  mapList,
  mapOf,
  setOf,
  struct,
  text,
  textPointer,
  time,
} from "./notation.ts";

const ownerReference = atomic("OwnerReference", {
  apiVersion: textPointer,
  kind: textPointer,
  name: textPointer,
  uid: textPointer,
  controller: boolPointer,
  blockOwnerDeletion: boolPointer,
});

const managedFieldsEntry = struct("ManagedFieldsEntry", {
  manager: text,
  operation: text,
  apiVersion: text,
  time,
  fieldsType: text,
  fieldsV1: { type: "any", preserveUnknown: true },
  subresource: text,
});

export const objectMeta = struct("ObjectMeta", {
  name: text,
  generateName: text,
  namespace: text,
  selfLink: text,
  uid: text,
  resourceVersion: text,
  generation: int64,
  creationTimestamp: time,
  deletionTimestamp: time,
  deletionGracePeriodSeconds: int64Pointer,
  labels: mapOf(text),
  annotations: mapOf(text),
  ownerReferences: mapList(["uid"], ownerReference),
  finalizers: setOf(text),
  // An empty list clears the record, so it must not get lost on the way.
  managedFields: { type: "array", items: managedFieldsEntry, list: "atomic", goType: "ManagedFields" },
});

export const labelSelector = atomic("LabelSelector", {
  matchLabels: mapOf(text),
  matchExpressions: list(
    struct("LabelSelectorRequirement", { key: textPointer, operator: textPointer, values: list(text) }),
  ),
});

/** Conditions of the older kinds, which differ in the times they note; those are written even when unknown. */
export function conditions(goType: string, times: readonly string[] = ["lastTransitionTime"]): TypeSchema {
  const instants = times.map((name) => [name, { ...time, nullable: true }] as const);
  return mapList(
    ["type"],
    struct(goType, {
      type: textPointer,
      status: textPointer,
      observedGeneration: int64,
      ...Object.fromEntries(instants),
      reason: text,
      message: text,
    }),
  );
}

/** Conditions of the newer kinds, whose reason and message are written even when empty. */
export const newConditions = mapList(
  ["type"],
  struct("Condition", {
    type: textPointer,
    status: textPointer,
    observedGeneration: int64,
    lastTransitionTime: time,
    reason: textPointer,
    message: textPointer,
  }),
);

export const localObjectReference = atomic("LocalObjectReference", { name: text });

export const objectReference = atomic("ObjectReference", {
  kind: text,
  namespace: text,
  name: text,
  uid: text,
  apiVersion: text,
  resourceVersion: text,
  fieldPath: text,
});

export const typedLocalObjectReference = atomic("TypedLocalObjectReference", {
  apiGroup: textPointer,
  kind: textPointer,
  name: textPointer,
});

export const loadBalancerStatus = struct("LoadBalancerStatus", {
  ingress: list(
    struct("LoadBalancerIngress", {
      ip: text,
      hostname: text,
      ipMode: textPointer,
      ports: list(struct("PortStatus", { port: int32, protocol: text, error: textPointer })),
    }),
  ),
});

/** A kind's schema: type and metadata around its own fields. */
export function kind(goType: string, fields: Fields): TypeSchema {
  const own = Object.entries(fields).map(([name, type]) => {
    const isPart = name === "spec" || name === "status";
    return [name, isPart && type.type === "object" ? { ...type, embedded: true } : type] as const;
  });
  return struct(goType, { kind: text, apiVersion: text, metadata: objectMeta, ...Object.fromEntries(own) });
}
