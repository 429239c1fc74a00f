/** EndpointSlices: where the pods of a Service listen, and which of them may be given traffic. */
import { isDeepStrictEqual } from "node:util";
import type { KubeObject } from "../apiserver/types.ts";
import type { Access } from "./access.ts";
import { ENDPOINT_SLICES, type Node, type Pod, type Service } from "./kinds.ts";
import { entryOf } from "./maps.ts";
import { conditionOf, controllerReference, isReady, splitKey } from "./metadata.ts";
import type { KeyQueue } from "./queue.ts";
import { backendsOf, type EndpointPort, hasBackends, portsOf, watchBackends } from "./serviceBackends.ts";

export const SERVICE_NAME = "kubernetes.io/service-name";
export const MANAGED_BY = "endpointslice.kubernetes.io/managed-by";
const MANAGER = "endpointslice-controller.k8s.io";
const HEADLESS = "service.kubernetes.io/headless";
const TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time";
const MOST_PER_SLICE = 100;

export interface Endpoint {
  addresses: string[];
  conditions: { ready: boolean; serving: boolean; terminating: boolean };
  targetRef: { kind: "Pod"; namespace: string; name: string; uid: string };
  nodeName?: string;
  zone?: string;
}

export interface EndpointSlice extends KubeObject {
  addressType: string;
  endpoints: Endpoint[] | null;
  ports: EndpointPort[] | null;
}

/** Enqueues Services for changes of themselves, of their pods and of their slices. */
export function watchEndpoints(access: Access, queue: KeyQueue): void {
  watchBackends(access, queue);
  access.informer<EndpointSlice>(ENDPOINT_SLICES).listen(({ object }) => {
    const service = object.metadata.labels?.[SERVICE_NAME];
    const mine = object.metadata.labels?.[MANAGED_BY] === MANAGER;
    if (service !== undefined && mine) queue.add(`${object.metadata.namespace}/${service}`);
  });
}

/** Syncs Services; remembers which changes it has already reported as triggers. */
export class EndpointController {
  readonly #access: Access;
  /** By Service: the times of itself (`""`) and of its pods. */
  readonly #triggers = new Map<string, ReadonlyMap<string, string>>();

  constructor(access: Access) {
    this.#access = access;
  }

  async sync(key: string): Promise<undefined> {
    const { namespace, name } = splitKey(key);
    const service = this.#access.informer<Service>("services").get(namespace, name);
    const slices = this.#slicesOf(namespace, name);
    if (service === undefined) {
      this.#triggers.delete(key);
      for (const slice of slices) await this.#access.remove(ENDPOINT_SLICES, slice);
      return undefined;
    }
    if (!hasBackends(service)) return undefined;
    const pods = backendsOf(service, this.#access.informer<Pod>("pods").list(namespace));
    await this.#write(service, slices, pods, this.#trigger(key, service, pods));
    return undefined;
  }

  #slicesOf(namespace: string, service: string): EndpointSlice[] {
    const slices = this.#access.informer<EndpointSlice>(ENDPOINT_SLICES).list(namespace);
    return slices
      .filter(({ metadata }) => metadata.labels?.[SERVICE_NAME] === service && metadata.labels[MANAGED_BY] === MANAGER)
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  /** The time of the oldest change that was not reported yet: how long proxies have been waiting for this. */
  #trigger(key: string, service: Service, pods: readonly Pod[]): string | undefined {
    const times = new Map([["", service.metadata.creationTimestamp ?? ""]]);
    for (const { metadata, status } of pods)
      times.set(metadata.name ?? "", conditionOf(status?.conditions, "Ready")?.lastTransitionTime ?? "");
    const reported = this.#triggers.get(key);
    this.#triggers.set(key, times);
    return [...times].flatMap(([name, time]) => (time > (reported?.get(name) ?? "") ? [time] : [])).sort()[0];
  }

