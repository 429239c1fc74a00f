import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  durationQuery,
  type ObserverModel,
  observerFor,
  requestRateQuery,
  successRateQuery,
} from "../../../controller/analysis/builtin.ts";
import { metricsProviderOf, queryModel } from "../../../controller/analysis/queryModel.ts";
import { parseQuery } from "../../../sandbox/metrics/promql/parser.ts";
import { aCanary } from "../aCanary.ts";

const model: ObserverModel = queryModel(aCanary().service({ name: "web" }).build(), { name: "request-success-rate" });

describe("built-in queries", () => {
  it("of Gateway API and plain Services look at the canary's pods", () => {
    const pods = 'kubernetes_namespace="demo",kubernetes_pod_name=~"shop-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"';
    const counter = "http_request_duration_seconds_count";
    assert.deepEqual(successRateQuery("http", model), {
      query: `sum(rate(${counter}{${pods},status!~"5.*"}[1m])) / sum(rate(${counter}{${pods}}[1m])) * 100`,
      factor: 1,
    });
    assert.deepEqual(durationQuery("http", model), {
      query: `histogram_quantile(0.99, sum(rate(http_request_duration_seconds_bucket{${pods}}[1m])) by (le))`,
      factor: 1000,
    });
    assert.equal(requestRateQuery("http", model).query, `sum(rate(${counter}{${pods}}[1m]))`);
  });

  it("of Istio count at the receiving side, in milliseconds", () => {
    const base = 'reporter="destination",destination_workload_namespace="demo",destination_workload=~"shop"';
    assert.equal(
      successRateQuery("istio", model).query,
      `sum(rate(istio_requests_total{${base},response_code!~"5.*"}[1m])) / sum(rate(istio_requests_total{${base}}[1m])) * 100`,
    );
    assert.deepEqual(durationQuery("istio", model), {
      query: `histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket{${base}}[1m])) by (le))`,
      factor: 1,
    });
  });

  it("of Traefik count the widest bucket, and turn seconds into milliseconds in the query", () => {
    const service = 'service=~"demo-shop-canary-[0-9a-zA-Z-]+@kubernetescrd"';
    const series = "traefik_service_request_duration_seconds_bucket";
    assert.equal(
      successRateQuery("traefik", model).query,
      `sum(rate(${series}{${service},le="+Inf",code!~"5.."}[1m])) / sum(rate(${series}{${service},le="+Inf"}[1m])) * 100`,
    );
    assert.deepEqual(durationQuery("traefik", model), {
      query: `histogram_quantile(0.99, sum(rate(${series}{${service}}[1m])) by (le)) * 1000`,
      factor: 1,
    });
  });

  it("of NGINX and Skipper take the mean, for they have nothing better", () => {
    assert.equal(
      durationQuery("nginx", model).query,
      'sum(rate(nginx_ingress_controller_response_duration_seconds_sum{namespace="demo",ingress="shop",canary!=""}[1m])) / sum(rate(nginx_ingress_controller_response_duration_seconds_count{namespace="demo",ingress="shop",canary!=""}[1m])) * 1000',
    );
    const dashed = { ...model, namespace: "my-demo", ingress: "a.b" };
    assert.match(
      durationQuery("skipper", dashed).query,
      /kube\(ew\)\?_my_demo__a_b_canary__\.\*__web_canary\(_\[0-9\]\+\)\?/,
    );
  });

  it("find pods of a DaemonSet, whose names have one part less", () => {
    const { query } = requestRateQuery("http", { ...model, workload: "DaemonSet" });
    const pattern = /kubernetes_pod_name=~"([^"]+)"/.exec(query)?.[1] ?? "";
    const matches = (pod: string) => new RegExp(`^(?:${pattern})$`).test(pod);
    assert.deepEqual(["shop-x7k2p", "shop-primary-x7k2p", "shop-ds-x7k2p"].map(matches), [true, false, false]);
  });
});

describe("every observer", () => {
  const providers = "appmesh linkerd istio contour gloo nginx kubernetes skipper traefik osm kuma apisix knative";
  for (const provider of providers.split(" ")) {
    it(`of ${provider} writes PromQL`, () => {
      const observer = observerFor(provider);
      for (const ask of [successRateQuery, requestRateQuery, durationQuery]) {
        assert.doesNotThrow(() => parseQuery(ask(observer, model).query));
      }
    });
  }
});

describe("the choice of an observer", () => {
  const choices: Record<string, string> = {
    istio: "istio",
    kubernetes: "http",
    "gatewayapi:v1": "http",
    "gatewayapi:v1beta1": "http",
    "gatewayapi:v1:service": "http",
    traefik: "traefik",
    "appmesh:v1beta2": "appmesh",
    gloo: "gloo",
    knative: "knative",
    "smi:v1alpha1": "istio",
    crossover: "istio",
    "kubernetes:service": "istio",
    "": "istio",
  };
  for (const [provider, want] of Object.entries(choices)) {
    it(`${provider || "nothing"}: ${want}`, () => assert.equal(observerFor(provider), want));
  }

  const computed: Record<string, { provider?: "istio" | "nginx"; flag: string; kind?: "Service"; want: string }> = {
    "the flag": { flag: "traefik", want: "traefik" },
    "the Canary before the flag": { provider: "nginx", flag: "istio", want: "nginx" },
    "Linkerd behind an ingress": { provider: "nginx", flag: "linkerd", want: "linkerd" },
    crossover: { flag: "smi:crossover", want: "crossover" },
    "a core Service": { flag: "istio", kind: "Service", want: "istio:service" },
  };
  for (const [name, { provider, flag, kind, want }] of Object.entries(computed)) {
    it(`by ${name}: ${want}`, () => {
      const targetRef = {
        apiVersion: kind === undefined ? "apps/v1" : "v1",
        kind: kind ?? "Deployment",
        name: "shop",
      } as const;
      const canary = aCanary()
        .spec({ targetRef, ...(provider === undefined ? {} : { provider }) })
        .build();
      assert.equal(metricsProviderOf(canary, flag), want);
    });
  }
});
