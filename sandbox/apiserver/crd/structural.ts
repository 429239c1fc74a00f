/** Validation of a value by a structural schema, with the reasons and sentences of the API server. */
import type { FieldError } from "../types.ts";
import { fitsInteger, matchesFormat } from "./formats.ts";
import { patternOf } from "./regularExpressions.ts";
import {
  childPath,
  isMap,
  type JsonMap,
  type JsonSchema,
  jsonEqual,
  type Old,
  oldChild,
  oldItem,
  valuesOf,
} from "./schema.ts";

/**
 * Everything the schema finds wrong with a value. Values equal to what was stored are not looked at again (ratcheting),
 * so an object that became invalid by a stricter schema can still be updated elsewhere.
 * Checks neither unknown fields (they are pruned) nor list keys nor CEL rules.
 */
export function validateStructural(schema: JsonSchema, value: unknown, path: string, old?: Old): FieldError[] {
  if (old !== undefined && jsonEqual(old.value, value)) return [];
  if (value === null) return schema.nullable === true ? [] : typeErrors(schema, value, path);
  return [
    ...typeErrors(schema, value, path),
    ...combinationErrors(schema, value, path),
    ...(typeof value === "string" ? stringErrors(schema, value, path) : []),
    ...(typeof value === "number" ? numberErrors(schema, value, path) : []),
    ...(Array.isArray(value) ? arrayErrors(schema, value, path, old) : []),
    ...enumErrors(schema, value, path),
    ...(isMap(value) ? objectErrors(schema, value, path, old) : []),
  ];
}

function invalid(field: string, value: unknown, sentence: string): FieldError {
  return { reason: "FieldValueInvalid", field, message: `Invalid value: ${shown(value)}: ${sentence}` };
}

/** Errors that belong to no field carry Go's word for nothing. */
function nowhere(sentence: string): FieldError {
  return invalid("<nil>", "", sentence);
}

/** A value in a message: strings are quoted, everything else is JSON. */
export function shown(value: unknown): string {
  return JSON.stringify(value) ?? "null";
}

export function typeNameOf(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function allowedTypes(schema: JsonSchema): string[] {
  if (schema["x-kubernetes-int-or-string"] === true) return ["integer", "string"];
  return schema.type === undefined || schema.type === "" ? [] : [schema.type];
}

function typeErrors(schema: JsonSchema, value: unknown, path: string): FieldError[] {
  const allowed = allowedTypes(schema);
  const actual = typeNameOf(value);
  if (value === null && allowed.length === 0) return [];
  if (allowed.length === 0 || allowed.includes(actual) || (actual === "integer" && allowed.includes("number")))
    return [];
  return [typeInvalid(path, actual, allowed.join(","))];
}

function typeInvalid(path: string, shownValue: string, wanted: string): FieldError {
  const quoted = JSON.stringify(shownValue);
  return {
    reason: "FieldValueTypeInvalid",
    field: path,
    message: `Invalid value: ${quoted}: ${path} in body must be of type ${wanted}: ${quoted}`,
  };
}

function combinationErrors(schema: JsonSchema, value: unknown, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const place = JSON.stringify(path);
  const outcomes = (schemas: readonly JsonSchema[]) => schemas.map((each) => validateStructural(each, value, path));
  if (schema.anyOf !== undefined && schema.anyOf.length > 0) {
    const failures = outcomes(schema.anyOf);
    if (failures.every((each) => each.length > 0)) {
      errors.push(nowhere(`${place} must validate at least one schema (anyOf)`), ...(failures[0] ?? []));
    }
  }
  if (schema.oneOf !== undefined && schema.oneOf.length > 0) {
    const failures = outcomes(schema.oneOf);
    const valid = failures.filter((each) => each.length === 0).length;
    if (valid !== 1) {
      const found = valid === 0 ? "Found none valid" : `Found ${valid} valid alternatives`;
      errors.push(nowhere(`${place} must validate one and only one schema (oneOf). ${found}`));
      if (valid === 0) errors.push(...(failures[0] ?? []));
    }
  }
  if (schema.allOf !== undefined && schema.allOf.length > 0) {
    const failures = outcomes(schema.allOf);
    errors.push(...failures.flat());
    if (failures.every((each) => each.length > 0)) {
      errors.push(nowhere(`${place} must validate all the schemas (allOf). None validated`));
    }
  }
  if (schema.not !== undefined && validateStructural(schema.not, value, path).length === 0) {
    errors.push(nowhere(`${place} must not validate the schema (not)`));
  }
  return errors;
}

function stringErrors(schema: JsonSchema, value: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const length = [...value].length;
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    const message = `Too long: may not be more than ${schema.maxLength} bytes`;
    return [{ reason: "FieldValueTooLong", field: path, message }];
  }
  if (schema.minLength !== undefined && length < schema.minLength) {
    return [invalid(path, value, `${path} in body should be at least ${schema.minLength} chars long`)];
  }
  if (schema.pattern !== undefined && schema.pattern !== "" && patternOf(schema.pattern)?.test(value) === false) {
    return [invalid(path, value, `${path} in body should match '${schema.pattern}'`)];
  }
  if (schema.format !== undefined && !matchesFormat(schema.format, value)) {
    const quoted = JSON.stringify(value);
    const message = `Invalid value: ${quoted}: ${path} in body must be of type ${schema.format}: ${quoted}`;
    errors.push({ reason: "FieldValueTypeInvalid", field: path, message });
  }
  return errors;
}

