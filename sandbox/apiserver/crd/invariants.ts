/** Rules of the Kubernetes extensions of a schema: keys of lists, embedded objects. */
import type { FieldError } from "../types.ts";
import { childOf, childPath, isMap, type JsonMap, type JsonSchema, jsonEqual } from "./schema.ts";
import { shown } from "./structural.ts";

/** Duplicates in lists of the types set and map. */
export function listErrors(schema: JsonSchema, value: unknown, path: string): FieldError[] {
  if (Array.isArray(value)) {
    const { items } = schema;
    const inner = items === undefined ? [] : value.flatMap((item, at) => listErrors(items, item, `${path}[${at}]`));
    return [...duplicates(schema, value, path), ...inner];
  }
  if (!isMap(value)) return [];
  return Object.keys(value).flatMap((key) => {
    const child = childOf(schema, key);
    return child === undefined ? [] : listErrors(child, value[key], childPath(path, key));
  });
}

function duplicates(schema: JsonSchema, value: unknown[], path: string): FieldError[] {
  const type = schema["x-kubernetes-list-type"];
  if (type !== "set" && type !== "map") return [];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const identities = type === "set" ? value : value.map((item) => (isMap(item) ? picked(item, keys) : item));
  return identities.flatMap((identity, at) => {
    if (!identities.slice(0, at).some((earlier) => jsonEqual(earlier, identity))) return [];
    const message = `Duplicate value: ${shown(identity)}`;
    return [{ reason: "FieldValueDuplicate", field: `${path}[${at}]`, message }];
  });
}

function picked(item: JsonMap, keys: readonly string[]): JsonMap {
  return Object.fromEntries(keys.filter((key) => Object.hasOwn(item, key)).map((key) => [key, item[key]]));
}

/** Objects embedded in the object must say what they are. */
export function embeddedErrors(schema: JsonSchema, value: unknown, path: string): FieldError[] {
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? [] : value.flatMap((item, at) => embeddedErrors(items, item, `${path}[${at}]`));
  }
  if (!isMap(value)) return [];
  const own = schema["x-kubernetes-embedded-resource"] === true ? missingIdentity(value, path) : [];
  const inner = Object.keys(value).flatMap((key) => {
    const child = childOf(schema, key);
    return child === undefined ? [] : embeddedErrors(child, value[key], childPath(path, key));
  });
  return [...own, ...inner];
}

function missingIdentity(value: JsonMap, path: string): FieldError[] {
  return ["apiVersion", "kind"]
    .filter((key) => typeof value[key] !== "string" || value[key] === "")
    .map((key) => ({ reason: "FieldValueRequired", field: childPath(path, key), message: "Required value" }));
}
