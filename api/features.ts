import type { Canary } from "./canary.ts";
import { analysisOf } from "./defaults.ts";
import { isPlainService } from "./targets.ts";

/** What a provider may be able to do with traffic, or with a field of `spec.service`; in words, as docs/PROVIDERS.md has them. */
export const features = {
  weights: "splits requests by weight (`stepWeight`, `stepWeights`)",
  abTesting: "sends the clients of `analysis.match` to the canary",
  blueGreen: "tries the canary without its share of traffic (`iterations`)",
  serviceTarget: "releases changes of a Service (`targetRef` of kind Service, v1)",
  mirror: "copies requests to the canary during `iterations` (`analysis.mirror`)",
  mirrorStep: "copies requests to the canary before its first share",
  mirrorWeight: "copies a share of the requests (`analysis.mirrorWeight`)",
  sessionAffinity: "keeps clients of the canary there by a cookie",
  primaryAffinity: "keeps clients of the primary there by a cookie (`primaryCookieName`)",
  tcp: "splits connections of a service with `appProtocol: tcp`",
  hosts: "`service.hosts`",
  gateways: "`service.gateways`",
  delegation: "`service.delegation`",
  match: "`service.match`",
  matchPrefix: "`service.match`: the path prefix of its first entry",
  rewrite: "`service.rewrite`",
  timeout: "`service.timeout`",
  backendTimeout: "`service.backendTimeout`",
  retries: "`service.retries`",
  headers: "`service.headers`",
  cors: "`service.corsPolicy`",
  trafficPolicy: "`service.trafficPolicy`",
  mirrorTo: "`service.mirror`",
  meshName: "`service.meshName`",
  backends: "`service.backends`",
} as const satisfies Readonly<Record<string, string>>;

export type Feature = keyof typeof features;

const split = ["weights", "blueGreen"] as const;
// These lead to the two copies of a Service, the others to the Service itself.
const mesh = [...split, "serviceTarget"] as const;
const ingress = [...split, "abTesting"] as const;
const routes = [...ingress, "serviceTarget"] as const;
const smi = [...mesh, "hosts"] as const;
const appmesh = [...routes, "hosts", "matchPrefix", "timeout", "retries", "backends"] as const;
const gatewayApi = [
  ...routes,
  ...(["mirror", "mirrorStep", "sessionAffinity", "hosts", "match", "rewrite", "headers", "mirrorTo"] as const),
] as const;
const istio = [
  ...routes,
  ...(["mirror", "mirrorStep", "mirrorWeight", "sessionAffinity", "primaryAffinity", "tcp", "hosts"] as const),
  ...(["gateways", "delegation", "match", "rewrite", "timeout", "retries", "headers", "cors"] as const),
  "trafficPolicy",
] as const;

const table: Readonly<Record<string, readonly Feature[]>> = {
  apisix: mesh,
  appmesh: [...appmesh, "meshName"],
  "appmesh:v1beta2": appmesh,
  contour: [...routes, "matchPrefix", "timeout", "retries"],
  "gatewayapi:v1": [...gatewayApi, "primaryAffinity", "timeout", "backendTimeout", "cors"],
  "gatewayapi:v1beta1": gatewayApi,
  gloo: routes,
  istio,
  knative: split,
  kubernetes: ["blueGreen", "serviceTarget"],
  kuma: mesh,
  linkerd: smi,
  nginx: ingress,
  osm: smi,
  skipper: split,
  "smi:v1alpha1": smi,
  "smi:v1alpha2": smi,
  "smi:v1alpha3": smi,
  traefik: mesh,
};

const sets = new Map(Object.entries(table).map(([provider, supported]) => [provider, new Set(supported)]));
const none: ReadonlySet<Feature> = new Set();

/** What the provider supports; nothing for an unknown one. */
export function featuresOf(provider: string): ReadonlySet<Feature> {
  return sets.get(provider) ?? none;
}

/** Every provider that supports the feature. */
export function providersWith(feature: Feature): readonly string[] {
  return Object.keys(table).filter((provider) => featuresOf(provider).has(feature));
}

