/** Tables of Services, endpoints, Ingresses and autoscalers. */
import type { Column, KubeObject } from "../../types.ts";
import { convertAutoscaler } from "../autoscalerVersions.ts";
import { each, type Json } from "../defaults/fill.ts";
import { ageColumn, column, labelText, nameColumn, none, selectorText, shortened, wide } from "./cells.ts";

export const services: readonly Column[] = [
  nameColumn,
  column("Type", ({ spec }) => spec?.type ?? ""),
  column("Cluster-IP", ({ spec }) => spec?.clusterIP ?? none),
  column("External-IP", externalAddress),
  column("Port(s)", ({ spec }) => {
    const ports = each(spec?.ports).map(({ port, nodePort, protocol }) =>
      nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
    );
    return ports.length === 0 ? none : ports.join(",");
  }),
  ageColumn,
  wide("Selector", ({ spec }) => labelText(spec?.selector)),
];

function externalAddress({ spec, status }: KubeObject): string {
  const own: string[] = spec?.externalIPs ?? [];
  if (spec?.type === "ExternalName") return spec.externalName ?? none;
  if (spec?.type !== "LoadBalancer") return own.length === 0 ? none : own.join(",");
  const given = each(status?.loadBalancer?.ingress).map(({ ip, hostname }) => ip ?? hostname);
  const addresses = [...given, ...own];
  return addresses.length === 0 ? "<pending>" : addresses.join(",");
}

export const endpoints: readonly Column[] = [
  nameColumn,
  column("Endpoints", (object) => {
    const all = each(object["subsets"]).flatMap(({ addresses, ports }) =>
      each(addresses).flatMap(({ ip }) => {
        const numbers = each(ports).map(({ port }) => port);
        return numbers.length === 0 ? [ip] : numbers.map((port) => `${ip}:${port}`);
      }),
    );
    return shortened(all);
  }),
  ageColumn,
];

const unset = "<unset>";

export const endpointSlices: readonly Column[] = [
  nameColumn,
  column("AddressType", (object) => object["addressType"] ?? ""),
  column("Ports", (object) =>
    shortened(
      each(object["ports"]).map(({ port, name }) => String(port ?? name)),
      3,
      unset,
    ),
  ),
  column("Endpoints", (object) => {
    const addresses: string[] = each(object["endpoints"]).flatMap((endpoint) => endpoint.addresses ?? []);
    return shortened(addresses, 3, unset);
  }),
  ageColumn,
];

export const ingresses: readonly Column[] = [
  nameColumn,
  column("Class", ({ spec }) => spec?.ingressClassName ?? none),
  column("Hosts", ({ spec }) => {
    const hosts: string[] = each(spec?.rules).flatMap(({ host }) => (host ? [host] : []));
    return shortened(hosts, 3, "*");
  }),
  column("Address", ({ status }) =>
    each(status?.loadBalancer?.ingress)
      .map(({ ip, hostname }) => ip ?? hostname)
      .join(","),
  ),
  column("Ports", ({ spec }) => (each(spec?.tls).length === 0 ? "80" : "80, 443")),
  ageColumn,
];

export const ingressClasses: readonly Column[] = [
  nameColumn,
  column("Controller", ({ spec }) => spec?.controller ?? ""),
  column("Parameters", ({ spec }) => {
    const { apiGroup, kind, name } = spec?.parameters ?? {};
    return kind === undefined ? none : `${kind}${apiGroup ? `.${apiGroup}` : ""}/${name}`;
  }),
  ageColumn,
];

export const networkPolicies: readonly Column[] = [
  nameColumn,
  column("Pod-Selector", ({ spec }) => selectorText(spec?.podSelector)),
  ageColumn,
];

export const autoscalers: readonly Column[] = [
  nameColumn,
  column("Reference", ({ spec }) => `${spec?.scaleTargetRef?.kind}/${spec?.scaleTargetRef?.name}`),
  column("Targets", (object) => targets(convertAutoscaler(object, "v2"))),
  column("MinPods", ({ spec }) => (spec?.minReplicas === undefined ? "<unset>" : String(spec.minReplicas))),
  column("MaxPods", ({ spec }) => spec?.maxReplicas ?? 0),
  column("Replicas", ({ status }) => status?.currentReplicas ?? 0),
  ageColumn,
];

const mostTargets = 2;

function targets({ spec, status }: KubeObject): string {
  const metrics = each(spec?.metrics);
  const current = each(status?.currentMetrics);
  const shown = metrics.slice(0, mostTargets).map((metric, index) => target(metric, current[index]));
  if (metrics.length === 0) return none;
  const rest = metrics.length - mostTargets;
  return rest > 0 ? `${shown.join(", ")} + ${rest} more...` : shown.join(", ");
}

function target(metric: Json, current: Json): string {
  const source = `${metric.type.charAt(0).toLowerCase()}${metric.type.slice(1)}`;
  const wanted = metric[source]?.target ?? {};
  const is = current?.type === metric.type ? (current[source]?.current ?? {}) : {};
  const unknown = "<unknown>";
  const prefix = metric.type === "Resource" || metric.type === "ContainerResource" ? `${metric[source]?.name}: ` : "";
  if (wanted.averageUtilization !== undefined) {
    const now = is.averageUtilization === undefined ? unknown : `${is.averageUtilization}%`;
    return `${prefix}${now}/${wanted.averageUtilization}%`;
  }
  if (wanted.averageValue !== undefined) {
    const suffix = metric.type === "External" || metric.type === "Object" ? " (avg)" : "";
    return `${prefix}${is.averageValue ?? unknown}/${wanted.averageValue}${suffix}`;
  }
  return `${prefix}${is.value ?? unknown}/${wanted.value ?? unknown}`;
}
