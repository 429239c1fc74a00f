import fc from "fast-check";
import { type Canary, featuresOf, type RawObject, type Traffic } from "../../../api/index.ts";
import { routers } from "../../../controller/routers/registry.ts";
import type { Objects, Router } from "../../../controller/routers/router.ts";
import { aCanary, type CanaryBuilder } from "../aCanary.ts";
import { holding } from "./world.ts";

/** The user's Ingress of the shop, with a path that is none of ours. */
export const ingress: RawObject = {
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata: {
    name: "shop",
    namespace: "demo",
    labels: { app: "shop" },
    annotations: {
      "kubernetes.io/ingress.class": "nginx",
      "kubectl.kubernetes.io/last-applied-configuration": "{}",
      "nginx.ingress.kubernetes.io/canary-weight-total": "1000",
      "nginx.ingress.kubernetes.io/proxy-body-size": "8m",
      "zalando.org/skipper-predicate": 'Host("shop.example.org") && Weight(100)',
    },
  },
  spec: {
    tls: [{ hosts: ["shop.example.org"], secretName: "shop-tls" }],
    rules: [
      {
        host: "shop.example.org",
        http: {
          paths: [
            { path: "/", pathType: "Prefix", backend: { service: { name: "shop", port: { number: 8080 } } } },
            { path: "/docs", pathType: "Prefix", backend: { service: { name: "docs", port: { name: "http" } } } },
          ],
        },
      },
      { host: "empty.example.org" },
    ],
  },
};

const ingressRef = { apiVersion: "networking.k8s.io/v1", kind: "Ingress", name: "shop" } as const;

/** The user's ApisixRoute, with a rule that is none of ours. */
export const apisixRoute: RawObject = {
  apiVersion: "apisix.apache.org/v2",
  kind: "ApisixRoute",
  metadata: { name: "shop", namespace: "demo", labels: { app: "shop" } },
  spec: {
    ingressClassName: "apisix",
    http: [
      { name: "docs", match: { paths: ["/docs"] }, backends: [{ serviceName: "docs", servicePort: 80 }] },
      {
        name: "main",
        match: { hosts: ["shop.example.org"], paths: ["/*"] },
        timeout: { read: "5s" },
        plugins: [{ name: "cors", enable: true }],
        backends: [{ serviceName: "shop", servicePort: 8080, resolveGranularity: "service" }],
      },
    ],
  },
};

/** The user's Service of Knative. */
export const knativeService: RawObject = {
  apiVersion: "serving.knative.dev/v1",
  kind: "Service",
  metadata: { name: "shop", namespace: "demo", annotations: { "flagger.app/primary-revision": "shop-00001" } },
  spec: { template: { spec: { containers: [{ image: "shop:1" }] } } },
  status: { latestCreatedRevisionName: "shop-00001" },
};

/** What a provider needs beside a Canary with weights: references, and the objects that they lead to. */
const needs: Readonly<
  Record<
    string,
    {
      spec?: Parameters<CanaryBuilder["spec"]>[0];
      service?: Parameters<CanaryBuilder["service"]>[0];
      sources?: readonly RawObject[];
    }
  >
> = {
  apisix: {
    spec: { routeRef: { apiVersion: "apisix.apache.org/v2", kind: "ApisixRoute", name: "shop" } },
    sources: [apisixRoute],
  },
  appmesh: { service: { meshName: "global", backends: ["cart.demo"] } },
  "appmesh:v1beta2": { service: { backends: ["cart", "arn:aws:cart"] } },
  gloo: {
    spec: { upstreamRef: { apiVersion: "gloo.solo.io/v1", kind: "Upstream", name: "settings", namespace: "infra" } },
    sources: [
      {
        apiVersion: "gloo.solo.io/v1",
        kind: "Upstream",
        metadata: { name: "settings", namespace: "infra" },
        spec: { static: { hosts: [] }, useHttp2: true, connectionConfig: { connectTimeout: "5s" } },
      },
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "shop-canary", namespace: "demo" },
        spec: { selector: { app: "shop" } },
      },
    ],
  },
  knative: {
    spec: { targetRef: { apiVersion: "serving.knative.dev/v1", kind: "Service", name: "shop" } },
    sources: [knativeService],
  },
  nginx: { spec: { ingressRef }, sources: [ingress] },
  skipper: { spec: { ingressRef }, sources: [ingress] },
};

/** A router with all that it needs to work. */
export interface Provided {
  readonly router: Router;
  readonly name: string;
  readonly aCanary: () => CanaryBuilder;
  /** A cluster that holds the sources and these objects. */
  readonly holding: (...live: readonly RawObject[]) => Objects;
}

