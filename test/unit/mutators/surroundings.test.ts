/** What a Canary says is held against what is around it: other Canaries, templates, workloads, autoscalers, Secrets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Canary, CanarySpec, RawObject } from "../../../api/index.ts";
import { validateAlertProvider } from "../../../mutators/alertProvider.ts";
import { mutateCanary } from "../../../mutators/canary.ts";
import { warnOfDeletion } from "../../../mutators/deletion.ts";
import { validateMetricTemplate } from "../../../mutators/metricTemplate.ts";
import { nothingSeen, referencesOf, type Surroundings } from "../../../mutators/surroundings.ts";
import type { Index, Outcome } from "../../../mutators/types.ts";
import { aCanary, anIndex, aReview } from "./builders.ts";

const ofCanary = { kind: { group: "flagger.app", version: "v1beta1", kind: "Canary" } };
const analysis = { interval: "10s", threshold: 5, stepWeight: 5 };
const istio: Partial<CanarySpec> = { provider: "istio" };

function said(outcome: Outcome): readonly string[] {
  return outcome.kind === "refused"
    ? outcome.issues.map(({ field, message }) => `${field}: ${message}`)
    : outcome.warnings.map((text) => text.replace(/^Weir: /, ""));
}

function written(canary: Canary, index: Index = anIndex(), old: unknown = null): readonly string[] {
  return said(mutateCanary(aReview(canary, old, { ...ofCanary, name: canary.metadata.name }), index));
}

function object(kind: string, name: string, spec: object, more: object = {}): RawObject {
  return { apiVersion: "v1", kind, metadata: { name, namespace: "demo" }, spec, ...more };
}

const hpa = { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", name: "podinfo" } as const;
const scaled = { apiVersion: "keda.sh/v1alpha1", kind: "ScaledObject", name: "podinfo" } as const;
const named = (name: string, service: string) => aCanary({ name, spec: { service: { port: 80, name: service } } });
const daemon = (name: string) => ({ targetRef: { apiVersion: "apps/v1", kind: "DaemonSet", name } }) as const;

const clashes: readonly (readonly [string, Canary, Canary, string])[] = [
  [
    "the same target",
    aCanary({ name: "b", target: "podinfo" }),
    aCanary(),
    'spec.targetRef.name: Duplicate value: "podinfo": Canary podinfo already releases this Deployment: change one of them',
  ],
  [
    "another one's primary as target",
    aCanary({ name: "b", target: "podinfo-primary" }),
    aCanary(),
    'spec.targetRef.name: Duplicate value: "podinfo-primary": this is the primary of Canary podinfo: refer to podinfo',
  ],
  [
    "a primary that is another one's target",
    aCanary(),
    aCanary({ name: "b", target: "podinfo-primary" }),
    'spec.targetRef.name: Duplicate value: "podinfo": its primary would be podinfo-primary, which is the target of Canary b: change one of them',
  ],
  [
    "the same Service",
    named("a", "web"),
    named("b", "web"),
    'spec.service.name: Duplicate value: "web": Canary b already has Service web: give one of them another service.name',
  ],
  [
    "a Service that another one generates",
    named("a", "web-canary"),
    named("b", "web"),
    'spec.service.name: Duplicate value: "web-canary": Canary b already has Service web-canary: give one of them another service.name',
  ],
  [
    "a generated Service that another one has",
    named("a", "web"),
    named("b", "web-primary"),
    'spec.service.name: Duplicate value: "web": Canary b already has Service web-primary: give one of them another service.name',
  ],
  [
    "a target of another kind with the same Service",
    aCanary({ name: "a", spec: daemon("podinfo") }),
    aCanary({ name: "b", target: "podinfo" }),
    'spec.service.name: Duplicate value: "podinfo": Canary b already has Service podinfo: give one of them another service.name',
  ],
];
for (const [what, own, other, refusal] of clashes) {
  test(`two Canaries clash over ${what}`, () => {
    assert.deepEqual(written(own, anIndex([other])), [refusal]);
  });
}

test("Canaries with names of their own do not clash, nor does one with itself", () => {
  assert.deepEqual(written(named("a", "web"), anIndex([named("b", "shop"), named("a", "web")])), []);
});

const metrics = (metric: object) =>
  aCanary({ spec: { ...istio, analysis: { ...analysis, metrics: [metric] } as never } });
const measured = { name: "latency", thresholdRange: { max: 1 }, templateRef: { name: "latency", namespace: "ops" } };
const withQuery = (query: string) =>
  anIndex([], { metricTemplate: (namespace, name) => object("MetricTemplate", name, { query }, { namespace }) });

test("a check that does not set the variables of its template is refused with all of them", () => {
  const index = withQuery("{{ variables.a }} {{ variables.b }} {{ variables.c }}");
  assert.deepEqual(written(metrics({ ...measured, templateVariables: { b: "1" } }), index), [
    "spec.analysis.metrics[0].templateVariables: Required value: MetricTemplate latency reads a, c: set them",
  ]);
  assert.deepEqual(written(metrics({ ...measured, templateVariables: { a: "1", b: "1", c: "1" } }), index), []);
});

test("a check whose template does not render is refused", () => {
  assert.match(
    written(metrics(measured), withQuery("{{ nonsense }}"))[0] ?? "",
    /^spec\.analysis\.metrics\[0\]\.templateRef\.name: Invalid value: "latency": the query .* "nonsense" is not known/,
  );
  assert.deepEqual(written(metrics(measured), withQuery("{{ target }}")), []);
});

test("references to other namespaces are refused where they are switched off", () => {
  const upstreamRef = { apiVersion: "gloo.solo.io/v1", kind: "Upstream", name: "u", namespace: "gloo" } as const;
  const alerts = [{ name: "team", providerRef: { name: "slack", namespace: "ops" } }];
  const canary = aCanary({ spec: { ...istio, upstreamRef, analysis: { ...analysis, metrics: [measured], alerts } } });
  const what = "Forbidden: references to other namespaces are switched off here: use one of namespace demo";
  assert.deepEqual(written(canary, anIndex([], { crossNamespaceRefs: false })), [
    `spec.analysis.metrics[0].templateRef.namespace: ${what}`,
    `spec.analysis.alerts[0].providerRef.namespace: ${what}`,
    `spec.upstreamRef.namespace: ${what}`,
  ]);
  assert.deepEqual(written(canary), []);
  const own = metrics({ ...measured, templateRef: { name: "latency" } });
  assert.deepEqual(written(own, anIndex([], { crossNamespaceRefs: false })), []);
});

const labels = { app: "podinfo" };
const workload = (ports: readonly object[], selector: object = labels, more: object = {}) =>
  object("Deployment", "podinfo", {
    selector: { matchLabels: selector },
    template: { spec: { containers: [{ name: "c", ports }] } },
    ...more,
  });
const around = (more: Partial<Surroundings>) => anIndex([], { around: { ...nothingSeen, ...more } });
const onPort = (service: object) => aCanary({ spec: { ...istio, service: { port: 80, ...service } } });

const workloads: readonly (readonly [string, Canary, Partial<Surroundings>, readonly string[]])[] = [
  ["a declared port", onPort({ targetPort: 9898 }), { target: workload([{ containerPort: 9898 }]) }, []],
  ["a port by its name", onPort({ targetPort: "web" }), { target: workload([{ name: "web", containerPort: 1 }]) }, []],
  ["no declared port at all", onPort({}), { target: workload([]) }, []],
  ["a target that could not be read", onPort({}), { target: "unknown" }, []],
  [
    "a port that no container has",
    onPort({}),
    { target: workload([{ containerPort: 9898 }]) },
    ["no container of Deployment podinfo has port 80 (service.port): it has 9898"],
  ],
  [
    "a port name that no container has",
    onPort({ targetPort: "web" }),
    { target: workload([{ name: "http", containerPort: 80 }]) },
    ["no container of Deployment podinfo has a port named web (service.targetPort): its Services reach nothing"],
  ],
  [
    "a target that is not there",
    onPort({}),
    { target: "absent" },
    ["there is no Deployment podinfo in namespace demo yet: the Canary waits for it"],
  ],
  [
    "a target without a known label",
    onPort({}),
    { target: workload([], { component: "x" }) },
    ["the selector of Deployment podinfo has none of app, name, app.kubernetes.io/name: it gets no primary"],
  ],
  [
    "a DaemonSet that updates on deletion",
    aCanary({ spec: { ...istio, ...daemon("podinfo") } }),
    { target: workload([], labels, { updateStrategy: { type: "OnDelete" } }) },
    ["DaemonSet podinfo updates OnDelete: use RollingUpdate, or its pods stay as they are"],
  ],
  [
    "an autoscaler that is not there",
    aCanary({ spec: { ...istio, autoscalerRef: hpa } }),
    { scaler: "absent" },
    ["there is no HorizontalPodAutoscaler podinfo in namespace demo yet: the primary gets none until there is"],
  ],
  [
    "the target's autoscaler",
    aCanary({ spec: { ...istio, autoscalerRef: hpa } }),
    {
      scaler: object("HorizontalPodAutoscaler", "podinfo", { scaleTargetRef: { kind: "Deployment", name: "podinfo" } }),
    },
    [],
  ],
  [
    "the target's ScaledObject, which names no kind",
    aCanary({ spec: { ...istio, autoscalerRef: scaled } }),
    { scaler: object("ScaledObject", "podinfo", { scaleTargetRef: { name: "podinfo" } }) },
    [],
  ],
  [
    "an autoscaler of something else",
    aCanary({ spec: { ...istio, autoscalerRef: hpa } }),
    { scaler: object("HorizontalPodAutoscaler", "podinfo", { scaleTargetRef: { kind: "Deployment", name: "web" } }) },
    [
      'spec.autoscalerRef.name: Invalid value: "podinfo": it scales Deployment web, not Deployment podinfo: refer to the autoscaler of the target',
    ],
  ],
];
for (const [what, canary, seen, texts] of workloads) {
  test(`a Canary with ${what}${texts.length === 0 ? " is fine" : ""}`, () => {
    assert.deepEqual(written(canary, around(seen)), texts);
  });
}

test("a Canary whose autoscaler was wrong before stays editable elsewhere", () => {
  const stored = aCanary({ spec: { ...istio, autoscalerRef: hpa } });
  const scaler = object("HorizontalPodAutoscaler", "podinfo", { scaleTargetRef: { kind: "Deployment", name: "web" } });
  const edited = aCanary({ spec: { ...istio, autoscalerRef: hpa, suspend: true } });
  assert.match(written(edited, around({ scaler }), stored)[0] ?? "", /^still wrong: spec\.autoscalerRef\.name/);
});

const notMeant: readonly (readonly [Partial<CanarySpec>, string])[] = [
  [{ analysis: { ...analysis, interval: "500ms" } }, "interval 500ms counts as 1s, the least"],
  [
    { analysis: { ...analysis, threshold: 0 } },
    "threshold 0 counts as 1: the first failed check takes the release back",
  ],
  [{ analysis: { ...analysis, maxWeight: 0 } }, "maxWeight 0 counts as 100"],
  [
    { analysis: { interval: "10s", threshold: 1, stepWeights: [1, 50], maxWeight: 40 } },
    "maxWeight is not used: the last of stepWeights counts",
  ],
  [
    { analysis: { ...analysis, metrics: [{ name: "request-duration", thresholdRange: {} }] } },
    "thresholdRange of check request-duration is empty: it never fails",
  ],
  [
    { analysis: { ...analysis, metrics: [{ name: "request-success-rate", thresholdRange: { max: 99 } }] } },
    "check request-success-rate has no min: it passes when requests fail",
  ],
  [
    { analysis: { ...analysis, metrics: [{ name: "request-success-rate" }] } },
    "check request-success-rate has no thresholdRange: it passes at any rate",
  ],
  [
    { analysis: { ...analysis, metrics: [{ name: "request-duration", thresholdRange: { min: 1 } }] } },
    "check request-duration has no max: it passes when requests are slow",
  ],
  [
    { provider: "traefik", service: { port: 80, corsPolicy: { allowCredentials: true } } },
    "traefik ignores service.corsPolicy: gatewayapi:v1, istio do not",
  ],
];
for (const [spec, text] of notMeant) {
  test(`a writer is told: ${text}`, () => {
    assert.deepEqual(written(aCanary({ spec: { ...istio, ...spec } })), [text]);
  });
}

test("a new name of the Services at rest is told with what stays behind", () => {
  const next = { ...named("podinfo", "web"), spec: { ...named("podinfo", "web").spec, ...istio } };
  assert.deepEqual(written(next, anIndex(), aCanary({ spec: istio })), [
    "Services podinfo, podinfo-primary and podinfo-canary stay behind: delete them",
  ]);
});

const secretRef = { name: "login" };
const secret = (...keys: readonly string[]) =>
  object("Secret", "login", {}, { data: Object.fromEntries(keys.map((key) => [key, "c2VjcmV0"])) });
const keysNeeded: readonly (readonly [string, readonly string[], string])[] = [
  ["prometheus", ["token"], "token, or username and password"],
  ["prometheus", ["username", "password"], "token, or username and password"],
  ["datadog", ["datadog_api_key", "datadog_application_key"], "datadog_api_key and datadog_application_key"],
  ["newrelic", ["newrelic_account_id", "newrelic_query_key"], "newrelic_account_id and newrelic_query_key"],
  ["graphite", ["username", "password"], "username and password"],
  ["influxdb", ["token", "org"], "token and org"],
  ["stackdriver", ["project"], "project"],
  ["dynatrace", ["dynatrace_token"], "dynatrace_token"],
  ["splunk", ["sf_token_key"], "sf_token_key"],
];
for (const [type, keys, needed] of keysNeeded) {
  test(`the Secret of ${type} needs ${keys.join(" and ")}`, () => {
    const provider = { type, address: "https://metrics", secretRef };
    const review = aReview({ metadata: { name: "t" }, spec: { provider, query: "up" } }, null);
    assert.deepEqual(said(validateMetricTemplate(review, around({ secret: secret(...keys) }))), []);
    const outcome = validateMetricTemplate(review, around({ secret: secret(...keys.slice(1)) }));
    assert.deepEqual(said(outcome), [
      `spec.provider.secretRef.name: Invalid value: "login": this Secret needs the keys ${needed}`,
    ]);
  });
}

test("the Secret of an AlertProvider needs an address; one that is not there may still come", () => {
  const review = aReview({ metadata: { name: "p" }, spec: { type: "slack", secretRef } }, null);
  const answer = (seen: Surroundings["secret"]) => said(validateAlertProvider(review, around({ secret: seen })));
  assert.deepEqual(answer(secret("address")), []);
  assert.deepEqual(answer("unknown"), []);
  assert.deepEqual(answer(secret("token")), [
    'spec.secretRef.name: Invalid value: "login": this Secret needs the keys address',
  ]);
  assert.match(answer("absent")[0] ?? "", /there is no Secret login in this namespace yet/);
});

test("what is read before a write is judged: by name, in its own namespace, and nothing for what is going away", () => {
  const canary = aCanary({ spec: { autoscalerRef: hpa } });
  const read = (parts: object, value: unknown = canary) =>
    [...referencesOf(aReview(value, null, { ...ofCanary, ...parts }))].map(
      ([role, { resource, namespace, name }]) => `${role} ${resource.plural} ${namespace}/${name}`,
    );
  assert.deepEqual(read({}), ["target deployments demo/podinfo", "scaler horizontalpodautoscalers demo/podinfo"]);
  assert.deepEqual(read({ operation: "DELETE" }), []);
  assert.deepEqual(read({ subResource: "status" }), []);
  assert.deepEqual(read({ kind: { group: "apps", version: "v1", kind: "Deployment" } }), []);
  assert.deepEqual(read({}, { ...canary, metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } }), []);
  assert.deepEqual(read({}, aCanary({ target: "../secrets" })), []);
  const template = { spec: { provider: { secretRef } } };
  assert.deepEqual(read({ kind: { ...ofCanary.kind, kind: "MetricTemplate" } }, template), [
    "secret secrets demo/login",
  ]);
});

test("whoever deletes what a Canary stands on is told, and may", () => {
  const alerts = [{ name: "team", providerRef: { name: "slack", namespace: "ops" } }];
  const canary = aCanary({ spec: { analysis: { ...analysis, metrics: [measured], alerts } } });
  const deleted = (kind: string, name: string, namespace: string, user = "jane") => {
    const review = aReview(null, object(kind, name, {}), {
      operation: "DELETE",
      kind: { group: "", version: "", kind },
      name,
      namespace,
      userInfo: { username: user },
    });
    return said(warnOfDeletion(review, anIndex([canary])));
  };
  assert.deepEqual(deleted("Deployment", "podinfo", "demo"), [
    "Canary podinfo releases this Deployment: podinfo-primary goes on serving; delete the Canary too",
  ]);
  assert.deepEqual(deleted("MetricTemplate", "latency", "ops"), [
    "MetricTemplate latency is used by Canaries demo/podinfo: their checks fail without it",
  ]);
  assert.deepEqual(deleted("AlertProvider", "slack", "ops"), [
    "AlertProvider slack is used by Canaries demo/podinfo: their alerts are not sent without it",
  ]);
  assert.deepEqual(deleted("MetricTemplate", "latency", "demo"), []);
  assert.deepEqual(deleted("DaemonSet", "podinfo", "demo"), []);
  assert.deepEqual(
    deleted("Deployment", "podinfo", "demo", "system:serviceaccount:kube-system:namespace-controller"),
    [],
  );
});
