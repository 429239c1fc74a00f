import type { Client, KubeObject } from "../apiserver/types.ts";
import { handleTraffic, type Listening, listen } from "./entryPoint.ts";
import type { Forwarder } from "./forward.ts";
import type { Backend, Entry, Filter } from "./model.ts";
import { createRouteTable } from "./routeTable.ts";
import type { Observe } from "./telemetry.ts";
import { readTraefikRule } from "./traefikRule.ts";
import { createWheels } from "./wheel.ts";

/** Where Traefik's chart puts its Service, and its entry point `web`. */
export const TRAEFIK = { namespace: "traefik", service: "traefik", port: 80 } as const;

export interface Traefik {
  readonly port: number;
  hasHost(host: string): boolean;
  stop(): Promise<void>;
}

export interface TraefikOptions {
  readonly client: Client;
  readonly forwarder: Forwarder;
  readonly observe: Observe;
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
}

interface ServiceRef {
  name: string;
  kind?: string;
  namespace?: string;
  port?: number | string;
  weight?: number;
}

interface TraefikServiceSpec {
  weighted?: { services?: ServiceRef[] };
  mirroring?: ServiceRef & { mirrors?: (ServiceRef & { percent?: number })[] };
}

/**
 * Older Traefik serves the same kinds under its former name. A reference finds either, its own group first: the guides pair an
 * IngressRoute of the old group with a TraefikService of the new one.
 */
const GROUPS = ["traefik.io", "traefik.containo.us"];

/** Carries out IngressRoutes and TraefikServices on one port. */
export async function startTraefik(options: TraefikOptions): Promise<Traefik> {
  const routes = new Map<string, KubeObject>();
  const services = new Map<string, KubeObject>();
  const wheels = createWheels();
  const complaints = new Map<string, string>();
  let table = createRouteTable([]);
  let dirty = false;

  const rebuild = (): void => {
    dirty = false;
    const entries: Entry[] = [];
    for (const [id, route] of [...routes].sort(([a], [b]) => (a < b ? -1 : 1))) {
      try {
        entries.push(...readIngressRoute(route, services));
        complaints.delete(id);
      } catch (error) {
        const text = String(error);
        if (complaints.get(id) !== text) options.log("IngressRoute is ignored", { route: id, error: text });
        complaints.set(id, text);
      }
    }
    table = createRouteTable(entries);
  };
  const collect = (key: string, into: Map<string, KubeObject>, group: string): (() => void) =>
    options.client.watch(key, ({ type, object }) => {
      const id = `${group} ${object.metadata.namespace}/${object.metadata.name}`;
      if (type === "DELETED") into.delete(id);
      else into.set(id, object);
      if (!dirty) queueMicrotask(rebuild);
      dirty = true;
    });
  const stops = GROUPS.flatMap((group) => [
    collect(`ingressroutes.${group}`, routes, group),
    collect(`traefikservices.${group}`, services, group),
  ]);

  const listening: Listening = await listen(
    handleTraffic({
      routes: () => table,
      forwarder: options.forwarder,
      wheels,
      observe: options.observe,
      publicPort: TRAEFIK.port,
    }),
  );
  return {
    port: listening.port,
    hasHost: (host) => table.hosts.has(host),
    stop: async () => {
      for (const stop of stops) stop();
      await listening.close();
    },
  };
}

/** Entries of an IngressRoute. Throws on what can't be carried out. */
function readIngressRoute(route: KubeObject, services: ReadonlyMap<string, KubeObject>): Entry[] {
  const namespace = route.metadata.namespace ?? "";
  const group = route.apiVersion.split("/")[0] ?? "";
  const rules = (route["spec"]?.routes ?? []) as { match: string; priority?: number; services?: ServiceRef[] }[];
  return rules.flatMap((source, index) => {
    const filters: Filter[] = [];
    const resolve = resolver(group, services, filters);
    const rule = {
      id: `IngressRoute ${namespace}/${route.metadata.name} ${index}`,
      backends: (source.services ?? []).flatMap((service) => resolve(service, namespace, 1, [])),
      filters,
    };
    // Without a priority the longest rule wins.
    const priority = source.priority ? source.priority : source.match.length;
    return readTraefikRule(source.match).map(({ host, match }) => ({ host, match, rule, rank: [priority] }));
  });
}

/** Follows TraefikServices down to Services; weights multiply on the way. A missing weight is 1, one of 0 or less gets nothing. */
function resolver(group: string, services: ReadonlyMap<string, KubeObject>, filters: Filter[]) {
  const resolve = (reference: ServiceRef, from: string, share: number, seen: readonly string[]): Backend[] => {
    const namespace = reference.namespace ?? from;
    const weight = share * Math.max(0, reference.weight ?? 1);
    if ((reference.kind ?? "Service") === "Service") {
      return [{ namespace, service: reference.name, port: reference.port ?? 80, weight, filters: [] }];
    }
    const id =
      [group, ...GROUPS].map((one) => `${one} ${namespace}/${reference.name}`).find((one) => services.has(one)) ?? "";
    const spec = services.get(id)?.["spec"] as TraefikServiceSpec | undefined;
    if (spec === undefined || seen.includes(id)) {
      const broken =
        spec === undefined ? "TraefikService not found" : "TraefikServices refer to each other in a circle";
      return [{ namespace, service: reference.name, port: 80, weight, filters: [], broken }];
    }
    if (spec.mirroring !== undefined) {
      for (const mirror of spec.mirroring.mirrors ?? []) {
        const [backend] = resolve({ ...mirror, weight: 1 }, namespace, 1, [...seen, id]);
        if (backend !== undefined) filters.push({ kind: "mirror", backend, percent: mirror.percent ?? 0 });
      }
      return resolve({ ...spec.mirroring, weight: 1 }, namespace, weight, [...seen, id]);
    }
    const children = spec.weighted?.services ?? [];
    const total = children.reduce((sum, child) => sum + Math.max(0, child.weight ?? 1), 0);
    return children.flatMap((child) => resolve(child, namespace, total === 0 ? 0 : weight / total, [...seen, id]));
  };
  return resolve;
}
