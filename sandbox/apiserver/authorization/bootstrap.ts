/** The roles and bindings that every cluster starts with, as far as the sandbox has something that they speak of. */
import type { Client, KubeObject } from "../types.ts";
import type { PolicyRule } from "./rules.ts";

const apiVersion = "rbac.authorization.k8s.io/v1";
const bootstrapLabels = { "kubernetes.io/bootstrapping": "rbac-defaults" };
const annotations = { "rbac.authorization.kubernetes.io/autoupdate": "true" };
const aggregateTo = (role: string): string => `rbac.authorization.k8s.io/aggregate-to-${role}`;

const everyVerb = ["*"];
const reading = ["get", "list", "watch"];
const writing = ["create", "delete", "deletecollection", "patch", "update"];

function rule(apiGroup: string, resources: readonly string[], verbs: readonly string[]): PolicyRule {
  return { apiGroups: [apiGroup], resources, verbs };
}

function paths(...nonResourceURLs: string[]): PolicyRule {
  return { nonResourceURLs, verbs: ["get"] };
}

function clusterRole(name: string, rules: readonly PolicyRule[], labels: Record<string, string> = {}): KubeObject {
  const metadata = { name, labels: { ...bootstrapLabels, ...labels }, annotations };
  return { apiVersion, kind: "ClusterRole", metadata, rules };
}

/** Its rules come from the roles with the label of its name; it goes into the role above it. */
function aggregated(name: string, goesInto?: string): KubeObject {
  const selector = { matchLabels: { [aggregateTo(name)]: "true" } };
  const labels = goesInto === undefined ? {} : { [aggregateTo(goesInto)]: "true" };
  return { ...clusterRole(name, [], labels), aggregationRule: { clusterRoleSelectors: [selector] } };
}

function part(of: string, rules: readonly PolicyRule[]): KubeObject {
  return clusterRole(`system:aggregate-to-${of}`, rules, { [aggregateTo(of)]: "true" });
}

function groupBinding(role: string, ...groups: string[]): KubeObject {
  const subjects = groups.map((name) => ({ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name }));
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role };
  const metadata = { name: role, labels: bootstrapLabels, annotations };
  return { apiVersion, kind: "ClusterRoleBinding", metadata, roleRef, subjects };
}

const scalable = ["deployments/scale", "replicasets/scale", "statefulsets/scale"];
const workloads = ["daemonsets", "deployments", "replicasets", "statefulsets"];
const throughPods = ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy"];
const configured = ["configmaps", "persistentvolumeclaims", "serviceaccounts", "services"];

const administration = [
  rule("authorization.k8s.io", ["localsubjectaccessreviews"], ["create"]),
  rule("rbac.authorization.k8s.io", ["rolebindings", "roles"], [...writing, ...reading]),
];

const edition = [
  rule("", [...throughPods, "secrets", "services/proxy"], reading),
  rule("", ["serviceaccounts"], ["impersonate"]),
  rule("", ["pods", ...throughPods], writing),
  rule("", ["pods/eviction", "serviceaccounts/token"], ["create"]),
  rule("", [...configured, "events", "secrets", "services/proxy"], writing),
  rule("apps", [...workloads, ...scalable, "deployments/rollback"], writing),
  rule("autoscaling", ["horizontalpodautoscalers"], writing),
  rule("batch", ["cronjobs", "jobs"], writing),
  rule("policy", ["poddisruptionbudgets"], writing),
  rule("networking.k8s.io", ["ingresses", "networkpolicies"], writing),
  rule("coordination.k8s.io", ["leases"], [...writing, ...reading]),
];

const sight = [
  rule("", [...configured, "endpoints", "pods", "services/status"], reading),
  rule("", ["bindings", "events", "limitranges", "namespaces/status", "pods/log", "pods/status"], reading),
  rule("", ["resourcequotas", "resourcequotas/status", "namespaces"], reading),
  rule("discovery.k8s.io", ["endpointslices"], reading),
  rule("apps", [...workloads, ...workloads.map((plural) => `${plural}/status`), ...scalable], reading),
  rule("apps", ["controllerrevisions"], reading),
  rule("autoscaling", ["horizontalpodautoscalers", "horizontalpodautoscalers/status"], reading),
  rule("batch", ["cronjobs", "cronjobs/status", "jobs", "jobs/status"], reading),
  rule("policy", ["poddisruptionbudgets", "poddisruptionbudgets/status"], reading),
  rule("networking.k8s.io", ["ingresses", "ingresses/status", "networkpolicies"], reading),
];

const health = ["/healthz", "/livez", "/readyz"];
const version = ["/version", "/version/"];
const documents = ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz"];
const issuerDocuments = ["/.well-known/openid-configuration", "/openid/v1/jwks"].flatMap((path) => [path, `${path}/`]);

/** In the order in which they are to be created. */
const bootstrapObjects: readonly KubeObject[] = [
  clusterRole("cluster-admin", [
    { apiGroups: ["*"], resources: ["*"], verbs: everyVerb },
    { nonResourceURLs: ["*"], verbs: everyVerb },
  ]),
  aggregated("admin"),
  aggregated("edit", "admin"),
  aggregated("view", "edit"),
  part("admin", administration),
  part("edit", edition),
  part("view", sight),
  clusterRole("system:public-info-viewer", [paths(...health, ...version)]),
  clusterRole("system:service-account-issuer-discovery", [paths(...issuerDocuments)]),
  clusterRole("system:basic-user", [
    rule("authorization.k8s.io", ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], ["create"]),
    rule("authentication.k8s.io", ["selfsubjectreviews"], ["create"]),
  ]),
  clusterRole("system:discovery", [paths(...documents, ...version), paths("/.well-known", "/.well-known/*")]),
  clusterRole("system:monitoring", [paths(...health, ...health.map((path) => `${path}/*`), "/metrics")]),
  groupBinding("cluster-admin", "system:masters"),
  groupBinding("system:public-info-viewer", "system:authenticated", "system:unauthenticated"),
  groupBinding("system:service-account-issuer-discovery", "system:serviceaccounts"),
  groupBinding("system:basic-user", "system:authenticated"),
  groupBinding("system:discovery", "system:authenticated"),
  groupBinding("system:monitoring", "system:monitoring"),
];

/** Creates what is not there. What somebody changed since the first start stays changed. */
export async function createRoles(client: Client): Promise<void> {
  for (const object of bootstrapObjects) {
    const plural = object.kind === "ClusterRole" ? "clusterroles" : "clusterrolebindings";
    const key = `${plural}.rbac.authorization.k8s.io`;
    if (client.get(key, "", object.metadata.name ?? "") === undefined) await client.create(key, object);
  }
}
