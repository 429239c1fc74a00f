/** Budgets for the rules of a definition: what the API server would refuse as too expensive is refused here as well. */
import { countInRequest, estimateCost } from "../cel/cost.ts";
import { compileText } from "../cel/rules.ts";
import type { FieldError } from "../types.ts";
import { type JsonSchema, valuesOf } from "./schema.ts";

const ruleBudget = 10_000_000;
const schemaBudget = 100_000_000;
const advice =
  "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)";

interface RuleCost {
  readonly field: string;
  /** For all values that one object can hold. */
  readonly cost: number;
}

/** Rules that are too expensive by themselves, and all of the most expensive ones when the sum is too much. */
export function costErrors(schema: JsonSchema, path: string): FieldError[] {
  const costs = ruleCosts(schema, path, 1);
  const errors: FieldError[] = [];
  const total = costs.reduce((sum, { cost }) => sum + cost, 0);
  for (const { field, cost } of costs) {
    if (cost > ruleBudget) {
      errors.push(
        forbidden(field, `estimated rule cost exceeds budget by factor of ${factor(cost / ruleBudget)} ${advice}`),
      );
    }
    if (total > schemaBudget && cost > schemaBudget / 100) {
      errors.push(
        forbidden(field, "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"),
      );
    }
  }
  if (total > schemaBudget) {
    const whole = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget";
    errors.push(forbidden(path, `${whole} by factor of ${factor(total / schemaBudget)} ${advice}`));
  }
  return errors;
}

function forbidden(field: string, text: string): FieldError {
  return { reason: "FieldValueForbidden", field, message: `Forbidden: ${text}` };
}

function factor(times: number): string {
  return times > 100 ? "more than 100x" : `${times.toFixed(1)}x`;
}

/** `count`: how many values of this schema an object holds at most; undefined when only the size of a request bounds it. */
function ruleCosts(schema: JsonSchema, path: string, count: number | undefined): RuleCost[] {
  const own = (schema["x-kubernetes-validations"] ?? []).map(({ rule }, at) => {
    const cost = estimateCost(compileText(rule), schema) * (count ?? countInRequest(schema));
    return { field: `${path}.x-kubernetes-validations[${at}].rule`, cost };
  });
  const fields = Object.entries(schema.properties ?? {}).flatMap(([key, child]) =>
    ruleCosts(child, `${path}.properties[${key}]`, count),
  );
  const items =
    schema.items === undefined ? [] : ruleCosts(schema.items, `${path}.items`, times(count, schema.maxItems));
  const valueSchema = valuesOf(schema);
  const values =
    valueSchema === undefined
      ? []
      : ruleCosts(valueSchema, `${path}.additionalProperties`, times(count, schema.maxProperties));
  return [...own, ...fields, ...items, ...values];
}

function times(count: number | undefined, most: number | undefined): number | undefined {
  return count === undefined || most === undefined ? undefined : count * most;
}
