import type { Canary } from "./canary.ts";
import { targetName } from "./defaults.ts";
import { knownKeys } from "./names.ts";
import { isPlainService } from "./targets.ts";

/** Where a field is, and of a list the keys of its items that are ours; without them the whole value is. */
export interface OwnedField {
  readonly path: readonly string[];
  readonly keys?: readonly string[];
}

/** What is ours on the objects that a Canary generates: admission keeps others from changing it. */
export interface OwnedKind {
  readonly group: string;
  readonly versions: readonly string[];
  readonly plural: string;
  readonly kind: string;
  readonly fields: readonly OwnedField[];
  /** What to change instead, for the sentence that refuses. */
  readonly instead: (canary: Canary) => string;
}

const workload = (canary: Canary) => `spec.template of ${canary.spec.targetRef.kind} ${targetName(canary)}`;
const scaler = ({ spec }: Canary) => `${spec.autoscalerRef?.kind ?? "autoscaler"} ${spec.autoscalerRef?.name ?? ""}`;
const service = (canary: Canary) =>
  isPlainService(canary.spec.targetRef)
    ? `Service ${targetName(canary)}`
    : `spec.service of canary ${canary.metadata.name}`;
const route = (canary: Canary) => `spec.service or spec.analysis of canary ${canary.metadata.name}`;

const template = ["spec.template", "spec.selector"].map(field);
const nginx = ["canary", "canary-weight", "canary-by-header", "canary-by-header-value", "canary-by-header-pattern"];
const virtualService = ["http", "tcp", "hosts", "gateways"].map((name) => `spec.${name}`);
const virtualNode = ["meshName", "podSelector", "listeners", "serviceDiscovery", "backends", "logging"].map(
  (name) => `spec.${name}`,
);
const virtualServiceOfMesh = ["meshName", "virtualRouter", "routes", "provider"].map((name) => `spec.${name}`);

/** Kinds that the API server itself knows. */
export const ownedKinds: readonly OwnedKind[] = [
  { group: "apps", versions: ["v1"], plural: "deployments", kind: "Deployment", fields: template, instead: workload },
  { group: "apps", versions: ["v1"], plural: "daemonsets", kind: "DaemonSet", fields: template, instead: workload },
  {
    group: "",
    versions: ["v1"],
    plural: "services",
    kind: "Service",
    // Of a port only what the Canary says: the API server gives out node ports by itself.
    fields: [
      field("spec.selector"),
      { path: ["spec", "ports"], keys: ["name", "protocol", "port", "targetPort", "appProtocol"] },
    ],
    instead: service,
  },
  {
    group: "autoscaling",
    // Writes in other versions are shown as this one.
    versions: ["v2"],
    plural: "horizontalpodautoscalers",
    kind: "HorizontalPodAutoscaler",
    fields: [field("spec")],
    instead: scaler,
  },
  {
    group: "keda.sh",
    versions: ["*"],
    plural: "scaledobjects",
    kind: "ScaledObject",
    fields: [field("spec")],
    instead: scaler,
  },
];

/** A user's own Service of Knative, once it is looked after. */
export const ownedKnativeService: OwnedKind = {
  group: "serving.knative.dev",
  versions: ["v1"],
  plural: "services",
  kind: "Service",
  fields: [mark(knownKeys.primaryRevision), field("spec.traffic")],
  instead: route,
};

/** Kinds of the routing projects. One that is not installed costs nothing. A new router adds what it makes here. */
export const ownedRoutes: readonly OwnedKind[] = [
  ownedRoute("gateway.networking.k8s.io", "httproutes", "HTTPRoute", "spec.rules", "spec.hostnames", "spec.parentRefs"),
  {
    ...ownedRoute("traefik.io", "traefikservices", "TraefikService"),
    // Users add fields of their own to an entry.
    fields: [{ path: ["spec", "weighted", "services"], keys: ["name", "namespace", "port", "weight"] }],
  },
  {
    ...ownedRoute("networking.k8s.io", "ingresses", "Ingress"),
    versions: ["v1"],
    fields: [
      field("spec.rules"),
      ...[...nginx, "canary-by-cookie"].map((name) => mark(`nginx.ingress.kubernetes.io/${name}`)),
      mark("zalando.org/backend-weights"),
      mark("zalando.org/skipper-predicate"),
    ],
  },
  ownedRoute("split.smi-spec.io", "trafficsplits", "TrafficSplit", "spec.service", "spec.backends"),
  ownedRoute("networking.istio.io", "virtualservices", "VirtualService", ...virtualService),
  ownedRoute("networking.istio.io", "destinationrules", "DestinationRule", "spec.host", "spec.trafficPolicy"),
  // App Mesh itself notes what it made of an object in its spec.
  ownedRoute("appmesh.k8s.aws", "virtualnodes", "VirtualNode", ...virtualNode),
  ownedRoute("appmesh.k8s.aws", "virtualrouters", "VirtualRouter", "spec.listeners", "spec.routes"),
  ownedRoute("appmesh.k8s.aws", "virtualservices", "VirtualService", ...virtualServiceOfMesh),
  ownedRoute("projectcontour.io", "httpproxies", "HTTPProxy", "spec.routes"),
  ownedRoute("gateway.solo.io", "routetables", "RouteTable", "spec.routes"),
  ownedRoute("gloo.solo.io", "upstreams", "Upstream", "spec"),
  ownedRoute("apisix.apache.org", "apisixroutes", "ApisixRoute", "spec.http"),
];

function ownedRoute(group: string, plural: string, kind: string, ...paths: readonly string[]): OwnedKind {
  return { group, versions: ["*"], plural, kind, fields: paths.map(field), instead: route };
}

function field(path: string): OwnedField {
  return { path: path.split(".") };
}

function mark(annotation: string): OwnedField {
  return { path: ["metadata", "annotations", annotation] };
}
