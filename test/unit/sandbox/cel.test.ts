import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { evaluationText } from "../../../sandbox/apiserver/cel/library.ts";
import { ruleProblem } from "../../../sandbox/apiserver/cel/ruleProblem.ts";
import { compileText, validateRules } from "../../../sandbox/apiserver/cel/rules.ts";
import { celValue, escapedName } from "../../../sandbox/apiserver/cel/values.ts";
import type { JsonSchema } from "../../../sandbox/apiserver/crd/schema.ts";

function evaluate(expression: string, self: unknown): unknown {
  return compileText(expression)({ self: celValue(undefined, self) });
}

describe("the functions Kubernetes adds to CEL", () => {
  const cases: [string, unknown, unknown][] = [
    ["quantity(self).isGreaterThan(quantity('500m'))", "1", true],
    ["quantity('1Gi').compareTo(quantity('1024Mi'))", null, 0n],
    ["quantity('1.5').asApproximateFloat()", null, 1.5],
    ["quantity('2k').asInteger()", null, 2000n],
    ["quantity('1e3').add(quantity('1')).asInteger()", null, 1001n],
    ["isQuantity('5 apples')", null, false],
    ["isQuantity('200Mi')", null, true],
    ["url(self).getHost() + url(self).getEscapedPath()", "https://a.example:8443/x/y?z=1", "a.example:8443/x/y"],
    ["url(self).getQuery()['z'][0]", "https://a.example/?z=1", "1"],
    ["isURL('not a url')", null, false],
    ["isURL('/only/a/path')", null, true],
    ["isIP('::1') && isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.0/33')", null, true],
    ["self.sum()", [1, 2, 3], 6n],
    ["self.max() - self.min()", [4, 1, 9], 8n],
    ["self.isSorted()", ["a", "c", "b"], false],
    ["self.indexOf('b')", ["a", "b"], 1n],
    ["self.replace('a', 'o')", "banana", "bonono"],
    ["self.replace('a', 'o', 2)", "banana", "bonona"],
    ["self.find('[0-9]+')", "abc 123 4", "123"],
    ["self.findAll('[0-9]+')", "1 22 3", ["1", "22", "3"]],
    ["'%s has %d of %.1f'.format([self.name, self.n, 2.55])", { name: "x", n: 3 }, "x has 3 of 2.5"],
    ["self.lowerAscii().startsWith('a')", "ABC", true],
    ["has(self.list[0].path)", { list: [{ path: "/" }] }, true],
    ["!has(self.list[0].path) || self.list[0].path == '/'", { list: [{}] }, true],
    ["self.?name.orValue('none')", {}, "none"],
    ["self.a + 1 == 4", { a: 3 }, true],
  ];
  for (const [expression, self, expected] of cases) {
    it(expression, () => assert.deepEqual(evaluate(expression, self), expected));
  }

  it("failures are told in the words of the API server", () => {
    const told = (expression: string, self: unknown): string => {
      try {
        return String(evaluate(expression, self));
      } catch (error) {
        return evaluationText(error);
      }
    };
    assert.equal(told("self.nope", {}), "no such key: nope");
    assert.equal(told("1 / self", 0), "division by zero");
    assert.equal(told("self[3]", [1]), "index out of bounds: 3");
    assert.match(told("quantity(self)", "x"), /quantities must match the regular expression/);
  });
});

describe("names of properties in expressions", () => {
  const cases: [string, string][] = [
    ["plain", "plain"],
    ["namespace", "__namespace__"],
    ["a-b", "a__dash__b"],
    ["a.b/c", "a__dot__b__slash__c"],
    ["a__b", "a__underscores__b"],
  ];
  for (const [name, escaped] of cases)
    it(`${name} is reached as ${escaped}`, () => assert.equal(escapedName(name), escaped));
});

describe("rules of a schema", () => {
  const validation = (rule: string, more: Record<string, unknown> = {}) => ({
    "x-kubernetes-validations": [{ rule, message: "no", ...more }],
  });

  it("see numbers as their schema declares them, and times as times", () => {
    const schema: JsonSchema = {
      type: "object",
      properties: {
        ratio: { type: "number" },
        count: { type: "integer" },
        until: { type: "string", format: "date-time" },
      },
      ...validation("self.ratio == 1.0 && self.count + 1 == 3 && self.until > timestamp('2026-01-01T00:00:00Z')"),
    };
    assert.deepEqual(validateRules(schema, { ratio: 1, count: 2, until: "2026-06-01T00:00:00Z" }, ""), []);
    assert.equal(validateRules(schema, { ratio: 1, count: 2, until: "2025-06-01T00:00:00Z" }, "").length, 1);
  });

  it("reach into maps and lists, and say where", () => {
    const schema: JsonSchema = {
      type: "object",
      properties: {
        list: { type: "array", items: { type: "integer", ...validation("self > 0") } },
        map: { type: "object", additionalProperties: { type: "integer", ...validation("self > 0") } },
      },
    };
    const errors = validateRules(schema, { list: [1, 0], map: { a: -1 } }, "spec");
    assert.deepEqual(
      errors.map((error) => `${error.field}: ${error.message}`),
      ["spec.list[1]: Invalid value: 0: no", "spec.map.a: Invalid value: -1: no"],
    );
  });

  it("compare items of keyed lists with the item of the same key", () => {
    const schema: JsonSchema = {
      type: "array",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["k"],
      items: {
        type: "object",
        properties: { k: { type: "string" }, v: { type: "integer", ...validation("self >= oldSelf") } },
      },
    };
    const old = {
      value: [
        { k: "a", v: 5 },
        { k: "b", v: 1 },
      ],
    };
    const errors = validateRules(
      schema,
      [
        { k: "b", v: 2 },
        { k: "a", v: 4 },
        { k: "c", v: 0 },
      ],
      "spec",
      old,
    );
    assert.deepEqual(
      errors.map((error) => error.field),
      ["spec[1].v"],
    );
  });

  it("that take the old value as an optional run on creation too", () => {
    const schema: JsonSchema = {
      type: "string",
      ...validation("!oldSelf.hasValue() || self == oldSelf.value()", { optionalOldSelf: true }),
    };
    assert.deepEqual(validateRules(schema, "a", "spec"), []);
    assert.deepEqual(validateRules(schema, "a", "spec", { value: "a" }), []);
    assert.equal(validateRules(schema, "b", "spec", { value: "a" }).length, 1);
  });

  it("fall back to the fixed message when the computed one fails", () => {
    const schema: JsonSchema = { type: "string", ...validation("self == 'a'", { messageExpression: "self.nope" }) };
    assert.equal(validateRules(schema, "b", "spec")[0]?.message, 'Invalid value: "b": no');
  });
});

describe("rules that cannot be", () => {
  const schema: JsonSchema = { type: "object", properties: { a: { type: "integer" } } };
  const cases: [string, RegExp][] = [
    ["self.nope > 1", /^ERROR: <input>:1:5: undefined field 'nope'\n \| self\.nope > 1\n \| \.\.\.\.\^$/],
    ["self.a >", /Syntax error/],
    ["nothing.at.all", /Unknown variable/],
    ["has(self.b)", /undefined field 'b'/],
  ];
  for (const [rule, problem] of cases) it(rule, () => assert.match(ruleProblem({ rule }, schema) ?? "", problem));
});
