import assert from "node:assert/strict";
import { test } from "node:test";
import { Environment } from "@marcbachmann/cel-js";
import fc from "fast-check";
import {
  alertProviderRules,
  alertProviderSpecSchema,
  canaryRules,
  canarySpecSchema,
  metricTemplateRules,
  metricTemplateSpecSchema,
  type Rule,
  type Schema,
} from "../../../api/index.ts";

/** The node of the schema that a rule is at. */
function nodeAt(schema: Schema, at: string): Schema {
  return at
    .split(/\.|(?=[[{])/)
    .slice(1)
    .reduce<Schema>((node, step) => below(node, step) ?? {}, schema);
}

function below(node: Schema, step: string): Schema | undefined {
  return step === "[*]" ? node.items : step === "{*}" ? node.additionalProperties : node.properties?.[step];
}

/** Any value that the schema's types allow, near its bounds. */
function someValue(schema: Schema): fc.Arbitrary<unknown> {
  if (schema["x-kubernetes-int-or-string"] === true) return fc.integer();
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case "integer":
      return fc.integer({ min: Math.max(0, schema.minimum ?? 0), max: 12 });
    case "number":
      return fc.integer({ min: -3, max: 3 });
    case "boolean":
      return fc.boolean();
    case "array":
      return fc.array(someValue(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength: 3 });
    case "object": {
      const known = Object.entries(schema.properties ?? {}).map(([name, field]) => [name, someValue(field)]);
      const required = new Set(schema.required ?? []);
      if (schema.properties === undefined)
        return fc.dictionary(fc.constantFrom("a", "b"), someValue(schema.additionalProperties ?? {}));
      return fc.record(Object.fromEntries(known), { requiredKeys: [...required] as never });
    }
    default:
      return fc.constantFrom("", "a", "http://a", "https://a", "ftp://a", "latency", "request-duration");
  }
}

/** JSON as CEL sees it: integers are `int`, numbers `double`. */
function celValue(value: unknown, schema: Schema): unknown {
  if (schema.type === "integer") return BigInt(value as number);
  if (Array.isArray(value)) return value.map((item) => celValue(item, schema.items ?? {}));
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).map(([key, field]) => [
      key,
      celValue(field, schema.properties?.[key] ?? schema.additionalProperties ?? {}),
    ]);
    return Object.fromEntries(fields);
  }
  return value;
}

const cel = new Environment({ unlistedVariablesAreDyn: true });

function agrees(rule: Rule, schema: Schema): void {
  const node = nodeAt(schema, rule.at);
  const evaluate = cel.parse(rule.cel);
  fc.assert(
    fc.property(someValue(node), (value) => {
      assert.equal(evaluate({ self: celValue(value, node) }), rule.holds(value), JSON.stringify(value));
    }),
    { numRuns: 150 },
  );
}

const kinds = [
  { kind: "Canary", schema: canarySpecSchema, rules: canaryRules },
  { kind: "MetricTemplate", schema: metricTemplateSpecSchema, rules: metricTemplateRules },
  { kind: "AlertProvider", schema: alertProviderSpecSchema, rules: alertProviderRules },
] as const;

for (const { kind, schema, rules } of kinds) {
  test(`the CRD and admission agree on every rule of ${kind}`, () => {
    for (const rule of rules as readonly Rule[]) {
      agrees(rule, schema);
    }
  });
}

test("every rule is at a node of the schema and blames a field of it", () => {
  for (const { schema, rules } of kinds) {
    for (const { at, field } of rules as readonly Rule[]) {
      const node = nodeAt(schema, field === "" ? at : `${at}.${field}`);
      assert.notDeepEqual(node, {}, `${at} ${field}`);
    }
  }
});
