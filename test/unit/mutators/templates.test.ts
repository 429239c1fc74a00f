import assert from "node:assert/strict";
import { test } from "node:test";
import { validateAlertProvider } from "../../../mutators/alertProvider.ts";
import { validateMetricTemplate } from "../../../mutators/metricTemplate.ts";
import { mutateScale } from "../../../mutators/scale.ts";
import type { Outcome } from "../../../mutators/types.ts";
import { aCanary, anIndex, aReview } from "./builders.ts";

function mistakes(outcome: Outcome): readonly string[] {
  return outcome.kind === "refused" ? outcome.issues.map(({ field, message }) => `${field}: ${message}`) : [];
}

function template(query: string, provider: object = { type: "prometheus", address: "http://prometheus:9090" }) {
  return validateMetricTemplate(aReview({ metadata: { name: "t" }, spec: { provider, query } }, null), anIndex());
}

test("queries with every known name render", () => {
  const names = ["name", "namespace", "target", "service", "ingress", "route", "interval", "variables.code"];
  const query = `${names.map((name) => `{{ ${name} }}`).join(" ")} {{target}} {{- target -}} {{/* a comment */}}`;
  assert.deepEqual(mistakes(template(query)), []);
});

test("a query with an unknown name is refused, and says what is known", () => {
  assert.deepEqual(mistakes(template("rate(x{pod='{{ podname }}'}[{{ intervall }}])")), [
    "spec.query: Invalid value: {{ podname }} is not known: use name, namespace, target, service, ingress, route, interval or variables.<name>",
    "spec.query: Invalid value: {{ intervall }} is not known: use name, namespace, target, service, ingress, route, interval or variables.<name>",
  ]);
});

test("a query that is not closed is refused", () => {
  assert.deepEqual(mistakes(template("rate(x[{{ interval }])")), [
    "spec.query: Invalid value: a {{ is not closed: add }}",
  ]);
});

test("a template tells all its mistakes at once", () => {
  assert.deepEqual(mistakes(template("{{ x", { type: "prom" })), [
    'spec.provider.type: Unsupported value: "prom": supported values: "prometheus", "influxdb", "datadog", "externalmetrics", "stackdriver", "cloudwatch", "newrelic", "graphite", "dynatrace", "keptn", "splunk"',
    "spec.query: Invalid value: a {{ is not closed: add }}",
  ]);
});

test("Prometheus needs an address, Datadog has its own", () => {
  assert.match(mistakes(template("up", { type: "prometheus" }))[0] ?? "", /needs an address/);
  assert.deepEqual(mistakes(template("up", { type: "datadog" })), []);
});

test("an AlertProvider has exactly one of address and secretRef", () => {
  const answer = (spec: object) =>
    mistakes(validateAlertProvider(aReview({ spec: { type: "slack", ...spec } }, null), anIndex()));
  const mistake = "spec: Invalid value: set exactly one of address and secretRef";
  assert.deepEqual(answer({}), [mistake]);
  assert.deepEqual(answer({ address: "https://x", secretRef: { name: "s" } }), [mistake]);
  assert.deepEqual(answer({ address: "https://x" }), []);
});

test("scaling a target is admitted and explained", () => {
  const scale = (replicas: number) => ({ kind: "Scale", spec: replicas === 0 ? {} : { replicas } });
  const answer = (from: number, to: number, canary = aCanary()) =>
    mutateScale(aReview(scale(to), scale(from), { subResource: "scale" }), anIndex([canary]));
  const scaler = { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", name: "hpa" } as const;
  const cases: readonly (readonly [Outcome, string])[] = [
    [answer(0, 5), "Weir: podinfo is a canary: 5 goes to podinfo-primary, and podinfo back to 0"],
    [
      answer(2, 0),
      "Weir: podinfo is a canary, podinfo-primary serves: to stop serving, delete the Canary and scale then",
    ],
    [
      answer(0, 5, aCanary({ spec: { autoscalerRef: scaler } })),
      "Weir: podinfo is a canary: autoscaler hpa decides, and podinfo goes back to 0",
    ],
  ];
  for (const [outcome, text] of cases) {
    assert.deepEqual(outcome, { kind: "untouched", why: "ScaleWarned", warnings: [text] });
  }
  assert.equal(answer(0, 5, aCanary({ phase: "Initializing" })).why, "Unchanged");
});
