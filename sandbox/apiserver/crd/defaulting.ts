/** Defaults of a structural schema, and what becomes of null. */
import { isMap, type JsonSchema, valuesOf } from "./schema.ts";

/**
 * Fills defaults, in place. A null that the schema does not allow counts as absent: it becomes the default, or goes.
 * An absent object is not made up for the sake of defaults inside it.
 */
export function applyDefaults(schema: JsonSchema, value: unknown): void {
  dropNulls(schema, value);
  fill(schema, value);
}

function isUnwantedNull(schema: JsonSchema, value: unknown): boolean {
  return value === null && schema.nullable !== true;
}

function hasDefault(schema: JsonSchema): boolean {
  return schema.default !== undefined && schema.default !== null;
}

function dropNulls(schema: JsonSchema, value: unknown): void {
  if (Array.isArray(value)) {
    if (schema.items !== undefined) for (const item of value) dropNulls(schema.items, item);
    return;
  }
  if (!isMap(value)) return;
  const values = valuesOf(schema);
  for (const key of Object.keys(value)) {
    const child = schema.properties?.[key] ?? values;
    if (child === undefined) continue;
    if (isUnwantedNull(child, value[key]) && !hasDefault(child)) delete value[key];
    else dropNulls(child, value[key]);
  }
}

function fill(schema: JsonSchema, value: unknown): void {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    for (const [index, item] of value.entries()) {
      if (isUnwantedNull(items, item) && hasDefault(items)) value[index] = structuredClone(items.default);
      fill(items, value[index]);
    }
    return;
  }
  if (!isMap(value)) return;
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    if (!hasDefault(child)) continue;
    if (!Object.hasOwn(value, key) || isUnwantedNull(child, value[key])) value[key] = structuredClone(child.default);
  }
  const values = valuesOf(schema);
  for (const key of Object.keys(value)) {
    const child = schema.properties?.[key] ?? values;
    if (child === undefined) continue;
    if (isUnwantedNull(child, value[key]) && hasDefault(child)) value[key] = structuredClone(child.default);
    fill(child, value[key]);
  }
}
