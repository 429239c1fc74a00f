import { readFile } from "node:fs/promises";
import { load, loadAll } from "js-yaml";
import { configurationName, type RawObject, type Resource } from "../../api/index.ts";
import { type Api, createApi } from "../../controller/kube/api.ts";
import { loadKubeConfig } from "../../controller/kube/config.ts";
import { createTransport, type Transport } from "../../controller/kube/transport.ts";

/** A cluster as its administrator uses it. */
export interface AdminCluster {
  readonly api: Api;
  readonly transport: Transport;
  /** Applies every object of a YAML file, in order. Answers with what admission had to say. */
  applyFile(file: string): Promise<readonly string[]>;
  apply(object: RawObject): Promise<readonly string[]>;
  close(): Promise<void>;
}

export const resources = {
  deployments: { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" },
  services: { group: "", version: "v1", plural: "services", kind: "Service" },
  namespaces: { group: "", version: "v1", plural: "namespaces", kind: "Namespace" },
  events: { group: "", version: "v1", plural: "events", kind: "Event" },
  endpointSlices: { group: "discovery.k8s.io", version: "v1", plural: "endpointslices", kind: "EndpointSlice" },
  scalers: { group: "autoscaling", version: "v2", plural: "horizontalpodautoscalers", kind: "HorizontalPodAutoscaler" },
  crds: {
    group: "apiextensions.k8s.io",
    version: "v1",
    plural: "customresourcedefinitions",
    kind: "CustomResourceDefinition",
  },
  mutating: {
    group: "admissionregistration.k8s.io",
    version: "v1",
    plural: "mutatingwebhookconfigurations",
    kind: "MutatingWebhookConfiguration",
  },
  validating: {
    group: "admissionregistration.k8s.io",
    version: "v1",
    plural: "validatingwebhookconfigurations",
    kind: "ValidatingWebhookConfiguration",
  },
  serviceAccounts: { group: "", version: "v1", plural: "serviceaccounts", kind: "ServiceAccount" },
  clusterRoles: { group: "rbac.authorization.k8s.io", version: "v1", plural: "clusterroles", kind: "ClusterRole" },
  clusterRoleBindings: {
    group: "rbac.authorization.k8s.io",
    version: "v1",
    plural: "clusterrolebindings",
    kind: "ClusterRoleBinding",
  },
  roles: { group: "rbac.authorization.k8s.io", version: "v1", plural: "roles", kind: "Role" },
  roleBindings: { group: "rbac.authorization.k8s.io", version: "v1", plural: "rolebindings", kind: "RoleBinding" },
  gateways: { group: "gateway.networking.k8s.io", version: "v1", plural: "gateways", kind: "Gateway" },
  routes: { group: "gateway.networking.k8s.io", version: "v1", plural: "httproutes", kind: "HTTPRoute" },
  ingressRoutes: { group: "traefik.io", version: "v1alpha1", plural: "ingressroutes", kind: "IngressRoute" },
  canaries: { group: "flagger.app", version: "v1beta1", plural: "canaries", kind: "Canary" },
  templates: { group: "flagger.app", version: "v1beta1", plural: "metrictemplates", kind: "MetricTemplate" },
} as const satisfies Record<string, Resource>;

const byKind: ReadonlyMap<string, Resource> = new Map(
  Object.values(resources).map((resource) => [resource.kind, resource]),
);

export async function connect(kubeconfig: string): Promise<AdminCluster> {
  const transport = createTransport(await loadKubeConfig({ path: kubeconfig, env: {} }), { userAgent: "weir-demo" });
  const api = createApi(transport);
  const apply = async (object: RawObject): Promise<readonly string[]> => {
    const resource = byKind.get(object.kind);
    if (resource === undefined) throw new Error(`the demo does not know the kind ${object.kind}`);
    const warnings: string[] = [];
    await api.apply(resource, object, { fieldManager: "kubectl", onWarning: (text) => warnings.push(text) });
    return warnings;
  };
  return {
    api,
    transport,
    apply,
    async applyFile(file) {
      const documents = loadAll(await readFile(file, "utf8")) as (RawObject | null)[];
      const warnings: string[] = [];
      for (const object of documents) if (object !== null) warnings.push(...(await apply(object)));
      return warnings;
    },
    close: () => transport.close(),
  };
}

/**
 * Configurations without a webhook, for a server outside of the cluster: it may fill in its URL (patch), but only an
 * administrator makes them.
 */
export const emptyConfigurations: readonly RawObject[] = [resources.mutating, resources.validating].map(
  ({ group, version, kind }) => ({ apiVersion: `${group}/${version}`, kind, metadata: { name: configurationName } }),
);

/** Reads one object from a YAML file of one document. */
export async function readObject(file: string): Promise<RawObject> {
  return load(await readFile(file, "utf8")) as RawObject;
}