  async #write(
    service: Service,
    slices: EndpointSlice[],
    pods: readonly Pod[],
    trigger: string | undefined,
  ): Promise<void> {
    const spare = [...slices].sort((a, b) => (a.metadata.name ?? "").localeCompare(b.metadata.name ?? ""));
    for (const { ports, endpoints } of this.#wanted(service, pods)) {
      const same = spare.findIndex((slice) => isDeepStrictEqual(slice.ports ?? [], ports));
      const [slice] = spare.splice(Math.max(same, 0), 1);
      const labels = labelsOf(service);
      if (slice === undefined) {
        await this.#access.create(ENDPOINT_SLICES, newSlice(service, labels, ports, endpoints, trigger));
        continue;
      }
      const unchanged =
        isDeepStrictEqual(slice.endpoints ?? [], endpoints) &&
        isDeepStrictEqual(slice.ports ?? [], ports) &&
        isDeepStrictEqual(slice.metadata.labels, labels);
      if (unchanged) continue;
      await this.#access.update<EndpointSlice>(ENDPOINT_SLICES, {
        ...slice,
        metadata: { ...slice.metadata, labels, annotations: annotationsOf(slice, trigger) },
        endpoints: endpoints.length === 0 ? null : endpoints,
        ports: ports.length === 0 ? null : ports,
      });
    }
    for (const slice of spare) await this.#access.remove(ENDPOINT_SLICES, slice);
  }

  /** One slice per set of port numbers: pods may give one port name different numbers. */
  #wanted(service: Service, pods: readonly Pod[]): { ports: EndpointPort[]; endpoints: Endpoint[] }[] {
    const groups = new Map<string, { ports: EndpointPort[]; endpoints: Endpoint[] }>();
    for (const pod of pods) {
      const ports = portsOf(service, pod);
      const key = JSON.stringify(ports);
      const group = entryOf(groups, key, () => ({ ports, endpoints: [] as Endpoint[] }));
      group.endpoints.push(
        endpointOf(service, pod, this.#access.informer<Node>("nodes").get("", pod.spec.nodeName ?? "")),
      );
    }
    if (groups.size === 0) return [{ ports: [], endpoints: [] }];
    return [...groups.values()].flatMap(({ ports, endpoints }) =>
      Array.from({ length: Math.ceil(endpoints.length / MOST_PER_SLICE) }, (_, index) => ({
        ports,
        endpoints: endpoints.slice(index * MOST_PER_SLICE, (index + 1) * MOST_PER_SLICE),
      })),
    );
  }
}

function newSlice(
  service: Service,
  labels: Record<string, string>,
  ports: EndpointPort[],
  endpoints: Endpoint[],
  trigger: string | undefined,
): KubeObject {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      generateName: `${service.metadata.name}-`,
      namespace: service.metadata.namespace ?? "",
      labels,
      ...(trigger === undefined ? {} : { annotations: { [TRIGGER_TIME]: trigger } }),
      ownerReferences: [controllerReference(service)],
    },
    addressType: "IPv4",
    endpoints: endpoints.length === 0 ? null : endpoints,
    ports: ports.length === 0 ? null : ports,
  };
}

function labelsOf(service: Service): Record<string, string> {
  const headless: Record<string, string> = service.spec.clusterIP === "None" ? { [HEADLESS]: "" } : {};
  const { [HEADLESS]: _headless, ...own } = service.metadata.labels ?? {};
  return { ...own, ...headless, [MANAGED_BY]: MANAGER, [SERVICE_NAME]: service.metadata.name ?? "" };
}

function annotationsOf(slice: EndpointSlice, trigger: string | undefined): Record<string, string> {
  const { [TRIGGER_TIME]: _before, ...others } = slice.metadata.annotations ?? {};
  return trigger === undefined ? others : { ...others, [TRIGGER_TIME]: trigger };
}

function endpointOf(service: Service, pod: Pod, node: Node | undefined): Endpoint {
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const serving = isReady(pod);
  const zone = node?.metadata.labels?.["topology.kubernetes.io/zone"];
  return {
    addresses: [pod.status?.podIP ?? ""],
    conditions: {
      ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating),
      serving,
      terminating,
    },
    targetRef: {
      kind: "Pod",
      namespace: pod.metadata.namespace ?? "",
      name: pod.metadata.name ?? "",
      uid: pod.metadata.uid ?? "",
    },
    ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    ...(zone === undefined ? {} : { zone }),
  };
}
