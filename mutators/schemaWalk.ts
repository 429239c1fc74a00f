import { durationPattern, type FieldIssue, type Rule, type Schema } from "../api/index.ts";
import { type Fields, fieldAt, isFields } from "./fields.ts";

/** A mistake, with the value it is about: an update that does not touch the value is not blamed for it. */
export interface Finding {
  readonly issue: FieldIssue;
  readonly value: unknown;
}

/** No answer needs more; the API server's own answers are bounded too. */
const mostFindings = 64;

/**
 * Every mistake in a value, found in one walk: what the schema says, in the API server's words, and the rules at their nodes. A rule
 * is not asked when a field it looks at has a wrong type, so it never sees what it does not expect.
 */
export function walk(value: unknown, schema: Schema, rules: readonly Rule[], at = "spec"): readonly Finding[] {
  const found: Finding[] = [];
  visit({ found, rules }, value, schema, at, at);
  return found.slice(0, mostFindings);
}

interface Walk {
  readonly found: Finding[];
  readonly rules: readonly Rule[];
}

/** Visits one node; true when all types in it fit. `path` names the value, `place` the node of the schema. */
function visit(run: Walk, value: unknown, schema: Schema, path: string, place: string): boolean {
  if (!fits(value, schema)) {
    const type = schema["x-kubernetes-int-or-string"] === true ? "integer,string" : schema.type;
    const got = typeName(value);
    const message = `Invalid value: "${got}": ${path} in body must be of type ${type}: "${got}"`;
    report(run, path, "FieldValueTypeInvalid", message, value);
    return false;
  }
  let misfits: readonly string[] = [];
  let fit = true;
  if (isFields(value)) {
    misfits = visitFields(run, value, schema, path, place);
    fit = misfits.length === 0;
  } else if (Array.isArray(value)) {
    fit = visitItems(run, value, schema, path, place);
  } else {
    judgeScalar(run, value, schema, path);
  }
  const asked = run.rules.filter((rule) => rule.at === place && !misfits.some((name) => reads(rule, name)));
  for (const rule of fit || isFields(value) ? asked : []) {
    if (!holds(rule, value)) {
      const { field, reason, message } = broken(rule, value, path);
      report(run, field, reason, message, value);
    }
  }
  return fit;
}

/** A broken rule in the API server's words; as there, a map or list is shown by its type alone. */
function broken({ field, message, missing }: Rule, value: unknown, path: string): FieldIssue {
  const at = field === "" ? path : `${path}.${field}`;
  if (missing) {
    return { field: at, reason: "FieldValueRequired", message: `Required value: ${message}` };
  }
  const blamed = field === "" ? value : fieldAt(value, ...field.split("."));
  const quoted =
    blamed === undefined ? "" : `${typeof blamed === "object" ? `"${typeName(blamed)}"` : shown(blamed)}: `;
  return { field: at, reason: "FieldValueInvalid", message: `Invalid value: ${quoted}${message}` };
}

/** Whether a rule looks at a field: one of a wrong type must not hide the mistakes beside it. */
function reads(rule: Rule, name: string): boolean {
  return rule.cel.split(/[^\w.]+/).some((word) => `${word}.`.startsWith(`self.${name}.`));
}

/** The names of the fields in which a type does not fit. */
function visitFields(run: Walk, value: Fields, schema: Schema, path: string, place: string): readonly string[] {
  const properties = schema.properties ?? {};
  for (const name of schema.required ?? []) {
    if (isAbsent(value, name)) {
      report(run, `${path}.${name}`, "FieldValueRequired", "Required value", undefined);
    }
  }
  tooMany(run, path, Object.keys(value).length, schema.maxProperties, value);
  const misfits: string[] = [];
  for (const name of Object.keys(value)) {
    const known = Object.hasOwn(properties, name) ? properties[name] : schema.additionalProperties;
    if (known !== undefined && !isAbsent(value, name)) {
      const below = Object.hasOwn(properties, name) ? `${place}.${name}` : `${place}{*}`;
      if (!visit(run, value[name], known, `${path}.${name}`, below)) {
        misfits.push(name);
      }
    }
  }
  return misfits;
}

