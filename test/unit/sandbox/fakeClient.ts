import { ApiError, type Client, type KubeObject, keyOf, type WatchType } from "../../../sandbox/apiserver/types.ts";

type Listener = (event: { type: WatchType; object: KubeObject }) => void;

/** A cluster's API reduced to storage: no validation, no admission. Statuses and specs merge as JSON merge patches do. */
export interface FakeCluster {
  readonly client: Client;
  put(key: string, object: KubeObject): KubeObject;
  remove(key: string, namespace: string, name: string): void;
  read(key: string, namespace: string, name: string): KubeObject | undefined;
  /** Holds patches back until the promise resolves. */
  delayWrites(until: Promise<void>): void;
  /** Writes so far, as `verb key namespace/name`. */
  readonly writes: string[];
}

export function createFakeCluster(): FakeCluster {
  const objects = new Map<string, Map<string, KubeObject>>();
  const listeners = new Map<string, Set<Listener>>();
  const writes: string[] = [];
  let revision = 0;
  let held = Promise.resolve();
  const of = (key: string): Map<string, KubeObject> => {
    const found = objects.get(key) ?? new Map<string, KubeObject>();
    objects.set(key, found);
    return found;
  };
  const tell = (key: string, type: WatchType, object: KubeObject): void => {
    for (const listener of listeners.get(key) ?? []) listener({ type, object });
  };
  const put = (key: string, object: KubeObject): KubeObject => {
    const id = `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
    const old = of(key).get(id);
    const specChanged = JSON.stringify(old?.["spec"]) !== JSON.stringify(object["spec"]);
    const generation = (old?.metadata.generation ?? 0) + (specChanged ? 1 : 0);
    const metadata = { uid: `uid-${id}`, ...object.metadata, generation, resourceVersion: String(++revision) };
    const stored = structuredClone({ ...object, metadata });
    of(key).set(id, stored);
    tell(key, old === undefined ? "ADDED" : "MODIFIED", stored);
    return stored;
  };
  const remove = (key: string, namespace: string, name: string): void => {
    const old = of(key).get(`${namespace}/${name}`);
    of(key).delete(`${namespace}/${name}`);
    if (old !== undefined) tell(key, "DELETED", old);
  };
  const client: Client = {
    get: (key, namespace, name) => of(key).get(`${namespace}/${name}`),
    list: (key) => [...of(key).values()],
    create: async (key, object) => {
      writes.push(`create ${key} ${object.metadata.namespace}/${object.metadata.name}`);
      return put(key, object);
    },
    update: async (key, object) => put(key, object),
    patch: async (key, namespace, name, _type, body) => {
      writes.push(`patch ${key} ${namespace}/${name}`);
      await held;
      const old = of(key).get(`${namespace}/${name}`);
      if (old === undefined) throw new ApiError(404, "NotFound", `${key} "${name}" not found`);
      return put(key, merge(old, body) as KubeObject);
    },
    delete: async (key, namespace, name) => remove(key, namespace, name),
    watch: (key, listener) => {
      const all = listeners.get(key) ?? new Set();
      listeners.set(key, all.add(listener));
      for (const object of of(key).values()) listener({ type: "ADDED", object });
      return () => all.delete(listener);
    },
  };
  const delayWrites = (until: Promise<void>): void => {
    held = until;
  };
  return {
    client,
    put,
    remove,
    delayWrites,
    read: (key, namespace, name) => of(key).get(`${namespace}/${name}`),
    writes,
  };
}

function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const merged: Record<string, unknown> = { ...(target as Record<string, unknown>) };
  for (const [key, value] of Object.entries(patch)) merged[key] = merge(merged[key], value);
  return merged;
}

/** A Service with one port and the EndpointSlice and Pods behind it; `addresses` are `127.x.y.z:port` of what really listens. */
export function putService(
  cluster: FakeCluster,
  namespace: string,
  name: string,
  port: number,
  pods: readonly FakePod[],
): void {
  cluster.put("services", {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace, name },
    spec: { ports: [{ name: "http", port, targetPort: "http" }] },
  });
  for (const pod of pods) putPod(cluster, namespace, pod);
  putSlice(cluster, namespace, name, pods);
}

export interface FakePod {
  readonly workload: string;
  readonly name: string;
  readonly ip: string;
  readonly port: number;
  readonly ready?: boolean;
}

export function putSlice(cluster: FakeCluster, namespace: string, service: string, pods: readonly FakePod[]): void {
  cluster.put(keyOf("discovery.k8s.io", "endpointslices"), {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { namespace, name: `${service}-abc`, labels: { "kubernetes.io/service-name": service } },
    ports: [{ name: "http", port: pods[0]?.port ?? 0 }],
    endpoints: pods.map((pod) => ({
      addresses: [pod.ip],
      conditions: { ready: pod.ready ?? true },
      targetRef: { kind: "Pod", name: pod.name },
    })),
  });
}

function putPod(cluster: FakeCluster, namespace: string, pod: FakePod): void {
  cluster.put("pods", {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      namespace,
      name: pod.name,
      labels: { app: pod.workload, "pod-template-hash": "6d5f" },
      annotations: { "prometheus.io/scrape": "true", "prometheus.io/port": String(pod.port) },
      ownerReferences: [
        { apiVersion: "apps/v1", kind: "ReplicaSet", name: `${pod.workload}-6d5f`, uid: "r", controller: true },
      ],
    },
    status: { podIP: pod.ip, phase: "Running" },
  });
}