export function provided(router: Router): Provided {
  const { spec = {}, service = {}, sources = [] } = needs[router.provider] ?? {};
  return {
    router,
    name: router.provider,
    aCanary: () => aCanary().spec(spec).service(service),
    holding: (...live) => holding(...live, ...sources),
  };
}

/** All but the one that makes no objects. */
export const everyProvider: readonly Provided[] = routers
  .filter(({ provider }) => provider !== "kubernetes")
  .map(provided);

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/);
const conditionsBy = (...comparisons: readonly ("exact" | "prefix" | "suffix" | "regex")[]) => {
  const condition = fc.oneof(...comparisons.map((comparison) => word.map((value) => ({ [comparison]: value }))));
  return fc.dictionary(word, condition, { minKeys: 1, maxKeys: 4 });
};
const conditions = conditionsBy("exact", "regex");
/** What some providers cannot say, and are not asked then. */
const moreConditions = conditionsBy("exact", "regex", "prefix", "suffix");
const discerning: readonly string[] = ["contour", "gloo", "istio", "appmesh", "appmesh:v1beta2"];

const parts = fc.record({
  hosts: fc.array(word, { maxLength: 2 }),
  headers: fc.dictionary(word, word, { maxKeys: 3 }),
  timeout: fc.option(fc.constantFrom("5s", "1.5s", "250ms", "1h2m", "soon"), { nil: undefined }),
  retries: fc.option(
    fc.record(
      {
        attempts: fc.integer({ min: 0, max: 5 }),
        perTryTimeout: fc.constantFrom("1s", "never"),
        retryOn: fc.constantFrom("", "5xx,reset", "gateway-error, nonsense"),
      },
      { requiredKeys: [] },
    ),
    { nil: undefined },
  ),
  match: fc.array(
    fc.record(
      { headers: conditions, uri: fc.record({ prefix: word.map((path) => `/${path}`) }) },
      { requiredKeys: ["headers"] },
    ),
    { maxLength: 2 },
  ),
  testMatch: fc.array(fc.record({ headers: conditions }), { maxLength: 2 }),
  moreTestMatch: fc.array(fc.record({ headers: moreConditions }), { maxLength: 2 }),
  cors: fc.boolean(),
  affinity: fc.boolean(),
  labels: fc.option(fc.dictionary(word, word, { maxKeys: 2 }), { nil: undefined }),
  current: fc.option(word, { nil: undefined }),
  previous: fc.option(word, { nil: undefined }),
});

/** A/B tests of nginx know one header. */
function tested(name: string, match: readonly { headers: Readonly<Record<string, object>> }[]) {
  if (!featuresOf(name).has("abTesting")) return [];
  return name === "nginx"
    ? match.slice(0, 1).map(({ headers }) => ({ headers: Object.fromEntries(Object.entries(headers).slice(0, 1)) }))
    : match;
}

/** Canaries that the provider can make a route for, with every part that changes the shape of a route. */
export function canariesOf({ name, aCanary }: Provided): fc.Arbitrary<Canary> {
  return parts.map((part) =>
    aCanary()
      .service({
        hosts: part.hosts,
        headers: { request: { set: part.headers } },
        match: part.match,
        ...(part.timeout === undefined ? {} : { timeout: part.timeout }),
        ...(part.retries === undefined ? {} : { retries: part.retries }),
        ...(part.labels === undefined ? {} : { apex: { labels: part.labels } }),
        ...(part.cors ? { corsPolicy: { allowOrigins: [{ exact: "https://a.example" }], maxAge: "1d" } } : {}),
      })
      .analysis({
        match: tested(name, discerning.includes(name) ? part.moreTestMatch : part.testMatch),
        ...(part.affinity ? { sessionAffinity: { cookieName: "sid", primaryCookieName: "psid" } } : {}),
      })
      .status({
        ...(part.current === undefined ? {} : { sessionAffinityCookie: `sid=${part.current}` }),
        ...(part.previous === undefined ? {} : { previousSessionAffinityCookie: `sid=${part.previous}` }),
        primarySessionAffinityCookie: "psid=abc",
      })
      .build(),
  );
}

/** Every split that the provider may be asked for. */
export function splitsOf({ name }: Provided): fc.Arbitrary<Traffic> {
  const mirror = featuresOf(name).has("mirror") ? fc.boolean() : fc.constant(false);
  return fc
    .record({ canary: fc.integer({ min: 0, max: 100 }), mirror })
    .map(({ canary, mirror }) => ({ primary: 100 - canary, canary, mirror }));
}
