import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { annotations, fieldsOf, knownKeys, phases, type RawObject } from "../../../api/index.ts";
import { mutateKnative } from "../../../mutators/knative.ts";
import { mutateService } from "../../../mutators/service.ts";
import { applied } from "../../unit/mutators/applied.ts";
import { aCanary, anIndex, aReview } from "../../unit/mutators/builders.ts";
import { assertSameForDryRun } from "../../unit/mutators/dryRun.ts";

const runs = { numRuns: 300 };
const mark = knownKeys.primaryRevision;
const keys = fc.constantFrom(...Object.values(annotations), mark, "team");
const notes = fc.option(fc.dictionary(keys, fc.constantFrom("shop-00001", "shop-00002"), { maxKeys: 4 }), {
  nil: undefined,
});
const optional = { requiredKeys: [] };

const knative = {
  kind: { group: "serving.knative.dev", version: "v1", kind: "Service" },
  apiVersion: "serving.knative.dev/v1",
  mutate: mutateKnative,
  specs: fc.record(
    {
      template: fc.constantFrom({ spec: { containers: [{ image: "a" }] } }, { spec: { containers: [{ image: "b" }] } }),
      traffic: fc.constantFrom(
        [{ latestRevision: true, percent: 100 }],
        [
          { latestRevision: true, percent: 0 },
          { revisionName: "shop-00001", percent: 100 },
        ],
      ),
      fieldOfNextYear: fc.jsonValue(),
    },
    optional,
  ),
} as const;

const plain = {
  kind: { group: "", version: "v1", kind: "Service" },
  apiVersion: "v1",
  mutate: mutateService,
  specs: fc.record(
    {
      selector: fc.constantFrom({ app: "a" }, { app: "b", tier: "web" }),
      clusterIP: fc.constantFrom("10.0.0.1", "None"),
      ports: fc.constantFrom([{ port: 80 }], [{ port: 80, nodePort: 30000 }]),
      fieldOfNextYear: fc.jsonValue(),
    },
    optional,
  ),
} as const;

for (const { kind, apiVersion, mutate, specs } of [knative, plain]) {
  const objects = fc.record({ notes, spec: specs }).map(
    ({ notes: own, spec }): RawObject => ({
      apiVersion,
      kind: "Service",
      metadata: { name: "podinfo", namespace: "demo", ...(own === undefined ? {} : { annotations: own }) },
      spec,
    }),
  );
  const before = fc.option(objects, { nil: null });
  const targetRef = { apiVersion, kind: "Service", name: "podinfo" } as const;
  const worlds = fc.constantFrom(...phases).map((phase) => anIndex([aCanary({ phase, spec: { targetRef } })]));
  const review = (object: unknown, old: unknown, dryRun = false) => aReview(object, old, { kind, dryRun });

  describe(`a target of ${apiVersion}, however it is written`, () => {
    test("is stamped once, keeps what its user wrote, and gets the same answer in a dry run", () => {
      fc.assert(
        fc.property(objects, before, worlds, (object, old, index) => {
          const outcome = mutate(review(object, old), index);
          assert.notEqual(outcome.kind, "refused");
          const once = applied(object, outcome);
          assert.equal(mutate(review(once, old), index).kind, "untouched");
          assertSameForDryRun(mutate(review(object, old, true), index), outcome);
          const users = (each: RawObject): object => ({ ...fieldsOf(each["spec"]), traffic: undefined });
          assert.deepEqual(users(once), users(object));
        }),
        runs,
      );
    });

    test("is left alone by a Canary of the other kind of that name", () => {
      const other = apiVersion === "v1" ? "serving.knative.dev/v1" : "v1";
      const index = anIndex([aCanary({ spec: { targetRef: { ...targetRef, apiVersion: other } } })]);
      fc.assert(
        fc.property(objects, before, (object, old) => {
          assert.deepEqual(mutate(review(object, old), index), {
            kind: "untouched",
            why: "NotUnderCanary",
            warnings: [],
          });
        }),
        runs,
      );
    });
  });

  if (apiVersion !== "v1")
    test("traffic and primary of a Knative Service stay as they are stored, once it has a primary", () => {
      fc.assert(
        fc.property(objects, objects, (object, old) => {
          const index = anIndex([aCanary({ spec: { targetRef } })]);
          const once = applied(object, mutate(review(object, old), index));
          const ours = (each: RawObject) => [each.metadata.annotations?.[mark], fieldsOf(each["spec"])["traffic"]];
          const isMarked = old.metadata.annotations?.[mark] !== undefined;
          assert.deepEqual(ours(once), ours(isMarked ? old : object));
        }),
        runs,
      );
    });
}
