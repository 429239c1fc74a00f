/** Which pods stand behind a Service, and on which ports. */
import { isDeepStrictEqual } from "node:util";
import type { Access } from "./access.ts";
import type { Pod, Service, ServicePort } from "./kinds.ts";
import { isFinished, isReady, keyOfObject, matchesSelector } from "./metadata.ts";
import type { KeyQueue } from "./queue.ts";

export interface EndpointPort {
  name: string;
  protocol: string;
  port: number;
  appProtocol?: string;
}

/** Enqueues Services for changes of themselves and of their pods. */
export function watchBackends(access: Access, queue: KeyQueue): void {
  const services = access.informer<Service>("services");
  services.listen(({ object }) => queue.add(keyOfObject(object)));
  access.informer<Pod>("pods").listen(({ type, object, old }) => {
    if (type === "MODIFIED" && old !== undefined && isDeepStrictEqual(visible(old), visible(object))) return;
    for (const service of services.list(object.metadata.namespace)) {
      if (selects(service, object) || (old !== undefined && selects(service, old))) queue.add(keyOfObject(service));
    }
  });
}

/** What of a pod an endpoint shows: other changes need no look. */
function visible(pod: Pod): unknown {
  const { labels, deletionTimestamp } = pod.metadata;
  return [labels, deletionTimestamp, pod.status?.podIP, pod.status?.phase, isReady(pod), pod.spec.nodeName];
}

function selects(service: Service, pod: Pod): boolean {
  const { selector } = service.spec;
  if (selector === undefined || Object.keys(selector).length === 0) return false;
  return matchesSelector({ matchLabels: selector }, pod.metadata.labels);
}

/** The pods of a Service that have an address. */
export function backendsOf(service: Service, pods: readonly Pod[]): Pod[] {
  return pods
    .filter((pod) => selects(service, pod) && !isFinished(pod) && pod.status?.podIP !== undefined)
    .sort((a, b) => (a.metadata.name ?? "").localeCompare(b.metadata.name ?? ""));
}

/** Without a selector the endpoints of a Service are somebody else's. */
export function hasBackends({ metadata, spec }: Service): boolean {
  const selective = Object.keys(spec.selector ?? {}).length > 0;
  return selective && spec.type !== "ExternalName" && metadata.deletionTimestamp === undefined;
}

/** The ports of a Service as one pod has them; without those it does not have. */
export function portsOf(service: Service, pod: Pod): EndpointPort[] {
  return (service.spec.ports ?? []).flatMap((port) => {
    const number = targetPort(port, pod);
    if (number === undefined) return [];
    const appProtocol = port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol };
    return [{ name: port.name ?? "", protocol: port.protocol ?? "TCP", port: number, ...appProtocol }];
  });
}

/** The number behind a target port: itself, or the container port of that name and protocol. */
function targetPort(port: ServicePort, pod: Pod): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target === 0 ? port.port : target;
  for (const container of pod.spec.containers) {
    for (const { name, containerPort, protocol = "TCP" } of container.ports ?? []) {
      if (name === target && protocol === (port.protocol ?? "TCP")) return containerPort;
    }
  }
  return undefined;
}
