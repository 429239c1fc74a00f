/** What the API server demands of the schema in a CustomResourceDefinition: it must be structural, defaults must fit, rules must compile. */
import { ruleProblem } from "../cel/ruleProblem.ts";
import type { FieldError } from "../types.ts";
import { applyDefaults } from "./defaulting.ts";
import { costErrors } from "./ruleCosts.ts";
import { isMap, type JsonSchema, type ValidationRule } from "./schema.ts";
import { validateStructural } from "./structural.ts";

type Place = "root" | "object fields" | "array items";

/** Everything wrong with the schema at `path`, innermost first. */
export function schemaErrors(schema: JsonSchema, path: string): FieldError[] {
  const errors = checkNode(schema, path, "root", path);
  return errors.length > 0 ? errors : costErrors(schema, path);
}

function checkNode(schema: JsonSchema, path: string, place: Place, root: string): FieldError[] {
  if (Object.hasOwn(schema, "$ref")) return [forbidden(`${path}.$ref`, "$ref is not supported")];
  return [
    ...childErrors(schema, path, root),
    ...typeProblems(schema, path, place),
    ...keywordErrors(schema, path),
    ...listTypeErrors(schema, path),
    ...defaultErrors(schema, path),
    ...ruleErrors(schema, path),
    ...combinationErrors(schema, path),
  ];
}

function childErrors(schema: JsonSchema, path: string, root: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, child] of Object.entries(schema.properties ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))) {
    errors.push(...checkNode(child, `${path}.properties[${key}]`, "object fields", root));
  }
  if (isMap(schema.additionalProperties)) {
    errors.push(
      ...checkNode(schema.additionalProperties as JsonSchema, `${path}.additionalProperties`, "object fields", root),
    );
  }
  if (schema.items !== undefined) errors.push(...checkNode(schema.items, `${path}.items`, "array items", root));
  return errors;
}

function required(field: string, text = ""): FieldError {
  return { reason: "FieldValueRequired", field, message: text === "" ? "Required value" : `Required value: ${text}` };
}

function forbidden(field: string, text: string): FieldError {
  return { reason: "FieldValueForbidden", field, message: `Forbidden: ${text}` };
}

function typeProblems(schema: JsonSchema, path: string, place: Place): FieldError[] {
  const type = schema.type ?? "";
  if (place === "root") {
    if (type === "object") return [];
    if (type === "") return [required(`${path}.type`, "must not be empty at the root")];
    const message = `Invalid value: ${JSON.stringify(type)}: must be object at the root`;
    return [{ reason: "FieldValueInvalid", field: `${path}.type`, message }];
  }
  const free = schema["x-kubernetes-int-or-string"] === true || schema["x-kubernetes-preserve-unknown-fields"] === true;
  return type === "" && !free ? [required(`${path}.type`, `must not be empty for specified ${place}`)] : [];
}

function keywordErrors(schema: JsonSchema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.properties !== undefined && schema.additionalProperties !== undefined) {
    const text = "additionalProperties and properties are mutual exclusive";
    if (Object.keys(schema.properties).length > 0) errors.push(forbidden(`${path}.additionalProperties`, text));
  }
  if (schema.additionalProperties === false) {
    errors.push(forbidden(`${path}.additionalProperties`, "additionalProperties cannot be set to false"));
  }
  if (schema.uniqueItems === true) {
    const text = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
    errors.push(forbidden(`${path}.uniqueItems`, text));
  }
  if (schema.type === "array" && schema.items === undefined) {
    errors.push(required(`${path}.items`, "must be specified"));
  }
  return errors;
}

function listTypeErrors(schema: JsonSchema, path: string): FieldError[] {
  const keys = schema["x-kubernetes-list-map-keys"];
  if (schema["x-kubernetes-list-type"] !== "map") return [];
  if (keys === undefined || keys.length === 0) {
    return [required(`${path}.x-kubernetes-list-map-keys`, "must not be empty if x-kubernetes-list-type is map")];
  }
  return keys
    .filter((key) => schema.items?.properties?.[key] === undefined)
    .map((key, at) => ({
      reason: "FieldValueInvalid",
      field: `${path}.x-kubernetes-list-map-keys[${at}]`,
      message: `Invalid value: ${JSON.stringify(key)}: entries must all be names of item properties`,
    }));
}

function defaultErrors(schema: JsonSchema, path: string): FieldError[] {
  if (schema.default === undefined || schema.default === null) return [];
  const value = structuredClone(schema.default);
  applyDefaults(schema, value);
  const field = `${path}.default`;
  return validateStructural(schema, value, "").map((error) => ({ ...error, field }));
}

function ruleErrors(schema: JsonSchema, path: string): FieldError[] {
  return (schema["x-kubernetes-validations"] ?? []).flatMap((rule, at) => {
    const field = `${path}.x-kubernetes-validations[${at}].rule`;
    if ((rule.rule ?? "").trim() === "") return [required(field, "rule is not specified")];
    const problem = ruleProblem(rule, schema);
    if (problem === undefined) return [];
    const message = `Invalid value: ${goRule(rule)}: compilation failed: ${problem}`;
    return [{ reason: "FieldValueInvalid", field, message }];
  });
}

/** The rule as Go prints the struct, with its HTML-safe escapes. */
function goRule(rule: ValidationRule): string {
  const shown = {
    Rule: rule.rule,
    Message: rule.message ?? "",
    MessageExpression: rule.messageExpression ?? "",
    Reason: rule.reason ?? null,
    FieldPath: rule.fieldPath ?? "",
    OptionalOldSelf: rule.optionalOldSelf ?? null,
  };
  const escaped: Record<string, string> = { ">": "\\u003e", "<": "\\u003c", "&": "\\u0026" };
  return JSON.stringify(shown).replace(/[<>&]/g, (char) => escaped[char] ?? char);
}

const notInsideCombinations = ["description", "type", "default", "additionalProperties", "nullable"];

/** Below allOf, anyOf, oneOf and not there may only be checks of values, no structure. */
function combinationErrors(schema: JsonSchema, path: string): FieldError[] {
  const branches: [JsonSchema, string][] = (["allOf", "anyOf", "oneOf"] as const).flatMap((word) =>
    (schema[word] ?? []).map((branch, at): [JsonSchema, string] => [branch, `${path}.${word}[${at}]`]),
  );
  if (schema.not !== undefined) branches.push([schema.not, `${path}.not`]);
  const mayNameTypes = schema["x-kubernetes-int-or-string"] === true;
  return branches.flatMap(([branch, at]) => branchErrors(branch, at, mayNameTypes));
}

function branchErrors(branch: JsonSchema, path: string, mayNameTypes: boolean): FieldError[] {
  const own = notInsideCombinations
    .filter((word) => branch[word] !== undefined && !(word === "type" && mayNameTypes))
    .map((word) => forbidden(`${path}.${word}`, "must be empty to be structural"));
  const below = Object.entries(branch.properties ?? {}).flatMap(([key, child]) =>
    branchErrors(child, `${path}.properties[${key}]`, false),
  );
  const items = branch.items === undefined ? [] : branchErrors(branch.items, `${path}.items`, false);
  const nested = (["allOf", "anyOf", "oneOf"] as const).flatMap((word) =>
    (branch[word] ?? []).flatMap((each, at) => branchErrors(each, `${path}.${word}[${at}]`, mayNameTypes)),
  );
  const not = branch.not === undefined ? [] : branchErrors(branch.not, `${path}.not`, mayNameTypes);
  return [...own, ...below, ...items, ...nested, ...not];
}
