import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  annotations,
  driftMarks,
  interceptions,
  ownedKinds,
  ownedRoutes,
  ownerReferenceOf,
  phases,
  type RawObject,
} from "../../../api/index.ts";
import { mutateDeployment } from "../../../mutators/deployment.ts";
import type { AdmissionRequest } from "../../../mutators/types.ts";
import { prove } from "../../../server/proof.ts";
import { readReview, writeReview } from "../../../server/review.ts";
import { routes } from "../../../server/routes.ts";
import { applied } from "../../unit/mutators/applied.ts";
import { aCanary, aDeployment, anIndex, aReview } from "../../unit/mutators/builders.ts";
import { assertSameForDryRun } from "../../unit/mutators/dryRun.ts";

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

test("a dry run gets the same answer but for warnings that are added, and all of them are let through", () => {
  fc.assert(
    fc.property(deployments, before, worlds, (object, old, index) => {
      const answer = (dryRun: boolean) => mutateDeployment(aReview(object, old, { dryRun }), index);
      assertSameForDryRun(answer(true), answer(false));
    }),
    runs,
  );
});

const owners = fc.constantFrom([], [ownerReferenceOf(aCanary())]);
const ports = fc.array(fc.record({ name: fc.constantFrom("http", "grpc"), port: fc.constantFrom(80, 9898) }), {
  maxLength: 3,
});
/** A generated object, or one of a user with the same name, of a kind that is intercepted. */
const others = fc.record({
  apiVersion: fc.constant("v1"),
  kind: fc.constant("Any"),
  metadata: fc.record({
    name: fc.constant("podinfo"),
    annotations: fc.constantFrom({}, driftMarks, { team: "a" }),
    ownerReferences: owners,
  }),
  spec: fc.record(
    {
      selector: fc.constantFrom({ app: "podinfo" }, { app: "podinfo-primary" }, { app: "podinfo", tier: "web" }, {}),
      ports,
      rules: fc.jsonValue(),
      weighted: fc.record({ services: fc.jsonValue() }),
      scaleTargetRef: fc.constant({ kind: "Deployment", name: "podinfo" }),
      template: fc.constantFrom({ a: 1 }, { a: 2 }),
      fieldOfNextYear: fc.jsonValue(),
    },
    { requiredKeys: [] },
  ),
});
const otherKinds = fc.constantFrom(
  ...[...ownedKinds, ...ownedRoutes].map(({ group, kind }) => ({ group, version: "v1", kind })),
);

test("the answer about any kind that is intercepted is idempotent, the same for a dry run, and touches owned fields only", () => {
  fc.assert(
    fc.property(others, fc.option(others, { nil: null }), worlds, otherKinds, (object, old, index, kind) => {
      const owned = [...ownedKinds, ...ownedRoutes].find(
        (each) => each.group === kind.group && each.kind === kind.kind,
      );
      assert.ok(owned);
      const { path } =
        interceptions.find((each) => each.apiGroup === kind.group && each.resources.includes(owned.plural)) ?? {};
      const mutator = routes.get(path ?? "");
      assert.ok(mutator);
      const outcome = mutator(aReview(object, old, { kind }), index);
      assertSameForDryRun(mutator(aReview(object, old, { kind, dryRun: true }), index), outcome);
      if (outcome.kind === "patched") {
        const again = mutator(aReview(applied(object, outcome), old, { kind }), index);
        assert.equal(again.kind, "untouched");
        const touched = outcome.patch.map((operation) => operation.path);
        assert.deepEqual(
          touched.filter((pointer) => /template|labels|matchLabels/.test(pointer)),
          [],
        );
        prove(object, outcome.patch);
      }
    }),
    runs,
  );
});

/** Requests with our paths in them, and with anything else where an object should be. */
const anything = fc.oneof(
  fc.jsonValue(),
  fc.record({ metadata: fc.jsonValue(), spec: fc.jsonValue() }),
  others,
  fc.record({
    metadata: fc.record({ ownerReferences: fc.array(fc.jsonValue()) }),
    spec: fc.record({ selector: fc.jsonValue(), ports: fc.jsonValue(), scaleTargetRef: fc.jsonValue() }),
  }),
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
      otherKinds,
      (object, old, index, operation, kind) => {
        for (const mutator of routes.values()) {
          const request: AdmissionRequest = aReview(object, old, { operation, kind });
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
