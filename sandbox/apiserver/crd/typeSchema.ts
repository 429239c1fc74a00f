/** From a structural schema to the tree by which patches and server-side apply merge. */
import type { TypeSchema } from "../types.ts";
import { type JsonSchema, valuesOf } from "./schema.ts";

const string: TypeSchema = { type: "string" };
const stringMap: TypeSchema = { type: "object", values: string };

/** `metadata` as far as writers own parts of it. */
const metadata: TypeSchema = {
  type: "object",
  fields: {
    name: string,
    generateName: string,
    namespace: string,
    uid: string,
    resourceVersion: string,
    selfLink: string,
    generation: { type: "integer" },
    creationTimestamp: string,
    deletionTimestamp: string,
    deletionGracePeriodSeconds: { type: "integer" },
    labels: stringMap,
    annotations: stringMap,
    finalizers: { type: "array", list: "set", items: string },
    ownerReferences: {
      type: "array",
      list: "map",
      listMapKeys: ["uid"],
      items: {
        type: "object",
        atomic: true,
        fields: {
          apiVersion: string,
          kind: string,
          name: string,
          uid: string,
          controller: { type: "boolean" },
          blockOwnerDeletion: { type: "boolean" },
        },
      },
    },
    managedFields: { type: "array", items: { type: "any" } },
  },
};

const identity: Readonly<Record<string, TypeSchema>> = { apiVersion: string, kind: string, metadata };

/** The merge tree of a whole custom resource: the schema plus apiVersion, kind and metadata. */
export function typeSchemaOf(openAPIV3Schema: JsonSchema): TypeSchema {
  return convert({ ...openAPIV3Schema, type: "object", "x-kubernetes-embedded-resource": true });
}

function convert(schema: JsonSchema): TypeSchema {
  const nullable = schema.nullable === true ? { nullable: true } : {};
  if (schema["x-kubernetes-int-or-string"] === true) return { type: "any", ...nullable };
  if (schema.type === "object") return { ...objectOf(schema), ...nullable };
  if (schema.type === "array") return { ...arrayOf(schema), ...nullable };
  if (schema["x-kubernetes-preserve-unknown-fields"] === true)
    return { type: "any", preserveUnknown: true, ...nullable };
  return { type: scalarOf(schema.type), ...nullable };
}

function scalarOf(type: string | undefined): TypeSchema["type"] {
  return type === "string" || type === "integer" || type === "number" || type === "boolean" ? type : "any";
}

function objectOf(schema: JsonSchema): TypeSchema {
  const fields: Record<string, TypeSchema> = {};
  for (const [key, child] of Object.entries(schema.properties ?? {})) fields[key] = convert(child);
  if (schema["x-kubernetes-embedded-resource"] === true) Object.assign(fields, identity);
  const values = valuesOf(schema);
  const free: TypeSchema | undefined =
    values !== undefined ? convert(values) : schema.additionalProperties === true ? { type: "any" } : undefined;
  return {
    type: "object",
    ...(free === undefined ? { fields } : { values: free }),
    ...(schema["x-kubernetes-preserve-unknown-fields"] === true ? { preserveUnknown: true } : {}),
    ...(schema["x-kubernetes-map-type"] === "atomic" ? { atomic: true } : {}),
  };
}

function arrayOf(schema: JsonSchema): TypeSchema {
  const items = schema.items === undefined ? {} : { items: convert(schema.items) };
  const list = schema["x-kubernetes-list-type"] ?? "atomic";
  const keys = schema["x-kubernetes-list-map-keys"];
  if (list !== "map" || keys === undefined) return { type: "array", list, ...items };
  const defaults = keys.flatMap((key) => {
    const value = schema.items?.properties?.[key]?.default;
    return value === undefined ? [] : [[key, value] as const];
  });
  const keyDefaults = defaults.length === 0 ? {} : { keyDefaults: Object.fromEntries(defaults) };
  return { type: "array", list, listMapKeys: keys, ...keyDefaults, ...items };
}
