/**
 * A short way to write type schemas down. Names follow Go's view of the API, because decoding errors and what is left
 * out of an answer (zero values) follow from it: `int32` vanishes when 0, `int32Pointer` does not.
 */
import type { TypeSchema } from "../../types.ts";

export type Fields = Readonly<Record<string, TypeSchema>>;
type Extras = Partial<TypeSchema>;

export const text: TypeSchema = { type: "string", goType: "string", omitZero: true };
/** A string whose emptiness means something. */
export const textPointer: TypeSchema = { type: "string", goType: "string" };
export const bool: TypeSchema = { type: "boolean", goType: "bool", omitZero: true };
export const boolPointer: TypeSchema = { type: "boolean", goType: "bool" };
export const int32: TypeSchema = { type: "integer", goType: "int32", omitZero: true };
export const int32Pointer: TypeSchema = { type: "integer", goType: "int32" };
export const int64: TypeSchema = { type: "integer", goType: "int64", omitZero: true };
export const int64Pointer: TypeSchema = { type: "integer", goType: "int64" };
/** Instants, as RFC 3339 strings. */
export const time: TypeSchema = { type: "string", goType: "Time" };
/** Instants with microseconds: exactly six digits of them. */
export const microTime: TypeSchema = { type: "string", goType: "MicroTime" };
/** Bytes in base64. */
export const bytes: TypeSchema = { type: "string", goType: "[]byte" };
/** Numbers with units (`100m`, `1Gi`), or port names and numbers, or percentages: a scalar of either type. */
export const quantity: TypeSchema = { type: "any", goType: "Quantity" };
export const intOrString: TypeSchema = { type: "any", goType: "IntOrString" };
/** JSON without a type; its fields are owned one by one. */
export const anything: TypeSchema = { type: "any", preserveUnknown: true };

/** Structs that Go embeds by value: they are there from the start, so that no manager owns their presence. */
const embedded = new Set([
  "ObjectMeta",
  "PodTemplateSpec",
  "PodSpec",
  "JobTemplateSpec",
  "JobSpec",
  "DeploymentStrategy",
  "DaemonSetUpdateStrategy",
  "StatefulSetUpdateStrategy",
  "CrossVersionObjectReference",
  "CustomResourceDefinitionNames",
  "LoadBalancerStatus",
  "EventSource",
]);

export function struct(goType: string, fields: Fields, extras: Extras = {}): TypeSchema {
  return { type: "object", goType, fields, ...(embedded.has(goType) ? { embedded: true } : {}), ...extras };
}

/** A struct that has one owner. */
export function atomic(goType: string, fields: Fields): TypeSchema {
  return { type: "object", goType, fields, atomic: true };
}

export function mapOf(values: TypeSchema, extras: Extras = {}): TypeSchema {
  return { type: "object", values: { ...values, omitZero: false }, omitZero: true, ...extras };
}

/** A list that has one owner and that strategic merge patches replace. */
export function list(items: TypeSchema, extras: Extras = {}): TypeSchema {
  return { type: "array", items: { ...items, omitZero: false }, list: "atomic", omitZero: true, ...extras };
}

/** A list of distinct scalars. */
export function setOf(items: TypeSchema): TypeSchema {
  return list(items, { list: "set", patchStrategy: ["merge"] });
}

/** A list whose elements are told apart by `keys`; strategic merge patches know the first key only. */
export function mapList(keys: readonly string[], items: TypeSchema, extras: Extras = {}): TypeSchema {
  const [first] = keys;
  return list(items, {
    list: "map",
    listMapKeys: keys,
    patchStrategy: ["merge"],
    ...(first === undefined ? {} : { patchMergeKey: first }),
    ...extras,
  });
}

/** A list that strategic merge patches merge by key, while server-side apply sees one value. */
export function mergedList(key: string, items: TypeSchema): TypeSchema {
  return list(items, { patchMergeKey: key, patchStrategy: ["merge"] });
}
