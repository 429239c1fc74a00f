/** Fields that no schema knows are dropped; their paths are told. */
import { childPath, isMap, type JsonMap, type JsonSchema, valuesOf } from "./schema.ts";

const metadataFields = new Set([
  "name",
  "generateName",
  "namespace",
  "selfLink",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "labels",
  "annotations",
  "ownerReferences",
  "finalizers",
  "managedFields",
]);

/** Drops what the schema of a whole object does not know, in place. Paths of its own metadata first, then the body's, then those of metadata within. */
export function pruneObject(schema: JsonSchema, object: JsonMap): string[] {
  const body: string[] = [];
  const metadata: string[] = [];
  prune({ ...schema, "x-kubernetes-embedded-resource": true }, object, "", body, metadata);
  const isOwn = (path: string) => path.startsWith("metadata.");
  const within = metadata.filter((path) => !isOwn(path));
  return [...metadata.filter(isOwn).sort(), ...body.sort(), ...within.sort()];
}

function prune(schema: JsonSchema, value: unknown, path: string, body: string[], metadata: string[]): void {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items !== undefined) {
      for (const [index, item] of value.entries()) prune(items, item, `${path}[${index}]`, body, metadata);
    }
    return;
  }
  if (!isMap(value)) return;
  const embedded = schema["x-kubernetes-embedded-resource"] === true;
  if (embedded) pruneMetadata(value, path, metadata);
  const values = valuesOf(schema);
  const keepsAny = schema["x-kubernetes-preserve-unknown-fields"] === true || schema.additionalProperties === true;
  for (const key of Object.keys(value)) {
    if (embedded && (key === "apiVersion" || key === "kind" || key === "metadata")) continue;
    const named = schema.properties !== undefined && Object.hasOwn(schema.properties, key);
    const child = named ? schema.properties?.[key] : values;
    if (child !== undefined) prune(child, value[key], childPath(path, key), body, metadata);
    else if (!keepsAny) {
      delete value[key];
      body.push(childPath(path, key));
    }
  }
}

function pruneMetadata(object: JsonMap, path: string, found: string[]): void {
  const metadata = object["metadata"];
  if (!isMap(metadata)) return;
  for (const key of Object.keys(metadata)) {
    if (metadataFields.has(key)) continue;
    delete metadata[key];
    found.push(`${childPath(path, "metadata")}.${key}`);
  }
}
