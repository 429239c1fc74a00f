import assert from "node:assert/strict";
import { test } from "node:test";
import { mutateCanary, validateCanary } from "../../../mutators/canary.ts";
import type { AdmissionRequest, Index, Outcome } from "../../../mutators/types.ts";
import { applied } from "./applied.ts";
import { aCanary, anIndex, aReview } from "./builders.ts";

const ofCanary = { kind: { group: "flagger.app", version: "v1beta1", kind: "Canary" } };

function written(
  object: unknown,
  old: unknown = null,
  index: Index = anIndex(),
  parts: Partial<AdmissionRequest> = {},
): Outcome {
  return mutateCanary(aReview(object, old, { ...ofCanary, ...parts }), index);
}

function mistakes(outcome: Outcome): readonly string[] {
  return outcome.kind === "refused" ? outcome.issues.map(({ field, message }) => `${field}: ${message}`) : [];
}

function withSpec(spec: object) {
  const canary = aCanary();
  return { ...canary, spec: { ...canary.spec, ...spec } };
}

const analysis = { interval: "10s", threshold: 5 };

test("a Canary with five mistakes is refused with all five", () => {
  const object = withSpec({
    provider: "gatewayapi:v1",
    analysis: {
      interval: "soon",
      threshold: 5,
      stepWeights: [10, 5],
      metrics: [{ name: "latency" }],
      webhooks: [{ name: "gate", url: "gate.demo" }],
    },
  });
  assert.deepEqual(mistakes(written(object)).toSorted(), [
    'spec.analysis.interval: Invalid value: "soon": write a duration such as 30s, 5m or 1m30s',
    'spec.analysis.metrics[0]: Invalid value: "object": a check that is not built in needs a templateRef (built in are request-success-rate and request-duration)',
    'spec.analysis.stepWeights: Invalid value: "array": each weight must be above the one before: sort stepWeights and remove duplicates',
    'spec.analysis.webhooks[0].url: Invalid value: "gate.demo": url must start with http:// or https://',
    "spec.service.gatewayRefs: Required value: provider gatewayapi needs service.gatewayRefs: name the Gateway",
  ]);
});

test("a wrong type hides no mistake beside it", () => {
  const wrong = { interval: "10s", threshold: "five", stepWeights: [10, 5], match: [{ headers: 7 }] };
  assert.deepEqual(
    mistakes(written(withSpec({ provider: "gatewayapi:v1", analysis: wrong })))
      .map((mistake) => mistake.split(":")[0])
      .toSorted(),
    [
      "spec.analysis.threshold",
      "spec.analysis.match[0].headers",
      "spec.analysis.stepWeights",
      "spec.service.gatewayRefs",
    ].toSorted(),
  );
});

test("a wrong type hides no mistake in another object", () => {
  const object = withSpec({ service: { port: "web" }, analysis: { interval: "soon", threshold: 5, stepWeight: 0 } });
  assert.deepEqual(
    mistakes(written(object)).map((mistake) => mistake.split(":")[0]),
    ["spec.service.port", "spec.analysis.interval", "spec.analysis.stepWeight"],
  );
});

test("canaryAnalysis of older manifests moves to analysis", () => {
  const { analysis: older, ...spec } = aCanary().spec;
  const object = { ...aCanary(), spec: { ...spec, canaryAnalysis: older } };
  const outcome = written(object);
  assert.equal(outcome.why, "AnalysisMoved");
  assert.deepEqual(applied(object, outcome)["spec"], aCanary().spec);
});

test("an edit of canaryAnalysis in an older file reaches analysis, also when the file is applied again", () => {
  const stored = aCanary();
  const edited = { ...stored.spec.analysis, stepWeight: 10 } as const;
  const object = { ...stored, spec: { ...stored.spec, canaryAnalysis: edited } };
  const result = applied(object, written(object, stored));
  assert.deepEqual(result["spec"], { ...stored.spec, analysis: edited });
});

test("mistakes in canaryAnalysis are told at the place they move to", () => {
  const { analysis: older, ...spec } = aCanary().spec;
  const outcome = written({ ...aCanary(), spec: { ...spec, canaryAnalysis: { ...older, interval: "x" } } });
  assert.equal(mistakes(outcome)[0]?.startsWith("spec.analysis.interval"), true);
});

