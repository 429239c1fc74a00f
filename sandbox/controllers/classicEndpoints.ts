/** Endpoints objects: what EndpointSlices were before, still read by old clients (`kubectl describe service` of 1.20). */
import { isDeepStrictEqual } from "node:util";
import type { KubeObject } from "../apiserver/types.ts";
import type { Access } from "./access.ts";
import type { Pod, Service } from "./kinds.ts";
import { entryOf } from "./maps.ts";
import { isReady, splitKey } from "./metadata.ts";
import { backendsOf, type EndpointPort, hasBackends, portsOf } from "./serviceBackends.ts";

const ENDPOINTS = "endpoints";
const MANAGED_BY = { "endpoints.kubernetes.io/managed-by": "endpoint-controller" };

export interface Address {
  ip: string;
  nodeName?: string;
  targetRef: { kind: "Pod"; namespace: string; name: string; uid: string };
}

export interface Subset {
  addresses?: Address[];
  notReadyAddresses?: Address[];
  ports: EndpointPort[];
}

export interface Endpoints extends KubeObject {
  subsets?: Subset[];
}

/** One look at one Service. Pods on their way out are left out altogether. */
export async function syncEndpoints(access: Access, key: string): Promise<undefined> {
  const { namespace, name } = splitKey(key);
  const service = access.informer<Service>("services").get(namespace, name);
  const live = access.informer<Endpoints>(ENDPOINTS).get(namespace, name);
  if (service === undefined) {
    if (live?.metadata.labels?.["endpoints.kubernetes.io/managed-by"] !== undefined)
      await access.remove(ENDPOINTS, live);
    return undefined;
  }
  if (!hasBackends(service)) return undefined;
  const pods = backendsOf(service, access.informer<Pod>("pods").list(namespace));
  const subsets = subsetsOf(
    service,
    pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined),
  );
  const labels = { ...service.metadata.labels, ...MANAGED_BY };
  if (live === undefined) {
    const metadata = { name, namespace, labels };
    await access.create(ENDPOINTS, { apiVersion: "v1", kind: "Endpoints", metadata, subsets });
  } else if (!isDeepStrictEqual(live.subsets ?? [], subsets) || !isDeepStrictEqual(live.metadata.labels, labels)) {
    await access.update<Endpoints>(ENDPOINTS, { ...live, metadata: { ...live.metadata, labels }, subsets });
  }
  return undefined;
}

function subsetsOf(service: Service, pods: readonly Pod[]): Subset[] {
  const groups = new Map<string, { ready: Address[]; notReady: Address[]; ports: EndpointPort[] }>();
  for (const pod of pods) {
    const ports = portsOf(service, pod).map(({ name, port, protocol }) => ({
      ...(name !== "" && { name }),
      port,
      protocol,
    }));
    const make = () => ({ ready: [] as Address[], notReady: [] as Address[], ports: ports as EndpointPort[] });
    const group = entryOf(groups, JSON.stringify(ports), make);
    const up = isReady(pod) || service.spec.publishNotReadyAddresses === true;
    group[up ? "ready" : "notReady"].push(addressOf(pod));
  }
  return [...groups.values()].map(({ ready, notReady, ports }) => ({
    ...(ready.length > 0 && { addresses: ready }),
    ...(notReady.length > 0 && { notReadyAddresses: notReady }),
    ports,
  }));
}

function addressOf({ metadata, spec, status }: Pod): Address {
  const { namespace = "", name = "", uid = "" } = metadata;
  return {
    ip: status?.podIP ?? "",
    ...(spec.nodeName !== undefined && { nodeName: spec.nodeName }),
    targetRef: { kind: "Pod", namespace, name, uid },
  };
}
