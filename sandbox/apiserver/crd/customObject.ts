/** All that a schema does to one object, as one pure step each. */
import { validateRules } from "../cel/rules.ts";
import type { FieldError, KubeObject } from "../types.ts";
import { applyDefaults } from "./defaulting.ts";
import { embeddedErrors, listErrors } from "./invariants.ts";
import { pruneObject } from "./pruning.ts";
import type { JsonSchema, Old } from "./schema.ts";
import { validateStructural } from "./structural.ts";

/** Errors after which the API server does not trust the object enough to evaluate rules on it. */
const blocking = new Set(["FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"]);

const notChecked: FieldError = {
  reason: "FieldValueInvalid",
  field: "<nil>",
  message:
    "Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
};

/**
 * Everything a schema finds wrong with an object: structure, keys of lists, embedded objects, CEL rules.
 * With the stored object, what was invalid before and did not change is tolerated.
 */
export function validateCustomObject(schema: JsonSchema, object: KubeObject, stored?: KubeObject): FieldError[] {
  const old: Old | undefined = stored === undefined ? undefined : { value: stored };
  const errors = [...validateStructural(schema, object, "", old), ...embeddedErrors(schema, object, "")];
  if (stored === undefined || listErrors(schema, stored, "").length === 0)
    errors.push(...listErrors(schema, object, ""));
  if (!errors.some((error) => blocking.has(error.reason)))
    return [...errors, ...validateRules(schema, object, "", old)];
  return hasRules(schema) ? [...errors, notChecked] : errors;
}

const schemasWithRules = new WeakMap<JsonSchema, boolean>();

function hasRules(schema: JsonSchema): boolean {
  let known = schemasWithRules.get(schema);
  if (known === undefined) {
    known = JSON.stringify(schema).includes('"x-kubernetes-validations"');
    schemasWithRules.set(schema, known);
  }
  return known;
}

/** What became of an object under a schema. */
export interface Admitted {
  /** The object as it would be stored: defaulted and pruned. The input is untouched. */
  readonly object: KubeObject;
  readonly prunedFields: readonly string[];
  readonly errors: readonly FieldError[];
}

/** Defaults, prunes and validates one object without a server: what tests of rendered objects need. */
export function admitObject(schema: JsonSchema, input: KubeObject, stored?: KubeObject): Admitted {
  const object = structuredClone(input);
  const prunedFields = pruneObject(schema, object);
  applyDefaults(schema, object);
  return { object, prunedFields, errors: validateCustomObject(schema, object, stored) };
}
