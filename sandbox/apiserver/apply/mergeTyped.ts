/** Lays an applied object over the live one, and checks the applied one against its schema. */
import type { TypeSchema } from "../types.ts";
import { type FieldPath, fieldElement, printPath } from "./fieldSet.ts";
import { elementOf, isObject, type JsonObject, shapeOf } from "./typedValue.ts";

/** The live value with everything the applied one states. Undefined stands for absence. */
export function mergeTyped(live: unknown, applied: unknown, schema: TypeSchema): unknown {
  if (applied === undefined) return live;
  if (live === undefined) return applied;
  const shape = shapeOf(schema, applied ?? live);
  if (shape.kind === "leaf") return applied;
  if (shape.kind === "list") {
    if (applied === null) return Array.isArray(live) && live.length > 0 ? live : applied;
    if (!Array.isArray(live) || !Array.isArray(applied)) return applied;
    return mergeLists(live, applied, shape.schema, shape.itemType);
  }
  if (applied === null) return isObject(live) && Object.keys(live).length > 0 ? live : applied;
  if (!isObject(live) || !isObject(applied)) return applied;
  const merged: JsonObject = { ...live };
  for (const [name, field] of Object.entries(applied)) {
    const present = Object.hasOwn(live, name) ? live[name] : undefined;
    const value = mergeTyped(present, field, shape.fieldType(name));
    // Not a plain assignment: a field may be called `__proto__`.
    Object.defineProperty(merged, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return merged;
}

/**
 * Elements of both keep the order of the applied list; those of the live list alone stay between the neighbours they
 * had, as far as the two orders agree.
 */
function mergeLists(live: unknown[], applied: unknown[], schema: TypeSchema, itemType: TypeSchema): unknown[] {
  const liveKeys = live.map((item) => elementOf(schema, item));
  const appliedKeys = applied.map((item) => elementOf(schema, item));
  const shared = appliedKeys.filter((key) => liveKeys.includes(key));
  const merged: unknown[] = [];
  const take = (at: number): void => {
    const key = appliedKeys[at];
    merged.push(mergeTyped(live[liveKeys.indexOf(key ?? "")], applied[at], itemType));
    if (shared[0] === key) shared.shift();
  };
  let left = 0;
  let right = 0;
  while (left < live.length || right < applied.length) {
    const key = liveKeys[left];
    if (key !== undefined && key === appliedKeys[right]) {
      take(right++);
      left++;
    } else if (key !== undefined && !appliedKeys.includes(key)) {
      merged.push(live[left++]);
    } else if (key !== undefined && (right >= applied.length || shared[0] !== key)) {
      left++;
    } else {
      take(right++);
    }
  }
  return merged;
}

/** What keeps an applied object from being read as its type: `.spec.nope: field not declared in schema`. */
export function schemaErrors(value: unknown, schema: TypeSchema, path: FieldPath = []): string[] {
  const at = printPath(path);
  if (value === null || value === undefined || schema.type === "any") return [];
  const misfit = misfitOf(value, schema);
  if (misfit !== undefined) return [`${at}: expected ${misfit}`];
  if (Array.isArray(value)) return listErrors(value, schema, path);
  if (!isObject(value)) return [];
  const { fields, values } = schema;
  return Object.entries(value).flatMap(([name, field]) => {
    const type = fields !== undefined && Object.hasOwn(fields, name) ? fields[name] : values;
    const below = [...path, fieldElement(name)];
    if (type !== undefined) return schemaErrors(field, type, below);
    if (fields === undefined || schema.preserveUnknown === true) return [];
    return [`${printPath(below)}: field not declared in schema`];
  });
}

function listErrors(items: unknown[], schema: TypeSchema, path: FieldPath): string[] {
  const item = schema.items;
  if (schema.list !== "map" && schema.list !== "set") {
    return items.flatMap((value, index) => (item ? schemaErrors(value, item, [...path, `i:${index}`]) : []));
  }
  const seen = new Set<string>();
  return items.flatMap((value, index) => {
    let element: string;
    try {
      element = elementOf(schema, value);
    } catch (problem) {
      return [`${printPath(path)}: element ${index}: ${(problem as Error).message}`];
    }
    if (seen.has(element)) return [`${printPath(path)}: duplicate entries for key ${printPath([element])}`];
    seen.add(element);
    return item === undefined ? [] : schemaErrors(value, item, [...path, element]);
  });
}

function misfitOf(value: unknown, schema: TypeSchema): string | undefined {
  const found = typeof value === "string" ? "string" : JSON.stringify(value);
  switch (schema.type) {
    case "object":
      return isObject(value) ? undefined : `map, got ${String(value)}`;
    case "array":
      return Array.isArray(value) ? undefined : `list, got ${String(value)}`;
    case "integer":
    case "number":
      return typeof value === "number" ? undefined : `numeric (int or float), got ${found}`;
    case "boolean":
      return typeof value === "boolean" ? undefined : `boolean, got ${found}`;
    case "string":
      return typeof value === "string" ? undefined : `string, got ${found}`;
    default:
      return undefined;
  }
}
