/**
 * What decoding into a Go type does to JSON: unknown fields and nulls vanish, zero values that mean nothing vanish,
 * fields take the order of the type, and a value of the wrong type is an error.
 */
import type { TypeSchema } from "../types.ts";
import { canonicalQuantity } from "./quantity.ts";

type Fields = Record<string, unknown>;

/** Brings `object` into its type's shape, in place. Returns the paths of unknown fields (`spec.containers[0].nope`). */
export function decode(object: Fields, schema: TypeSchema): string[] {
  const unknown: string[] = [];
  decodeStruct(object, schema, "", unknown);
  return unknown;
}

function decodeStruct(object: Fields, schema: TypeSchema, path: string, unknown: string[]): void {
  const fields = schema.fields ?? {};
  for (const key of Object.keys(object)) {
    const type = Object.hasOwn(fields, key) ? fields[key] : undefined;
    const at = path === "" ? key : `${path}.${key}`;
    if (type === undefined) {
      if (schema.preserveUnknown === true) continue;
      unknown.push(at);
      delete object[key];
    } else if (object[key] === null) {
      if (type.nullable !== true && !isWrittenList(type)) delete object[key];
    } else {
      if (type.goType === "Quantity") object[key] = canonicalQuantity(object[key]);
      decodeValue(object[key], type, at, unknown);
      if (type.omitZero === true && isZero(object[key])) delete object[key];
    }
  }
  const order = orderOf(fields);
  for (const [key, type] of order.alwaysWritten) if (object[key] === undefined) object[key] = zeroOf(type);
  if (!isSorted(object, order)) sortFields(object, order);
}

interface Order {
  readonly places: ReadonlyMap<string, number>;
  readonly alwaysWritten: readonly (readonly [string, TypeSchema])[];
}

const orders = new WeakMap<object, Order>();

function orderOf(fields: NonNullable<TypeSchema["fields"]>): Order {
  let order = orders.get(fields);
  if (order === undefined) {
    const places = new Map(Object.keys(fields).map((key, place) => [key, place]));
    order = { places, alwaysWritten: Object.entries(fields).filter(([, type]) => isAlwaysWritten(type)) };
    orders.set(fields, order);
  }
  return order;
}

/** Some fields show even when nobody set them: `currentMetrics: null`, `eventTime: null`, `reportingComponent: ""`. */
function isAlwaysWritten(type: TypeSchema): boolean {
  return type.goType !== undefined && type.type !== "array"
    ? type.nullable === true || type.omitZero === false
    : isWrittenList(type);
}

function zeroOf(type: TypeSchema): unknown {
  if (type.type === "array" || type.nullable === true) return null;
  return type.type === "string" ? "" : 0;
}

/** Lists that a type always writes show as null when there is nothing in them. */
function isWrittenList(type: TypeSchema): boolean {
  return type.type === "array" && type.omitZero === false;
}

function decodeValue(value: unknown, schema: TypeSchema, path: string, unknown: string[]): void {
  if (Array.isArray(value)) {
    value.forEach((item, index) => {
      if (schema.items !== undefined) decodeValue(item, schema.items, `${path}[${index}]`, unknown);
    });
  } else if (isObject(value) && schema.fields !== undefined) {
    decodeStruct(value, schema, path, unknown);
  } else if (isObject(value) && schema.values !== undefined) {
    for (const [key, item] of Object.entries(value)) {
      if (item === null && schema.values.type === "string") value[key] = "";
      else if (schema.values.goType === "Quantity") value[key] = canonicalQuantity(item);
      else decodeValue(item, schema.values, `${path}.${key}`, unknown);
    }
  }
}

/** Answers list the fields of a type in the type's order, whatever the request's order was. What the type does not know comes first. */
function sortFields(object: Fields, { places }: Order): void {
  for (const key of places.keys()) {
    if (!Object.hasOwn(object, key)) continue;
    const value = object[key];
    delete object[key];
    object[key] = value;
  }
}

/** Most objects have been through here before, and taking fields out and in again makes them slow for good. */
function isSorted(object: Fields, { places }: Order): boolean {
  let last = -1;
  for (const key of Object.keys(object)) {
    const place = places.get(key) ?? -1;
    if (place < last) return false;
    last = place;
  }
  return true;
}

function isZero(value: unknown): boolean {
  if (value === "" || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}

/** The first value whose type is wrong, in Go's words, or undefined when everything fits. */
export function decodeProblem(object: unknown, schema: TypeSchema): string | undefined {
  return problem(object, schema, schema.goType ?? "Object", "", schema.goType ?? "Object");
}

function problem(value: unknown, schema: TypeSchema, owner: string, path: string, goType: string): string | undefined {
  if (value === null || value === undefined) return undefined;
  const found = jsonType(value);
  if (!fits(value, schema)) {
    const where = path === "" ? `Go value of type ${goType}` : `Go struct field ${owner}.${path} of type ${goType}`;
    return `json: cannot unmarshal ${found === "number" && schema.type === "integer" ? `number ${value}` : found} into ${where}`;
  }
  const malformed = malformation(value, schema.goType);
  if (malformed !== undefined) return malformed;
  if (Array.isArray(value) && schema.items !== undefined) {
    return first(value, (item) => problem(item, schema.items as TypeSchema, owner, path, goTypeOf(schema.items)));
  }
  if (!isObject(value)) return undefined;
  if (schema.values !== undefined) {
    const values = schema.values;
    return first(Object.values(value), (item) => problem(item, values, owner, path, goTypeOf(values)));
  }
  const fields = schema.fields;
  if (fields === undefined) return undefined;
  return first(Object.entries(value), ([key, item]) => {
    const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
    const at = path === "" ? key : `${path}.${key}`;
    return field === undefined ? undefined : problem(item, field, schema.goType ?? owner, at, goTypeOf(field));
  });
}

/** Strings that must be written in a certain way. */
function malformation(value: unknown, goType: string | undefined): string | undefined {
  if (typeof value !== "string") return undefined;
  if (goType === "[]byte") {
    const bad = /[^A-Za-z0-9+/=\r\n]/.exec(value)?.index ?? (value.length % 4 === 0 ? -1 : value.length);
    return bad < 0 ? undefined : `illegal base64 data at input byte ${bad}`;
  }
  if (goType !== "MicroTime" || value === "") return undefined;
  const [, rest = value] = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(.*)$/.exec(value) ?? [];
  if (/^\.\d{6}(Z|[+-]\d\d:\d\d)$/.test(rest)) return undefined;
  const text = `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05.000000Z07:00"`;
  return `${text}: cannot parse ${JSON.stringify(rest)} as ".000000"`;
}

function first<T>(items: readonly T[], judge: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const text = judge(item);
    if (text !== undefined) return text;
  }
  return undefined;
}

function fits(value: unknown, schema: TypeSchema): boolean {
  switch (schema.type) {
    case "any":
      return true;
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
    case "string":
      return typeof value === "string";
    case "boolean":
      return typeof value === "boolean";
    case "integer":
      return Number.isInteger(value);
    case "number":
      return typeof value === "number";
  }
}

function goTypeOf(schema: TypeSchema | undefined): string {
  if (schema === undefined) return "interface {}";
  if (schema.type === "array") return `[]${goTypeOf(schema.items)}`;
  if (schema.values !== undefined) return `map[string]${goTypeOf(schema.values)}`;
  if (schema.type === "object") return `v1.${schema.goType ?? "Object"}`;
  return schema.goType ?? schema.type;
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  return typeof value;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
