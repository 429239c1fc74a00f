/** What the service account of a new pod gives to it: a token, where programs look for one. */
import { type Call, type Cluster, keyOfResource } from "./cluster.ts";
import { randomSuffix } from "./metadata.ts";
import { ApiError, clone, type KubeObject } from "./types.ts";

const mountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
/** A little more than an hour tells these tokens from those that people ask for. */
const tokenSeconds = 3_607;
const readableByAll = 0o644;

interface Container {
  readonly volumeMounts?: readonly { readonly mountPath?: string; readonly [field: string]: unknown }[];
}

interface PodSpec {
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly unknown[];
}

/** The pod with the token mounted; other objects as they are. Throws 403 when the account does not exist. */
export function withServiceAccount(cluster: Cluster, call: Call, object: KubeObject): KubeObject {
  const { resource, namespace } = call.request;
  if (keyOfResource(resource) !== "pods") return object;
  const spec = object["spec"] as PodSpec;
  const name = spec.serviceAccountName ?? "default";
  const account = cluster.store.get("serviceaccounts", namespace, name);
  // The account that every namespace gets may still be on its way.
  if (account === undefined && name !== "default") throw unknownAccount(object, `${namespace}/${name}`, name);
  const mounts = spec.automountServiceAccountToken ?? account?.["automountServiceAccountToken"] ?? true;
  if (account === undefined || mounts === false) return object;
  return { ...object, spec: withToken(spec) };
}

function withToken(spec: PodSpec): PodSpec {
  const all = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  const isMounted = ({ volumeMounts = [] }: Container) => volumeMounts.some((mount) => mount.mountPath === mountPath);
  if (all.every(isMounted)) return spec;
  const name = `kube-api-access-${randomSuffix()}`;
  const mounted = (container: Container): Container =>
    isMounted(container)
      ? container
      : { ...container, volumeMounts: [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath }] };
  return {
    ...spec,
    volumes: [...(spec.volumes ?? []), { name, projected: { sources: clone(sources), defaultMode: readableByAll } }],
    containers: (spec.containers ?? []).map(mounted),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(mounted) }),
  };
}

const sources = [
  { serviceAccountToken: { expirationSeconds: tokenSeconds, path: "token" } },
  { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
  {
    downwardAPI: {
      items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
    },
  },
];

function unknownAccount(object: KubeObject, path: string, account: string): ApiError {
  const { name = "" } = object.metadata;
  const why = `error looking up service account ${path}: serviceaccount ${JSON.stringify(account)} not found`;
  const message = `pods ${JSON.stringify(name)} is forbidden: ${why}`;
  return new ApiError(403, "Forbidden", message, { name, kind: "pods" });
}