function numberErrors(schema: JsonSchema, value: number, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.type === "integer" && !(Number.isInteger(value) && fitsInteger(schema.format, value))) {
    const format = schema.format === undefined ? "(default format)" : `with format ${schema.format}`;
    return [nowhere(`Checked value must be of type integer ${format} in ${path}`)];
  }
  const { minimum, maximum, multipleOf } = schema;
  if (multipleOf !== undefined && multipleOf !== 0 && !Number.isInteger(value / multipleOf)) {
    errors.push(invalid(path, value, `${path} in body should be a multiple of ${multipleOf}`));
  }
  if (maximum !== undefined && (schema.exclusiveMaximum === true ? value >= maximum : value > maximum)) {
    const bound = schema.exclusiveMaximum === true ? "less than" : "less than or equal to";
    errors.push(invalid(path, value, `${path} in body should be ${bound} ${maximum}`));
  }
  if (minimum !== undefined && (schema.exclusiveMinimum === true ? value <= minimum : value < minimum)) {
    const bound = schema.exclusiveMinimum === true ? "greater than" : "greater than or equal to";
    errors.push(invalid(path, value, `${path} in body should be ${bound} ${minimum}`));
  }
  return errors;
}

function tooMany(path: string, count: number, most: number): FieldError {
  return { reason: "FieldValueTooMany", field: path, message: `Too many: ${count}: must have at most ${most} items` };
}

function arrayErrors(schema: JsonSchema, value: unknown[], path: string, old: Old | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const { items } = schema;
  if (items !== undefined) {
    for (const [index, item] of value.entries()) {
      errors.push(...validateStructural(items, item, `${path}[${index}]`, oldItem(schema, old, item)));
    }
  }
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    errors.push(invalid(path, value.length, `${path} in body should have at least ${schema.minItems} items`));
  }
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    errors.push(tooMany(path, value.length, schema.maxItems));
  }
  if (schema.uniqueItems === true && value.some((item, at) => value.slice(0, at).some((x) => jsonEqual(x, item)))) {
    errors.push(invalid(path, value, `${path} in body shouldn't contain duplicates`));
  }
  return errors;
}

function enumErrors(schema: JsonSchema, value: unknown, path: string): FieldError[] {
  if (schema.enum === undefined || schema.enum.some((each) => jsonEqual(each, value))) return [];
  const known = schema.enum.map((each) => JSON.stringify(typeof each === "string" ? each : JSON.stringify(each)));
  const message = `Unsupported value: ${shown(value)}: supported values: ${known.join(", ")}`;
  return [{ reason: "FieldValueNotSupported", field: path, message }];
}

function objectErrors(schema: JsonSchema, value: JsonMap, path: string, old: Old | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const size = Object.keys(value).length;
  if (schema.maxProperties !== undefined && size > schema.maxProperties) {
    errors.push(tooMany(path, size, schema.maxProperties));
  }
  if (schema.minProperties !== undefined && size < schema.minProperties) {
    errors.push(invalid(path, size, `${path} in body should have at least ${schema.minProperties} properties`));
  }
  for (const key of schema.required ?? []) {
    if (Object.hasOwn(value, key)) continue;
    errors.push({ reason: "FieldValueRequired", field: childPath(path, key), message: "Required value" });
  }
  const values = valuesOf(schema);
  for (const key of Object.keys(value)) {
    const named = schema.properties !== undefined && Object.hasOwn(schema.properties, key);
    const child = named ? schema.properties?.[key] : values;
    if (child !== undefined) {
      errors.push(...validateStructural(child, value[key], childPath(path, key), oldChild(old, key)));
    }
  }
  return errors;
}
