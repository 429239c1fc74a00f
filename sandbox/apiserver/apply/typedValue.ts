/** How a value is owned: which parts of it are fields of their own, by its schema. */
import type { TypeSchema } from "../types.ts";
import { keyElement, valueElement } from "./fieldSet.ts";

export type JsonObject = Record<string, unknown>;

/** Values without a schema: maps field by field, lists as one. */
export const deduced: TypeSchema = { type: "any", preserveUnknown: true };

export type Shape =
  | { readonly kind: "leaf" }
  | {
      readonly kind: "map";
      readonly fieldType: (name: string) => TypeSchema;
      readonly isNamed: (name: string) => boolean;
    }
  | { readonly kind: "list"; readonly schema: TypeSchema; readonly itemType: TypeSchema };

const leaf: Shape = { kind: "leaf" };

/** The shape in which a value of this type is compared, merged and owned. `sample` decides where the schema does not. */
export function shapeOf(schema: TypeSchema, sample: unknown): Shape {
  if (schema.atomic === true) return leaf;
  const fields = schema.fields;
  const isMap = schema.type === "object" || (schema.type === "any" && isObject(sample));
  if (isMap) {
    if (fields === undefined && schema.values === undefined && schema.preserveUnknown !== true) return leaf;
    const isNamed = (name: string): boolean => fields !== undefined && Object.hasOwn(fields, name);
    return {
      kind: "map",
      isNamed,
      fieldType: (name) => (isNamed(name) ? (fields?.[name] ?? deduced) : (schema.values ?? deduced)),
    };
  }
  if (schema.type === "array" && (schema.list === "set" || schema.list === "map")) {
    return { kind: "list", schema, itemType: schema.items ?? deduced };
  }
  return leaf;
}

/** The path element of a list's element. Throws when a key is missing that has no default. */
export function elementOf(schema: TypeSchema, item: unknown): string {
  if (schema.list === "set") return valueElement(item);
  const keys: JsonObject = {};
  for (const name of schema.listMapKeys ?? []) {
    const value = isObject(item) ? item[name] : undefined;
    keys[name] = value ?? schema.keyDefaults?.[name] ?? zeroOf(schema.items?.fields?.[name], name);
  }
  return keyElement(keys);
}

/** Keys of built-in types have Go's zero value as their default; keys of custom resources have none. */
function zeroOf(type: TypeSchema | undefined, name: string): unknown {
  if (type?.goType === undefined) {
    throw new TypeError(
      `associative list with keys has an element that omits key field "${name}" (and doesn't have default value)`,
    );
  }
  return type.type === "integer" ? 0 : "";
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object that Go starts from: what a type always writes is there, with its zero value, and nothing else. */
export function emptyValue(schema: TypeSchema): JsonObject {
  const fields = Object.entries(schema.fields ?? {}).map(([name, type]) => [name, zeroValue(type)] as const);
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
}

function zeroValue(type: TypeSchema): unknown {
  if (type.goType === undefined && type.type !== "array") return undefined;
  if (type.embedded === true) return emptyValue(type);
  if (type.nullable === true && type.goType !== undefined) return null;
  if (type.omitZero !== false) return undefined;
  if (type.type === "string") return "";
  return type.type === "array" ? null : 0;
}
