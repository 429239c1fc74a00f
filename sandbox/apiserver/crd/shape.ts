/** Whether a definition has the types it must have, so that everything after can rely on them. */
import type { FieldError, KubeObject } from "../types.ts";
import { isMap } from "./schema.ts";
import { typeNameOf } from "./structural.ts";

type Check = (value: unknown, path: string) => FieldError[];

function wrong(path: string, value: unknown, wanted: string): FieldError[] {
  const found = JSON.stringify(typeNameOf(value));
  const message = `Invalid value: ${found}: ${path} in body must be of type ${wanted}: ${found}`;
  return [{ reason: "FieldValueTypeInvalid", field: path, message }];
}

const string: Check = (value, path) => (typeof value === "string" ? [] : wrong(path, value, "string"));
const boolean: Check = (value, path) => (typeof value === "boolean" ? [] : wrong(path, value, "boolean"));
const number: Check = (value, path) => (typeof value === "number" ? [] : wrong(path, value, "number"));
const anything: Check = () => [];
const list: Check = (value, path) => (Array.isArray(value) ? [] : wrong(path, value, "array"));

function listOf(check: Check): Check {
  return (value, path) => {
    if (!Array.isArray(value)) return wrong(path, value, "array");
    return value.flatMap((item, at) => check(item, `${path}[${at}]`));
  };
}

function mapOf(check: Check): Check {
  return (value, path) => {
    if (!isMap(value)) return wrong(path, value, "object");
    return Object.entries(value).flatMap(([key, item]) => check(item, `${path}[${key}]`));
  };
}

/** Named fields; others are none of this check's business. A null counts as absent. */
function fields(checks: () => Record<string, Check>, required: readonly string[] = []): Check {
  // Late, for schemas contain schemas; once, for schemas are large.
  let known: ReadonlyMap<string, Check> | undefined;
  return (value, path) => {
    if (!isMap(value)) return wrong(path, value, "object");
    known ??= new Map(Object.entries(checks()));
    const errors: FieldError[] = [];
    for (const key of required) {
      if (value[key] !== undefined && value[key] !== null) continue;
      errors.push({ reason: "FieldValueRequired", field: `${path}.${key}`, message: "Required value" });
    }
    for (const key of Object.keys(value)) {
      const check = value[key] === null ? undefined : known.get(key);
      if (check !== undefined) errors.push(...check(value[key], `${path}.${key}`));
    }
    return errors;
  };
}

const rule = fields(
  () => ({ rule: string, message: string, messageExpression: string, fieldPath: string, optionalOldSelf: boolean }),
  ["rule"],
);

const schema: Check = fields(() => ({
  type: string,
  format: string,
  pattern: string,
  properties: mapOf(schema),
  items: schema,
  additionalProperties: (value, path) => (typeof value === "boolean" ? [] : schema(value, path)),
  required: listOf(string),
  enum: list,
  allOf: listOf(schema),
  anyOf: listOf(schema),
  oneOf: listOf(schema),
  not: schema,
  nullable: boolean,
  minimum: number,
  maximum: number,
  multipleOf: number,
  minLength: number,
  maxLength: number,
  minItems: number,
  maxItems: number,
  minProperties: number,
  maxProperties: number,
  default: anything,
  "x-kubernetes-list-type": string,
  "x-kubernetes-list-map-keys": listOf(string),
  "x-kubernetes-validations": listOf(rule),
}));

const column = fields(() => ({ name: string, type: string, jsonPath: string, priority: number }), ["jsonPath"]);
const scale = fields(() => ({}), ["specReplicasPath", "statusReplicasPath"]);

const version = fields(
  () => ({
    name: string,
    served: boolean,
    storage: boolean,
    schema: fields(() => ({ openAPIV3Schema: schema })),
    subresources: fields(() => ({ scale })),
    additionalPrinterColumns: listOf(column),
    selectableFields: listOf(fields(() => ({ jsonPath: string }), ["jsonPath"])),
  }),
  ["name"],
);

const names = fields(
  () => ({
    plural: string,
    singular: string,
    kind: string,
    listKind: string,
    shortNames: listOf(string),
    categories: listOf(string),
  }),
  ["plural", "kind"],
);

const spec = fields(
  () => ({ group: string, scope: string, names, versions: listOf(version), conversion: fields(() => ({})) }),
  ["group", "names", "versions"],
);

/** Everything in a definition that is not of the type it must be. Null at required places counts as missing. */
export function shapeErrors(object: KubeObject): FieldError[] {
  return object["spec"] === undefined || object["spec"] === null
    ? [{ reason: "FieldValueRequired", field: "spec", message: "Required value" }]
    : spec(object["spec"], "spec");
}
