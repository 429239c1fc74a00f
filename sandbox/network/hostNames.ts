import type { Directory } from "./directory.ts";

/** A Service's port, or an address on loopback. */
export type Destination =
  | { readonly kind: "service"; readonly namespace: string; readonly service: string; readonly port: number }
  | { readonly kind: "address"; readonly host: string; readonly port: number }
  | { readonly kind: "unknown"; readonly why: string };

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What names are looked up in, in this order. */
export interface NameSources {
  readonly directory: Directory;
  /** Aliases and gateways: names in the cluster that are served elsewhere on loopback. */
  readonly elsewhere: (namespace: string, service: string, port: number) => Address | undefined;
  /** Namespaces of aliases and gateways with this name. */
  readonly namespacesElsewhere: (service: string) => readonly string[];
  /** Public hosts that a gateway serves. */
  readonly publicHost: (host: string) => Address | undefined;
}

/**
 * Finds what `host[:port]` means inside the cluster: `service`, `service.namespace`, `service.namespace.svc[.cluster.local]`,
 * a cluster IP, loopback, or a public host of a gateway. A bare service name is looked up in `from`, and without one in all
 * namespaces, where it must be unique.
 */
export function findDestination(sources: NameSources, host: string, port: number, from?: string): Destination {
  const name = host.toLowerCase().replace(/\.$/, "");
  if (isLoopback(name)) return { kind: "address", host: name === "localhost" ? "127.0.0.1" : name, port };
  const [service = "", namespace, svc, ...rest] = name.split(".");
  const suffix = rest.join(".");
  const inCluster = svc === undefined || (svc === "svc" && (suffix === "" || suffix === "cluster.local"));
  if (inCluster) {
    for (const candidate of namespace === undefined ? candidates(sources, service, from) : [namespace]) {
      const found = inNamespace(sources, candidate, service, port);
      if (found !== undefined) return found;
    }
  }
  const gateway = sources.publicHost(name);
  if (gateway !== undefined) return { kind: "address", ...gateway };
  for (const one of sources.directory.services()) {
    if (one["spec"]?.clusterIP !== name) continue;
    return inNamespace(sources, one.metadata.namespace ?? "", one.metadata.name ?? "", port) ?? unknown(host, port);
  }
  return unknown(host, port);
}

function unknown(host: string, port: number): Destination {
  return {
    kind: "unknown",
    why: `no such host in the sandbox: ${host}:${port} is neither a Service nor an alias nor a gateway's host`,
  };
}

function inNamespace(sources: NameSources, namespace: string, service: string, port: number): Destination | undefined {
  const elsewhere = sources.elsewhere(namespace, service, port);
  if (elsewhere !== undefined) return { kind: "address", ...elsewhere };
  const ports: { port: number }[] = sources.directory.service(namespace, service)?.["spec"]?.ports ?? [];
  return ports.some((one) => one.port === port) ? { kind: "service", namespace, service, port } : undefined;
}

function candidates(sources: NameSources, service: string, from: string | undefined): string[] {
  if (from !== undefined) return [from];
  const found = new Set(sources.namespacesElsewhere(service));
  for (const one of sources.directory.services()) {
    if (one.metadata.name === service) found.add(one.metadata.namespace ?? "");
  }
  return found.size === 1 ? [...found] : found.has("default") ? ["default"] : [];
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
