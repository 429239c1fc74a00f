import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { annotations, phases, type RawObject } from "../../../api/index.ts";
import { mutateDeployment } from "../../../mutators/deployment.ts";
import type { AdmissionRequest } from "../../../mutators/types.ts";
import { prove } from "../../../server/proof.ts";
import { readReview, writeReview } from "../../../server/review.ts";
import { routes } from "../../../server/routes.ts";
import { applied } from "../../unit/mutators/applied.ts";
import { aCanary, aDeployment, anIndex, aReview } from "../../unit/mutators/builders.ts";

const runs = { numRuns: 300 };
const anyPhase = fc.constantFrom(...phases);
const keys = fc.constantFrom(...Object.values(annotations), "team", "kubectl.kubernetes.io/last-applied-configuration");
const someAnnotations = fc.option(fc.dictionary(keys, fc.string(), { maxKeys: 4 }), { nil: undefined });

const deployments = fc
  .record({
    image: fc.constantFrom("podinfo:6.0.0", "podinfo:6.0.1"),
    replicas: fc.integer({ min: 0, max: 5 }),
    ready: fc.integer({ min: 0, max: 2 }),
    paused: fc.option(fc.boolean(), { nil: undefined }),
    annotations: someAnnotations,
    unknown: fc.jsonValue(),
  })
  .map(({ unknown, paused, annotations: own, ...parts }): RawObject => {
    const deployment = aDeployment({
      ...parts,
      ...(paused === undefined ? {} : { paused }),
      ...(own === undefined ? {} : { annotations: own }),
    });
    const spec = deployment["spec"] as { template: object };
    return { ...deployment, spec: { ...spec, template: { ...spec.template, fieldOfNextYear: unknown } } };
  });

const worlds = fc
  .record({ phase: anyPhase, suspend: fc.boolean(), scaled: fc.boolean() })
  .map(({ phase, suspend, scaled }) => {
    const autoscalerRef = { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", name: "hpa" } as const;
    return anIndex([aCanary({ phase, spec: { suspend, ...(scaled ? { autoscalerRef } : {}) } })]);
  });

const before = fc.option(deployments, { nil: null });

test("mutating what was mutated changes nothing, for any Deployment, history and phase", () => {
  fc.assert(
    fc.property(deployments, before, worlds, (object, old, index) => {
      const once = applied(object, mutateDeployment(aReview(object, old), index));
      const again = mutateDeployment(aReview(once, old), index);
      assert.equal(again.kind, "untouched");
    }),
    runs,
  );
});

test("template, labels, selector and every field we do not own survive", () => {
  fc.assert(
    fc.property(deployments, before, worlds, (object, old, index) => {
      const result = applied(object, mutateDeployment(aReview(object, old), index));
      assert.deepEqual(withoutOurs(result), withoutOurs(object));
    }),
    runs,
  );
});

test("a dry run gets the same answer", () => {
  fc.assert(
    fc.property(deployments, before, worlds, (object, old, index) => {
      const answer = (dryRun: boolean) => mutateDeployment(aReview(object, old, { dryRun }), index);
      assert.deepEqual(answer(true), answer(false));
    }),
    runs,
  );
});

/** Requests with our paths in them, and with anything else where an object should be. */
const anything = fc.oneof(
  fc.jsonValue(),
  fc.record({ metadata: fc.jsonValue(), spec: fc.jsonValue() }),
  fc.record({
    metadata: fc.record({ annotations: fc.jsonValue(), managedFields: fc.jsonValue() }),
    spec: fc.record({
      targetRef: fc.jsonValue(),
      service: fc.jsonValue(),
      analysis: fc.jsonValue(),
      canaryAnalysis: fc.jsonValue(),
    }),
    status: fc.jsonValue(),
  }),
  fc.record({
    spec: fc.record({
      targetRef: fc.record({ kind: fc.jsonValue(), name: fc.jsonValue() }),
      analysis: fc.record(
        {
          metrics: fc.jsonValue(),
          webhooks: fc.jsonValue(),
          stepWeights: fc.array(fc.jsonValue()),
          match: fc.jsonValue(),
        },
        { requiredKeys: [] },
      ),
    }),
  }),
);

test("no JSON makes a mutator throw, and every patch applies", () => {
  fc.assert(
    fc.property(
      anything,
      anything,
      worlds,
      fc.constantFrom("CREATE", "UPDATE", "DELETE"),
      (object, old, index, operation) => {
        for (const mutator of routes.values()) {
          const request: AdmissionRequest = aReview(object, old, { operation });
          const outcome = mutator(request, index);
          if (outcome.kind === "patched") {
            prove(object, outcome.patch);
          }
          JSON.stringify(writeReview(request, outcome));
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("no JSON makes the reader of reviews throw", () => {
  const review = fc.record({
    kind: fc.constant("AdmissionReview"),
    apiVersion: fc.constant("admission.k8s.io/v1"),
    request: fc.jsonValue(),
  });
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), review), (body) => {
      readReview(body);
    }),
    runs,
  );
});

/** A Deployment without the fields that are ours to change. */
function withoutOurs(object: RawObject): unknown {
  const own = new Set<string>(Object.values(annotations));
  const { annotations: present = {}, ...metadata } = object.metadata;
  const { replicas: _replicas, paused: _paused, ...spec } = object["spec"] as Record<string, unknown>;
  const others = Object.entries(present).filter(([key]) => !own.has(key));
  return { ...object, metadata: { ...metadata, annotations: Object.fromEntries(others) }, spec };
}
