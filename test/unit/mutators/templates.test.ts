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

test("queries may use what the controller renders: functions, pipelines and branches", () => {
  const queries = [
    '{{ printf "%s-%s" namespace target }}',
    '{{ if eq variables.side "source" }}a{{ else if variables.x }}b{{ else }}{{ index variables "my-key" }}{{ end }}',
    '{{ interval | printf "[%s]" }}',
  ];
  for (const query of queries) assert.deepEqual(mistakes(template(query)), [], query);
});

const unrendered = [
  {
    query: "rate(x{pod='{{ podname }}'}[{{ intervall }}])",
    what: [
      '"podname" is not known (known: name, namespace, target, service, ingress, route, interval, variables.x)',
      '"intervall" is not known (known: name, namespace, target, service, ingress, route, interval, variables.x)',
    ],
  },
  {
    query: "{{ if variables.a }}{{ nonsense }}{{ else }}{{ end }}",
    what: ['"nonsense" is not known (known: name, namespace, target, service, ingress, route, interval, variables.x)'],
  },
  {
    query: "{{ upper namespace }}",
    what: ['"upper" is not known (known: name, namespace, target, service, ingress, route, interval, variables.x)'],
  },
  { query: '{{ printf "%s" }}', what: ["printf has no argument for %s"] },
  { query: "{{ if variables.a }}x", what: ["an {{if}} has no {{end}}"] },
  { query: "rate(x[{{ interval }])", what: ['"{{" is not closed: interval }])'] },
];
for (const { query, what } of unrendered) {
  test(`the query ${query} is refused`, () => {
    const shown = JSON.stringify(query);
    assert.deepEqual(
      mistakes(template(query)),
      what.map((mistake) => `spec.query: Invalid value: ${shown}: ${mistake}`),
    );
  });
}

test("a template tells all its mistakes at once", () => {
  assert.deepEqual(mistakes(template("{{ x", { type: "prom" })), [
    'spec.provider.type: Unsupported value: "prom": supported values: "prometheus", "influxdb", "datadog", "externalmetrics", "stackdriver", "cloudwatch", "newrelic", "graphite", "dynatrace", "keptn", "splunk"',
    'spec.query: Invalid value: "{{ x": "{{" is not closed: x',
  ]);
});

const secretRef = { name: "login" };
const providerCases = [
  {
    wrong: { type: "prometheus", address: "prometheus:9090" },
    right: { type: "prometheus", address: "http://prometheus:9090" },
    refusal:
      'spec.provider.address: Invalid value: "prometheus:9090": this provider needs an address: the URL of its API, with its scheme (https://…)',
  },
  {
    wrong: { type: "datadog" },
    right: { type: "datadog", secretRef },
    refusal: "spec.provider.secretRef: Required value: this provider needs credentials: name their Secret",
  },
  {
    wrong: { type: "cloudwatch" },
    right: { type: "cloudwatch", region: "eu-central-1" },
    refusal: "spec.provider.region: Required value: this provider needs a region",
  },
];
for (const { wrong, right, refusal } of providerCases) {
  test(`a MetricTemplate of ${wrong.type} is refused without what it needs`, () => {
    assert.deepEqual(mistakes(template("up", wrong)), [refusal]);
    assert.deepEqual(mistakes(template("up", right)), []);
  });
}

const alertCases = [
  { wrong: {}, refusal: 'spec: Invalid value: "object": set exactly one of address and secretRef' },
  {
    wrong: { address: "https://x", secretRef },
    refusal: 'spec: Invalid value: "object": set exactly one of address and secretRef',
  },
  {
    wrong: { address: "hooks.example" },
    refusal: 'spec.address: Invalid value: "hooks.example": address must start with http:// or https://',
  },
  {
    wrong: { secretRef, proxy: "proxy:3128" },
    refusal: 'spec.proxy: Invalid value: "proxy:3128": proxy must start with http:// or https://',
  },
];
for (const { wrong, refusal } of alertCases) {
  test(`an AlertProvider of ${JSON.stringify(wrong)} is refused`, () => {
    const answer = (spec: object) =>
      mistakes(validateAlertProvider(aReview({ spec: { type: "slack", ...spec } }, null), anIndex()));
    assert.deepEqual(answer(wrong), [refusal]);
    assert.deepEqual(answer({ address: "https://x", proxy: "http://proxy:3128" }), []);
    assert.deepEqual(answer({ secretRef }), []);
  });
}

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
    [
      answer(1, 5, aCanary({ phase: "Progressing" })),
      "Weir: podinfo is a canary: it has 5 until the release ends, then podinfo-primary gets them",
    ],
    [
      answer(1, 5, aCanary({ phase: "Progressing", spec: { autoscalerRef: scaler } })),
      "Weir: podinfo is a canary: 5 lasts until the release ends; podinfo-primary follows autoscaler hpa",
    ],
  ];
  for (const [outcome, text] of cases) {
    assert.deepEqual(outcome, { kind: "untouched", why: "ScaleWarned", warnings: [text] });
  }
  assert.equal(answer(0, 5, aCanary({ phase: "Initializing" })).why, "Unchanged");
});
