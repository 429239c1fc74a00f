/** The part of OpenAPI v3 that structural schemas of CustomResourceDefinitions are made of. */
export interface JsonSchema {
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly nullable?: boolean;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly allOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly not?: JsonSchema;
  readonly description?: string;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: "atomic" | "granular";
  readonly "x-kubernetes-validations"?: readonly ValidationRule[];
  readonly [keyword: string]: unknown;
}

/** One entry of `x-kubernetes-validations`. */
export interface ValidationRule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
}

export type JsonMap = Record<string, unknown>;

export function isMap(value: unknown): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Schema of the values of a free-form map; `undefined` when any value goes or when there is no such map. */
export function valuesOf(schema: JsonSchema): JsonSchema | undefined {
  return isMap(schema.additionalProperties) ? (schema.additionalProperties as JsonSchema) : undefined;
}

/** The schema of one key of an object, from `properties` or else `additionalProperties`. */
export function childOf(schema: JsonSchema, key: string): JsonSchema | undefined {
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  return valuesOf(schema);
}

/** Equality of JSON values; the order of keys does not count. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => jsonEqual(item, b[index]));
  }
  if (!isMap(a) || !isMap(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && jsonEqual(a[key], b[key]))
  );
}

/** A stored value to compare with. Absent where nothing corresponds (create, new item, atomic list). */
export interface Old {
  readonly value: unknown;
}

/** What was stored under the same key. */
export function oldChild(old: Old | undefined, key: string): Old | undefined {
  if (old === undefined || !isMap(old.value) || !Object.hasOwn(old.value, key)) return undefined;
  return { value: old.value[key] };
}

/** What was stored for the same item: only items of `x-kubernetes-list-type: map` have an identity. */
export function oldItem(schema: JsonSchema, old: Old | undefined, item: unknown): Old | undefined {
  const keys = schema["x-kubernetes-list-map-keys"];
  if (old === undefined || !Array.isArray(old.value) || keys === undefined || !isMap(item)) return undefined;
  const found = old.value.find((each) => isMap(each) && keys.every((key) => jsonEqual(each[key], item[key])));
  return found === undefined ? undefined : { value: found };
}

/** Paths join keys by dots, whatever the keys look like. */
export function childPath(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}
