/** The schema under which a whole object is owned. */
import { objectMeta } from "../builtin/schemas/meta.ts";
import type { KubeObject, TypeSchema } from "../types.ts";
import { difference, emptySet, type FieldSet, fieldElement, setOfPaths, without } from "./fieldSet.ts";
import { emptyValue } from "./typedValue.ts";

/** Adds what every object has. Without a schema the rest is taken as it comes: maps by field, lists as one. */
export function objectSchema(schema: TypeSchema | undefined): TypeSchema {
  if (schema?.fields?.["metadata"]?.goType === "ObjectMeta") return schema;
  const { preserveUnknown, ...rest } = schema ?? { preserveUnknown: true };
  return {
    ...rest,
    type: "object",
    ...(preserveUnknown === undefined ? {} : { preserveUnknown }),
    fields: { ...schema?.fields, apiVersion: { type: "string" }, kind: { type: "string" }, metadata: objectMeta },
  };
}

/** What a create is compared with. */
export function emptyObject(schema: TypeSchema): KubeObject {
  return { apiVersion: "", kind: "", metadata: {}, ...emptyValue(schema) };
}

/** An object as owners see it: without the record of owners. */
export function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _managedFields, ...metadata } = object.metadata;
  return { ...object, metadata };
}

const unowned = setOfPaths(
  [
    ["apiVersion"],
    ["kind"],
    ["metadata"],
    ...[
      "name",
      "namespace",
      "creationTimestamp",
      "selfLink",
      "uid",
      "clusterName",
      "generation",
      "managedFields",
      "resourceVersion",
    ].map((name) => ["metadata", name]),
  ].map((path) => path.map(fieldElement)),
);

/** Takes out what identifies an object: nobody owns that. */
export function stripIdentity(set: FieldSet): FieldSet {
  return difference(set, unowned);
}

/** Paths (as field names) that a request cannot write, and so cannot own, through this subresource. */
export type ResetFields = readonly (readonly string[])[];

/** What built-in kinds reset. */
export function resetFieldsOf(subresource: string | undefined): ResetFields {
  if (subresource === "status") return [["spec"], ["metadata", "labels"]];
  return subresource === undefined ? [["status"]] : [];
}

export function stripReset(set: FieldSet, reset: ResetFields): FieldSet {
  const fields = reset.length === 0 ? emptySet : setOfPaths(reset.map((path) => path.map(fieldElement)));
  return without(set, fields);
}