test("an object from before a rule stays editable where the update does not touch the mistake", () => {
  const stored = withSpec({ analysis: { ...analysis, stepWeights: [10, 5] } });
  const labelled = { ...stored, metadata: { ...stored.metadata, labels: { team: "a" } } };
  const outcome = written(labelled, stored);
  assert.equal(outcome.why, "KnownMistakes");
  assert.match(
    outcome.kind === "untouched" ? (outcome.warnings[0] ?? "") : "",
    /still wrong: spec.analysis.stepWeights/,
  );
});

test("an update that touches an old mistake without mending it is refused", () => {
  const stored = withSpec({ analysis: { ...analysis, stepWeights: [10, 5] } });
  const edited = withSpec({ analysis: { ...analysis, stepWeights: [10, 4] } });
  assert.equal(written(edited, stored).kind, "refused");
});

test("a second Canary for one workload is refused", () => {
  const outcome = written(aCanary({ name: "second", target: "podinfo" }), null, anIndex([aCanary()]), {
    name: "second",
  });
  assert.deepEqual(mistakes(outcome), [
    'spec.targetRef.name: Duplicate value: "podinfo": Canary podinfo already releases this Deployment: change one of them',
  ]);
});

test("a Canary for another one's primary, or with another one's Service, is refused", () => {
  const primary = written(aCanary({ name: "p", target: "podinfo-primary" }), null, anIndex([aCanary()]), { name: "p" });
  assert.match(mistakes(primary)[0] ?? "", /this is the primary of Canary podinfo/);
  const spec = { service: { name: "podinfo", port: 80 } };
  const service = written(aCanary({ name: "web", spec }), null, anIndex([aCanary()]), { name: "web" });
  assert.match(mistakes(service)[0] ?? "", /^spec.service.name: Duplicate value/);
});

test("a Canary does not clash with itself", () => {
  assert.equal(written(aCanary(), aCanary(), anIndex([aCanary()])).why, "Valid");
});

test("target, Service name and provider cannot change under a running release", () => {
  const stored = aCanary({ phase: "Progressing" });
  const moved = {
    ...stored,
    spec: { ...stored.spec, provider: "istio", targetRef: { ...stored.spec.targetRef, name: "b" } },
  };
  assert.deepEqual(
    mistakes(written(moved, stored)).map((mistake) => mistake.split(":")[0]),
    ["spec.targetRef", "spec.provider"],
  );
  assert.equal(written(moved, aCanary({ phase: "Succeeded" })).kind, "untouched");
});

test("references to what is not there yet, and checks without bounds, are warnings", () => {
  const metrics = [{ name: "latency", templateRef: { name: "latency", namespace: "flagger-system" } }];
  const object = withSpec({ analysis: { ...analysis, stepWeight: 5, metrics } });
  const outcome = written(object, null, anIndex([], { metricTemplate: () => undefined }));
  assert.deepEqual(outcome.kind === "untouched" ? outcome.warnings : [], [
    "Weir: check latency has no thresholdRange: it fails on any value above 0",
    "Weir: there is no MetricTemplate latency in namespace flagger-system yet: its check fails until there is",
  ]);
});

test("what the default provider cannot do is a warning", () => {
  const outcome = written(aCanary(), null, anIndex([], { provider: "kubernetes" }));
  assert.match(
    outcome.kind === "untouched" ? (outcome.warnings[0] ?? "") : "",
    /default provider kubernetes: this provider cannot split/,
  );
});

test("a Canary that is going away is not judged, so that its finalizer can come off", () => {
  const object = {
    ...withSpec({ targetRef: 7 }),
    metadata: { name: "podinfo", deletionTimestamp: "2026-01-01T00:00:00Z" },
  };
  assert.equal(written(object, object).why, "BeingDeleted");
});

test("the validating path judges alike and never patches", () => {
  const { analysis: older, ...spec } = aCanary().spec;
  const outcome = validateCanary(
    aReview({ ...aCanary(), spec: { ...spec, canaryAnalysis: older } }, null, ofCanary),
    anIndex(),
  );
  assert.equal(outcome.kind, "untouched");
});
