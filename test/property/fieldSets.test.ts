import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  decodeFields,
  difference,
  emptySet,
  encodeFields,
  equal,
  type FieldSet,
  has,
  intersection,
  paths,
  setOfPaths,
  union,
} from "../../sandbox/apiserver/apply/fieldSet.ts";
import { compare, fieldsOf, withoutFields } from "../../sandbox/apiserver/apply/fieldsOf.ts";
import { mergeTyped } from "../../sandbox/apiserver/apply/mergeTyped.ts";
import { deduced } from "../../sandbox/apiserver/apply/typedValue.ts";
import { applyMergePatch } from "../../sandbox/apiserver/patch/merge.ts";

const element = fc.oneof(
  fc.constantFrom("f:a", "f:b", "f:c", "f:with.dot", "f:"),
  fc.nat(3).map((port) => `k:{"port":${port},"protocol":"TCP"}`),
  fc.constantFrom('v:"x"', "v:1", "i:0"),
);
const path = fc.array(element, { minLength: 1, maxLength: 4 });
const set: fc.Arbitrary<FieldSet> = fc.array(path, { maxLength: 8 }).map(setOfPaths);
const key = fc.constantFrom("a", "b", "c", "__proto__", "");
const { tree: value } = fc.letrec((tie) => ({
  tree: fc.oneof({ maxDepth: 3 }, fc.nat(2), fc.constant("x"), fc.array(fc.nat(2), { maxLength: 2 }), tie("map")),
  map: fc.dictionary(key, tie("tree"), { maxKeys: 3, noNullPrototype: true }),
}));
const object = fc.dictionary(key, value, { maxKeys: 4, noNullPrototype: true });

describe("sets of fields", () => {
  it("come back from managedFields as they went in", () => {
    fc.assert(fc.property(set, (one) => equal(decodeFields(JSON.parse(JSON.stringify(encodeFields(one)))), one)));
  });

  it("obey the laws of sets", () => {
    fc.assert(
      fc.property(set, set, path, (one, other, probe) => {
        assert.equal(has(union(one, other), probe), has(one, probe) || has(other, probe));
        assert.equal(has(intersection(one, other), probe), has(one, probe) && has(other, probe));
        assert.equal(has(difference(one, other), probe), has(one, probe) && !has(other, probe));
        assert.ok(equal(union(one, other), union(other, one)));
        assert.ok(equal(union(difference(one, other), intersection(one, other)), one));
        assert.ok(equal(difference(one, one), emptySet));
      }),
    );
  });

  it("list each member once", () => {
    fc.assert(fc.property(set, (one) => equal(setOfPaths(paths(one)), one)));
  });
});

describe("values without a schema", () => {
  it("state what they add to nothing", () => {
    fc.assert(
      fc.property(object, (one) =>
        equal(fieldsOf(one, deduced), { ...compare(undefined, one, deduced).added, member: false }),
      ),
    );
  });

  it("differ from themselves in nothing, and after a merge contain what was applied", () => {
    fc.assert(
      fc.property(object, object, (live, applied) => {
        const { added, modified, removed } = compare(live, live, deduced);
        for (const nothing of [added, modified, removed]) assert.ok(equal(nothing, emptySet));
        const merged = mergeTyped(live, applied, deduced);
        assert.deepEqual(mergeTyped(merged, applied, deduced), merged);
      }),
    );
  });

  it("are gone once everything they state is taken away", () => {
    fc.assert(
      fc.property(object, (one) => {
        assert.equal(
          withoutFields(one, fieldsOf(one, deduced), deduced) ?? undefined,
          Object.keys(one).length === 0 ? one : undefined,
        );
      }),
    );
  });

  it("take a merge patch the same way twice as once", () => {
    fc.assert(
      fc.property(object, object, (document, patch) => {
        const once = applyMergePatch(document, patch);
        assert.deepEqual(applyMergePatch(once, patch), once);
      }),
    );
  });
});