function visitItems(run: Walk, value: readonly unknown[], schema: Schema, path: string, place: string): boolean {
  tooMany(run, path, value.length, schema.maxItems, value);
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    const message = `Invalid value: ${value.length}: ${path} in body should have at least ${schema.minItems} items`;
    report(run, path, "FieldValueInvalid", message, value);
  }
  let fit = true;
  const { items } = schema;
  if (items !== undefined) {
    for (const [index, item] of value.entries()) {
      fit = visit(run, item, items, `${path}[${index}]`, `${place}[*]`) && fit;
    }
  }
  return fit;
}

function judgeScalar(run: Walk, value: unknown, schema: Schema, path: string): void {
  const invalid = (what: string) =>
    report(run, path, "FieldValueInvalid", `Invalid value: ${shown(value)}: ${what}`, value);
  if (typeof value === "string") {
    if (schema.enum !== undefined && !schema.enum.includes(value)) {
      const supported = schema.enum.map((each) => `"${each}"`).join(", ");
      const message = `Unsupported value: ${shown(value)}: supported values: ${supported}`;
      report(run, path, "FieldValueNotSupported", message, value);
    }
    if (schema.maxLength !== undefined && [...value].length > schema.maxLength) {
      report(run, path, "FieldValueTooLong", `Too long: may not be more than ${schema.maxLength} bytes`, value);
    }
    if (schema.minLength !== undefined && [...value].length < schema.minLength) {
      invalid(`${path} in body should be at least ${schema.minLength} chars long`);
    }
    // Long texts are refused by their length above; a pattern is not tried on them.
    if (schema.pattern !== undefined && value.length <= 4096 && !new RegExp(schema.pattern, "u").test(value)) {
      invalid(advice[schema.pattern] ?? `${path} in body should match '${schema.pattern}'`);
    }
  } else if (typeof value === "number") {
    if (schema.minimum !== undefined && value < schema.minimum) {
      invalid(`${path} in body should be greater than or equal to ${schema.minimum}`);
    }
    if (schema.maximum !== undefined && value > schema.maximum) {
      invalid(`${path} in body should be less than or equal to ${schema.maximum}`);
    }
  }
}

/** What to do, where a pattern alone would not tell. */
const advice: Readonly<Record<string, string>> = {
  [durationPattern]: "write a duration such as 30s, 5m or 1m30s",
};

function tooMany(run: Walk, path: string, count: number, most: number | undefined, value: unknown): void {
  if (most !== undefined && count > most) {
    report(run, path, "FieldValueTooMany", `Too many: ${count}: must have at most ${most} items`, value);
  }
}

function report(run: Walk, field: string, reason: FieldIssue["reason"], message: string, value: unknown): void {
  if (run.found.length < mostFindings) {
    run.found.push({ issue: { field, reason, message }, value });
  }
}

/** Null counts as absent: the API server drops it for a field that is not nullable. */
function isAbsent(value: Fields, name: string): boolean {
  return !Object.hasOwn(value, name) || value[name] === null || value[name] === undefined;
}

function fits(value: unknown, schema: Schema): boolean {
  if (schema["x-kubernetes-int-or-string"] === true) {
    return typeof value === "string" || Number.isInteger(value);
  }
  switch (schema.type) {
    case "object":
      return isFields(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "number":
      return typeof value === "number";
    case "string":
    case "boolean":
      return typeof value === schema.type;
    default:
      return true;
  }
}

function typeName(value: unknown): string {
  if (value === null) {
    return "null";
  }
  if (Array.isArray(value)) {
    return "array";
  }
  return typeof value === "number" ? (Number.isInteger(value) ? "integer" : "number") : typeof value;
}

/** A value as the API server quotes it, shortened. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "null";
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}

/** Whether a rule holds. Rules trust the schema; where a value broke it in a way they trip over, the walk has said so already. */
export function holds(rule: Rule, value: unknown): boolean {
  try {
    return rule.holds(value);
  } catch {
    return true;
  }
}
