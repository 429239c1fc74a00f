/**
 * EndpointSlices for Endpoints that somebody else keeps: proxies and gateways read slices only, and a Service without a
 * selector gets none from its pods.
 */
import { isDeepStrictEqual } from "node:util";
import type { KubeObject } from "../apiserver/types.ts";
import type { Access } from "./access.ts";
import type { Address, Endpoints, Subset } from "./classicEndpoints.ts";
import { MANAGED_BY, SERVICE_NAME } from "./endpoints.ts";
import { ENDPOINT_SLICES, type Service } from "./kinds.ts";
import { controllerReference, keyOfObject, splitKey } from "./metadata.ts";
import type { KeyQueue } from "./queue.ts";
import type { EndpointPort } from "./serviceBackends.ts";

const ENDPOINTS = "endpoints";
const MANAGER = "endpointslicemirroring-controller.k8s.io";
const SKIP = "endpointslice.kubernetes.io/skip-mirror";
/** Old leader elections wrote into Endpoints, several times a minute. */
const LEADER = "control-plane.alpha.kubernetes.io/leader";
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
const TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time";

interface MirroredEndpoint {
  addresses: string[];
  conditions: { ready: boolean };
  hostname?: string;
  nodeName?: string;
  targetRef?: unknown;
}

interface MirroredSlice extends KubeObject {
  addressType: string;
  endpoints: MirroredEndpoint[];
  ports: EndpointPort[];
}

/** Enqueues Services for changes of themselves, of their Endpoints and of the slices that mirror them. */
export function watchMirrored(access: Access, queue: KeyQueue): void {
  for (const key of ["services", ENDPOINTS])
    access.informer(key).listen(({ object }) => queue.add(keyOfObject(object)));
  access.informer(ENDPOINT_SLICES).listen(({ object }) => {
    const { namespace, labels } = object.metadata;
    if (labels?.[MANAGED_BY] === MANAGER) queue.add(`${namespace}/${labels[SERVICE_NAME]}`);
  });
}

/** One look at one Service: its mirrored slices are those of its Endpoints, or none. */
export async function syncMirrored(access: Access, key: string): Promise<undefined> {
  const { namespace, name } = splitKey(key);
  const endpoints = access.informer<Endpoints>(ENDPOINTS).get(namespace, name);
  const spare = access
    .informer<MirroredSlice>(ENDPOINT_SLICES)
    .list(namespace)
    .filter(({ metadata: { labels } }) => labels?.[MANAGED_BY] === MANAGER && labels[SERVICE_NAME] === name)
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const service = access.informer<Service>("services").get(namespace, name);
  for (const slice of endpoints !== undefined && isMirrored(service, endpoints) ? slicesOf(endpoints) : []) {
    const live = takeFor(slice, spare);
    if (live === undefined) await access.create(ENDPOINT_SLICES, slice);
    else if (!isDeepStrictEqual(visible(live), visible(slice)))
      await access.update(ENDPOINT_SLICES, { ...slice, metadata: { ...live.metadata, ...described(slice) } });
  }
  for (const slice of spare) await access.remove(ENDPOINT_SLICES, slice);
  return undefined;
}

function isMirrored(service: Service | undefined, { metadata }: Endpoints): boolean {
  if (service === undefined || service.spec.selector !== undefined || metadata.deletionTimestamp !== undefined)
    return false;
  return metadata.labels?.[SKIP] !== "true" && metadata.annotations?.[LEADER] === undefined;
}

/** A slice of every kind of address that a subset has. */
function slicesOf(endpoints: Endpoints): MirroredSlice[] {
  return (endpoints.subsets ?? []).flatMap((subset) => {
    const all = [...mirrored(subset.addresses, true), ...mirrored(subset.notReadyAddresses, false)];
    const kinds = Map.groupBy(all, ({ addresses: [ip = ""] }) => (ip.includes(":") ? "IPv6" : "IPv4"));
    return [...kinds].map(([addressType, ofKind]) => sliceOf(endpoints, subset, addressType, ofKind));
  });
}

function mirrored(addresses: readonly Address[] | undefined, ready: boolean): MirroredEndpoint[] {
  return (addresses ?? []).map(({ ip, ...known }) => ({ addresses: [ip], conditions: { ready }, ...known }));
}

function sliceOf(owner: Endpoints, subset: Subset, addressType: string, endpoints: MirroredEndpoint[]): MirroredSlice {
  const { name = "", namespace = "", labels, annotations = {} } = owner.metadata;
  const { [LAST_APPLIED]: _applied, [TRIGGER_TIME]: _trigger, ...kept } = annotations;
  const ports = (subset.ports ?? []).map((port) => ({ ...port, name: port.name ?? "" }));
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: { ...labels, [SERVICE_NAME]: name, [MANAGED_BY]: MANAGER },
      ...(Object.keys(kept).length > 0 && { annotations: kept }),
      ownerReferences: [controllerReference({ ...owner, apiVersion: "v1", kind: "Endpoints" })],
    },
    addressType,
    endpoints,
    ports,
  };
}

/** Takes the slice to write it into: that of the same ports, else any; but of what kind addresses are cannot change. */
function takeFor(wanted: MirroredSlice, spare: MirroredSlice[]): MirroredSlice | undefined {
  const kin = spare.filter(({ addressType }) => addressType === wanted.addressType);
  const chosen = kin.find(({ ports }) => isDeepStrictEqual(ports ?? [], wanted.ports)) ?? kin[0];
  if (chosen !== undefined) spare.splice(spare.indexOf(chosen), 1);
  return chosen;
}

function described({ metadata: { labels = {}, annotations = {} } }: MirroredSlice) {
  return { labels, annotations };
}

function visible(slice: MirroredSlice): unknown {
  return [described(slice), slice.addressType, slice.endpoints ?? [], slice.ports ?? []];
}
