/** JSON as CEL sees it: whole numbers become integers, times and durations get their types, odd keys are escaped. */
import { isMap, type JsonSchema, valuesOf } from "../crd/schema.ts";

const keywords = new Set(
  "true false null in as break const continue else for function if import let loop package namespace return var void while".split(
    " ",
  ),
);

/** The name by which an expression reaches a property: `a-b` is `a__dash__b`, `namespace` is `__namespace__`. */
export function escapedName(name: string): string {
  if (keywords.has(name)) return `__${name}__`;
  return name
    .replaceAll("__", "__underscores__")
    .replaceAll(".", "__dot__")
    .replaceAll("-", "__dash__")
    .replaceAll("/", "__slash__");
}

/** Converts by schema. Without one, whole numbers are integers. */
export function celValue(schema: JsonSchema | undefined, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => celValue(schema?.items, item));
  if (isMap(value)) return mapValue(schema, value);
  if (typeof value === "number") return schema?.type !== "number" && Number.isInteger(value) ? BigInt(value) : value;
  if (typeof value === "string" && schema?.format !== undefined) return formattedValue(schema.format, value);
  return value;
}

function mapValue(schema: JsonSchema | undefined, value: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  const values = schema === undefined ? undefined : valuesOf(schema);
  const properties = schema?.properties;
  for (const key of Object.keys(value)) {
    const named = properties !== undefined && Object.hasOwn(properties, key);
    result[named ? escapedName(key) : key] = celValue(named ? properties[key] : values, value[key]);
  }
  return result;
}

function formattedValue(format: string, value: string): unknown {
  if (format !== "date-time" && format !== "date") return value;
  const time = new Date(value);
  return Number.isNaN(time.getTime()) ? value : time;
}
