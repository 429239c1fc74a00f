/** What a provider can do with traffic, or with a field of `spec.service`. */
export type Feature =
  | "weights"
  | "abTesting"
  | "blueGreen"
  | "mirror" // together with iterations
  | "mirrorStep" // before the first weight
  | "mirrorWeight"
  | "sessionAffinity"
  | "primaryAffinity"
  | "tcp";

const smi = ["weights", "blueGreen"] as const;
const ingress = ["weights", "abTesting", "blueGreen"] as const;
const split = ["weights", "blueGreen"] as const;

const table: Readonly<Record<string, readonly Feature[]>> = {
  kubernetes: ["blueGreen"],
  istio: [
    "weights",
    "abTesting",
    "blueGreen",
    "mirror",
    "mirrorStep",
    "mirrorWeight",
    "sessionAffinity",
    "primaryAffinity",
    "tcp",
  ],
  "gatewayapi:v1": ["weights", "abTesting", "blueGreen", "mirror", "sessionAffinity", "primaryAffinity"],
  "gatewayapi:v1beta1": ["weights", "abTesting", "blueGreen", "mirror", "sessionAffinity"],
  linkerd: smi,
  osm: smi,
  "smi:v1alpha1": smi,
  "smi:v1alpha2": smi,
  "smi:v1alpha3": smi,
  appmesh: ingress,
  "appmesh:v1beta2": ingress,
  contour: ingress,
  gloo: ingress,
  nginx: ingress,
  skipper: split,
  traefik: split,
  kuma: split,
  apisix: split,
  knative: split,
};

const sets = new Map(Object.entries(table).map(([provider, features]) => [provider, new Set(features)]));
const none: ReadonlySet<Feature> = new Set();

/** What the provider supports; nothing for an unknown one. */
export function featuresOf(provider: string): ReadonlySet<Feature> {
  return sets.get(provider) ?? none;
}

/** Every provider that supports the feature. */
export function providersWith(feature: Feature): readonly string[] {
  return Object.keys(table).filter((provider) => featuresOf(provider).has(feature));
}