/** Something that a Canary asks and its provider does not do. */
export interface Shortfall {
  readonly feature: Feature;
  /** The field that asks, from `spec`. */
  readonly field: string;
  /** `refused`: without it the release would be another one. `ignored`: the field has no effect. */
  readonly kind: "refused" | "ignored";
}

type Demand = Shortfall & { readonly or?: Feature; asks(canary: Canary): boolean };

const demands: readonly Demand[] = [
  {
    feature: "serviceTarget",
    field: "targetRef",
    kind: "refused",
    asks: ({ spec }) => isPlainService(spec.targetRef),
  },
  analysis("weights", "iterations", "refused", ({ iterations }) => iterations === undefined),
  analysis("abTesting", "match", "refused", ({ match = [] }) => match.length > 0),
  analysis("mirror", "mirror", "refused", ({ mirror, iterations }) => mirror === true && iterations !== undefined),
  analysis("mirrorStep", "mirror", "refused", ({ mirror, iterations }) => mirror === true && iterations === undefined),
  analysis(
    "mirrorWeight",
    "mirrorWeight",
    "ignored",
    ({ mirror, mirrorWeight = 0 }) => mirror === true && mirrorWeight > 0,
  ),
  analysis("sessionAffinity", "sessionAffinity", "refused", ({ sessionAffinity }) => sessionAffinity !== undefined),
  analysis("primaryAffinity", "sessionAffinity.primaryCookieName", "ignored", ({ sessionAffinity }) =>
    Boolean(sessionAffinity?.primaryCookieName),
  ),
  service("tcp", "appProtocol", ({ appProtocol }) => appProtocol?.toLowerCase() === "tcp"),
  service("hosts", "hosts", ({ hosts = [] }) => hosts.length > 0),
  service("gateways", "gateways", ({ gateways = [] }) => gateways.length > 0),
  service("delegation", "delegation", ({ delegation }) => delegation === true),
  { ...service("match", "match", ({ match = [] }) => match.length > 0), or: "matchPrefix" },
  service("rewrite", "rewrite", ({ rewrite }) => rewrite !== undefined),
  service("timeout", "timeout", ({ timeout }) => Boolean(timeout)),
  service("backendTimeout", "backendTimeout", ({ backendTimeout }) => Boolean(backendTimeout)),
  service("retries", "retries", ({ retries }) => retries !== undefined),
  service("headers", "headers", ({ headers }) => headers !== undefined),
  service("cors", "corsPolicy", ({ corsPolicy }) => corsPolicy !== undefined),
  service("trafficPolicy", "trafficPolicy", ({ trafficPolicy }) => trafficPolicy !== undefined),
  service("mirrorTo", "mirror", ({ mirror = [] }) => mirror.length > 0),
  service("meshName", "meshName", ({ meshName }) => Boolean(meshName)),
  service("backends", "backends", ({ backends = [] }) => backends.length > 0),
];

function analysis(
  feature: Feature,
  field: string,
  kind: Shortfall["kind"],
  asks: (analysis: ReturnType<typeof analysisOf>) => boolean,
): Demand {
  const asksAtAll = ({ spec }: Canary): boolean => (spec.analysis ?? spec.canaryAnalysis) !== undefined;
  return {
    feature,
    field: `analysis.${field}`,
    kind,
    asks: (canary) => asksAtAll(canary) && asks(analysisOf(canary)),
  };
}

function service(
  feature: Feature,
  field: string,
  asks: (service: NonNullable<Canary["spec"]["service"]>) => boolean,
): Demand {
  return {
    feature,
    field: `service.${field}`,
    kind: "ignored",
    asks: ({ spec }) => spec.service !== undefined && asks(spec.service),
  };
}

/** What this Canary asks that the provider cannot do. An unknown provider can do nothing. */
export function shortfalls(canary: Canary, provider: string): readonly Shortfall[] {
  const able = featuresOf(provider);
  return demands
    .filter(({ feature, or, asks }) => !able.has(feature) && !(or !== undefined && able.has(or)) && asks(canary))
    .map(({ feature, field, kind }) => ({ feature, field, kind }));
}
