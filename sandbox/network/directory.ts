import type { Client, KubeObject } from "../apiserver/types.ts";

/** A pod's port that answers for a Service, and who it is in metrics. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** `http://host:port`. */
  readonly origin: string;
  readonly namespace: string;
  readonly pod: string;
  /** The Deployment (or DaemonSet, …) behind the pod. */
  readonly workload: string;
  readonly app: string;
  readonly version: string;
}

/** Services and who is ready to answer for them, kept up to date from the API. */
export interface Directory {
  service(namespace: string, name: string): KubeObject | undefined;
  services(): Iterable<KubeObject>;
  /** Ready endpoints of a Service's port, by number or name. Empty when there are none. */
  ready(namespace: string, service: string, port: number | string): readonly Endpoint[];
  /** Pods that run, for scraping. */
  pods(): Iterable<KubeObject>;
  /** Called with every address whose pod is gone. */
  onGone(listener: (ip: string) => void): void;
  onServices(listener: () => void): void;
  stop(): void;
}

interface Slice {
  readonly service: string;
  readonly object: KubeObject;
}

interface SliceEndpoint {
  addresses?: string[];
  conditions?: { ready?: boolean; terminating?: boolean };
  targetRef?: { kind?: string; name?: string };
}

interface SlicePort {
  name?: string | null;
  port?: number | null;
}

interface ServicePort {
  name?: string;
  port: number;
}

/** Where a pod's port is really listened on; the address itself where pods have addresses of their own. */
export type Locate = (address: string, port: number) => { readonly host: string; readonly port: number };

/** Watches Services, EndpointSlices and Pods. */
export function watchDirectory(client: Client, locate: Locate): Directory {
  const services = new Map<string, KubeObject>();
  const slices = new Map<string, Slice>();
  const slicesOf = new Map<string, Set<string>>();
  const pods = new Map<string, KubeObject>();
  const cache = new Map<string, readonly Endpoint[]>();
  const gone: ((ip: string) => void)[] = [];
  const changed: (() => void)[] = [];

  const stops = [
    client.watch("services", ({ type, object }) => {
      if (type === "DELETED") services.delete(idOf(object));
      else services.set(idOf(object), object);
      cache.clear();
      for (const listener of changed) listener();
    }),
    client.watch("endpointslices.discovery.k8s.io", ({ type, object }) => {
      const service = `${object.metadata.namespace}/${object.metadata.labels?.["kubernetes.io/service-name"]}`;
      if (type === "DELETED") slices.delete(idOf(object));
      else slices.set(idOf(object), { service, object });
      const names = slicesOf.get(service) ?? new Set();
      if (type === "DELETED") names.delete(idOf(object));
      else names.add(idOf(object));
      slicesOf.set(service, names);
      cache.clear();
    }),
    client.watch("pods", ({ type, object }) => {
      if (type === "DELETED") pods.delete(idOf(object));
      else pods.set(idOf(object), object);
      cache.clear();
      const ip = object["status"]?.podIP;
      if (type === "DELETED" && typeof ip === "string") for (const listener of gone) listener(ip);
    }),
  ];

  const read = (namespace: string, name: string, port: number | string): readonly Endpoint[] => {
    const service = services.get(`${namespace}/${name}`);
    const ports: ServicePort[] = service?.["spec"]?.ports ?? [];
    const wanted = ports.find((candidate) => candidate.port === port || candidate.name === port);
    if (wanted === undefined) return [];
    const found: Endpoint[] = [];
    for (const id of slicesOf.get(`${namespace}/${name}`) ?? []) {
      const slice = slices.get(id)?.object;
      const slicePort = ((slice?.["ports"] ?? []) as SlicePort[]).find(
        (one) => (one.name ?? "") === (wanted.name ?? ""),
      );
      if (slice === undefined || typeof slicePort?.port !== "number") continue;
      for (const endpoint of (slice["endpoints"] ?? []) as SliceEndpoint[]) {
        const pod = pods.get(`${namespace}/${endpoint.targetRef?.name}`);
        if (isReady(endpoint, pod))
          found.push(describe(endpoint, locate(endpoint.addresses?.[0] ?? "", slicePort.port), namespace, pod));
      }
    }
    return found;
  };

  return {
    service: (namespace, name) => services.get(`${namespace}/${name}`),
    services: () => services.values(),
    ready: (namespace, service, port) => {
      const key = `${namespace}/${service}:${port}`;
      let found = cache.get(key);
      if (found === undefined) {
        found = read(namespace, service, port);
        cache.set(key, found);
      }
      return found;
    },
    pods: () => pods.values(),
    onGone: (listener) => gone.push(listener),
    onServices: (listener) => changed.push(listener),
    stop: () => {
      for (const stop of stops) stop();
    },
  };
}

/** A pod that is being deleted leaves at once, even when its EndpointSlice says so only a moment later. */
function isReady(endpoint: SliceEndpoint, pod: KubeObject | undefined): boolean {
  if (endpoint.conditions?.ready === false || endpoint.conditions?.terminating === true) return false;
  return pod?.metadata.deletionTimestamp === undefined;
}

function describe(
  endpoint: SliceEndpoint,
  { host, port }: ReturnType<Locate>,
  namespace: string,
  pod: KubeObject | undefined,
): Endpoint {
  const labels = pod?.metadata.labels ?? {};
  return {
    host,
    port,
    origin: `http://${host}:${port}`,
    namespace,
    pod: endpoint.targetRef?.name ?? "",
    workload: workloadOf(pod),
    app: labels["app.kubernetes.io/name"] ?? labels["app"] ?? "unknown",
    version: labels["app.kubernetes.io/version"] ?? labels["version"] ?? "unknown",
  };
}

/** The workload as a mesh names it: the controlling owner, without the template hash that a ReplicaSet's name ends in. */
function workloadOf(pod: KubeObject | undefined): string {
  const owner = pod?.metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (pod === undefined || owner === undefined) return pod?.metadata.name ?? "unknown";
  const hash = pod.metadata.labels?.["pod-template-hash"];
  const ending = `-${hash}`;
  return hash !== undefined && owner.name.endsWith(ending) ? owner.name.slice(0, -ending.length) : owner.name;
}

function idOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
}
