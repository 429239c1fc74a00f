import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalJson, isSameTemplate } from "../../api/index.ts";

/** JSON with few different keys and values, so that two of them are often the same but for a null or an order. */
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(null, true, 0, -0, 1, "", "null", "1"),
    fc.array(tie("value"), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom("a", "b", "1", "10", "__proto__"), tie("value"), { maxKeys: 3 }),
  ),
})).value;

/** The canonical form as its definition reads, without regard to speed. */
function definition(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(definition).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  const sorted = entries.sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${sorted.map(([key, field]) => `${JSON.stringify(key)}:${definition(field)}`).join(",")}}`;
}

test("the canonical form is what its definition says, for every JSON there is", () => {
  fc.assert(
    fc.property(json, (value) => assert.equal(canonicalJson(value), definition(value))),
    { numRuns: 2000 },
  );
});

test("two templates are the same exactly when their canonical forms are", () => {
  let same = 0;
  fc.assert(
    fc.property(json, json, (one, other) => {
      const expected = canonicalJson(one) === canonicalJson(other);
      same += expected ? 1 : 0;
      assert.equal(isSameTemplate(one, other), expected);
    }),
    { numRuns: 5000 },
  );
  assert.ok(same > 50, `both cases occur: ${same} of 5000 are the same`);
});

test("a template is the same after a round trip, keys in another order, nulls left out", () => {
  const turned = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(turned);
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).filter(([, field]) => field !== null);
    return Object.fromEntries(entries.reverse().map(([key, field]) => [key, turned(field)]));
  };
  fc.assert(
    fc.property(json, (value) => assert.equal(isSameTemplate(value, turned(value)), true)),
    { numRuns: 2000 },
  );
});
