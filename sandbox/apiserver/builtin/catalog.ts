/**
 * Which kinds the sandbox serves from the start, with the names a real API server gives them
 * (shared/kube/http/discovery-aggregated.json). What a kind does to its objects stands in `rules.ts`.
 */
import type { ScalePaths } from "../types.ts";

/** One built-in kind, as discovery knows it. */
export interface CatalogEntry {
  readonly group: string;
  /** Served versions, preferred first. */
  readonly versions: readonly string[];
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly status: boolean;
  readonly scale: ScalePaths | undefined;
}

type Options = Partial<Omit<CatalogEntry, "group" | "kind" | "plural">> & { readonly cluster?: boolean };

const allVerbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/** Namespaces are deleted one by one only. */
const verbsWithoutDeleteCollection = allVerbs.filter((verb) => verb !== "deletecollection");

const replicaPaths: ScalePaths = {
  specReplicas: ".spec.replicas",
  statusReplicas: ".status.replicas",
  labelSelector: ".status.selector",
};

function entry(group: string, kind: string, plural: string, options: Options = {}): CatalogEntry {
  return {
    group,
    kind,
    plural,
    versions: options.versions ?? ["v1"],
    singular: options.singular ?? kind.toLowerCase(),
    shortNames: options.shortNames ?? [],
    categories: options.categories ?? [],
    namespaced: options.cluster !== true,
    verbs: options.verbs ?? allVerbs,
    status: options.status ?? false,
    scale: options.scale,
  };
}

const all = ["all"];
const extensions = ["api-extensions"];

const core: readonly CatalogEntry[] = [
  entry("", "ConfigMap", "configmaps", { shortNames: ["cm"] }),
  entry("", "Endpoints", "endpoints", { shortNames: ["ep"] }),
  entry("", "Event", "events", { shortNames: ["ev"] }),
  entry("", "Namespace", "namespaces", {
    shortNames: ["ns"],
    cluster: true,
    status: true,
    verbs: verbsWithoutDeleteCollection,
  }),
  entry("", "Node", "nodes", { shortNames: ["no"], cluster: true, status: true }),
  entry("", "PersistentVolumeClaim", "persistentvolumeclaims", { shortNames: ["pvc"], status: true }),
  entry("", "Pod", "pods", { shortNames: ["po"], categories: all, status: true }),
  entry("", "Secret", "secrets"),
  entry("", "ServiceAccount", "serviceaccounts", { shortNames: ["sa"] }),
  entry("", "Service", "services", { shortNames: ["svc"], categories: all, status: true }),
];

const apps: readonly CatalogEntry[] = [
  entry("apps", "ControllerRevision", "controllerrevisions"),
  entry("apps", "DaemonSet", "daemonsets", { shortNames: ["ds"], categories: all, status: true }),
  entry("apps", "Deployment", "deployments", {
    shortNames: ["deploy"],
    categories: all,
    status: true,
    scale: replicaPaths,
  }),
  entry("apps", "ReplicaSet", "replicasets", {
    shortNames: ["rs"],
    categories: all,
    status: true,
    scale: replicaPaths,
  }),
  entry("apps", "StatefulSet", "statefulsets", {
    shortNames: ["sts"],
    categories: all,
    status: true,
    scale: replicaPaths,
  }),
];

const others: readonly CatalogEntry[] = [
  entry("events.k8s.io", "Event", "events", { shortNames: ["ev"] }),
  entry("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers", {
    versions: ["v2", "v1"],
    shortNames: ["hpa"],
    categories: all,
    status: true,
  }),
  entry("batch", "CronJob", "cronjobs", { shortNames: ["cj"], categories: all, status: true }),
  entry("batch", "Job", "jobs", { categories: all, status: true }),
  entry("networking.k8s.io", "IngressClass", "ingressclasses", { cluster: true }),
  entry("networking.k8s.io", "Ingress", "ingresses", { shortNames: ["ing"], status: true }),
  entry("networking.k8s.io", "NetworkPolicy", "networkpolicies", { shortNames: ["netpol"] }),
  entry("policy", "PodDisruptionBudget", "poddisruptionbudgets", { shortNames: ["pdb"], status: true }),
  entry("rbac.authorization.k8s.io", "ClusterRoleBinding", "clusterrolebindings", { cluster: true }),
  entry("rbac.authorization.k8s.io", "ClusterRole", "clusterroles", { cluster: true }),
  entry("rbac.authorization.k8s.io", "RoleBinding", "rolebindings"),
  entry("rbac.authorization.k8s.io", "Role", "roles"),
  entry("admissionregistration.k8s.io", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", {
    cluster: true,
    categories: extensions,
  }),
  entry("admissionregistration.k8s.io", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", {
    cluster: true,
    categories: extensions,
    status: true,
  }),
  entry("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", {
    cluster: true,
    categories: extensions,
  }),
  entry("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", {
    cluster: true,
    categories: extensions,
  }),
  entry("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions", {
    cluster: true,
    shortNames: ["crd", "crds"],
    categories: extensions,
    status: true,
  }),
  entry("scheduling.k8s.io", "PriorityClass", "priorityclasses", { shortNames: ["pc"], cluster: true }),
  entry("coordination.k8s.io", "Lease", "leases"),
  entry("discovery.k8s.io", "EndpointSlice", "endpointslices"),
];

/** In the order of discovery within each group. */
export const catalog: readonly CatalogEntry[] = [...core, ...apps, ...others];
