import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  request as openRequest,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { parseExposition, type Sample } from "../../sandbox/metrics/exposition.ts";
import { type Network, startNetwork } from "../../sandbox/network/network.ts";
import { createFakeCluster, type FakeCluster, type FakePod, putService } from "../unit/sandbox/fakeClient.ts";

export const ROUTES = "httproutes.gateway.networking.k8s.io";
export const GATEWAYS = "gateways.gateway.networking.k8s.io";

interface Seen {
  readonly pod: string;
  readonly request: IncomingMessage;
  readonly body: string;
}

/** A pod that answers with its name, unless it is told to behave otherwise. */
export interface Pod extends FakePod {
  readonly server: Server;
  behave: (request: IncomingMessage, response: ServerResponse) => void;
}

/** A network over a fake API with a primary and a canary that really listen. */
export interface TrafficBench {
  readonly cluster: FakeCluster;
  readonly network: Network;
  readonly primary: Pod;
  readonly canary: Pod;
  /** Requests that arrived at pods, in order. */
  readonly seen: readonly Seen[];
  gateway(): string;
  /** Writes the HTTPRoute podinfo and waits until it is in effect. */
  route(rules: readonly unknown[], parent?: Record<string, unknown>): Promise<void>;
  /** What an exporter shows. */
  series(job: string): Promise<Sample[]>;
  startPod(workload: string, name: string): Promise<Pod>;
  stop(): Promise<void>;
}

export async function startTrafficBench(): Promise<TrafficBench> {
  const seen: Seen[] = [];
  const pods: Pod[] = [];
  const startPod = async (workload: string, name: string): Promise<Pod> => {
    const pod = await listenAs(workload, name, seen);
    pods.push(pod);
    return pod;
  };
  const primary = await startPod("podinfo-primary", "primary");
  const canary = await startPod("podinfo", "canary");
  const cluster = createFakeCluster();
  const network = await startNetwork({
    client: cluster.client,
    log: () => undefined,
    clock: () => new Date("2026-01-01T00:00:00Z"),
  });
  putService(cluster, "test", "podinfo-primary", 9898, [primary]);
  putService(cluster, "test", "podinfo-canary", 9898, [canary]);
  putGateway(cluster);
  return {
    cluster,
    network,
    primary,
    canary,
    seen,
    startPod,
    gateway: () => network.gateways().find((one) => one.name === "gateway")?.url ?? "",
    route: async (rules, parent = {}) => {
      putRoute(cluster, rules, parent);
      await network.settled();
    },
    series: async (job) => {
      const target = network.scrapeTargets().find((one) => one.labels["job"] === job);
      return parseExposition((await get(target?.url ?? "")).body);
    },
    stop: async () => {
      await network.stop();
      for (const pod of pods) pod.server.close().closeAllConnections();
    },
  };
}

async function listenAs(workload: string, name: string, seen: Seen[]): Promise<Pod> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      seen.push({ pod: name, request, body: Buffer.concat(chunks).toString() });
      pod.behave(request, response);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const pod: Pod = {
    workload,
    name,
    ip: "127.0.0.1",
    port,
    server,
    behave: (_request, response) => void response.end(name),
  };
  return pod;
}

function putGateway(cluster: FakeCluster): void {
  const listener = { name: "default", hostname: "*.example.com", port: 80, protocol: "HTTP" };
  cluster.put(GATEWAYS, {
    apiVersion: "gateway.networking.k8s.io/v1beta1",
    kind: "Gateway",
    metadata: { name: "gateway", namespace: "istio-ingress" },
    spec: {
      gatewayClassName: "istio",
      listeners: [{ ...listener, allowedRoutes: { namespaces: { from: "All" } } }],
    },
  });
}

function putRoute(cluster: FakeCluster, rules: readonly unknown[], parent: Record<string, unknown>): void {
  const parentRefs = [{ name: "gateway", namespace: "istio-ingress", ...parent }];
  cluster.put(ROUTES, {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "podinfo", namespace: "test" },
    spec: { parentRefs, hostnames: ["www.example.com"], rules },
  });
}

/** backendRefs as a weighted route has them. */
export function backends(
  primaryWeight: number,
  canaryWeight: number,
  canaryFields: Record<string, unknown> = {},
): unknown[] {
  const reference = { group: "", kind: "Service", port: 9898 };
  return [
    { ...reference, name: "podinfo-primary", weight: primaryWeight },
    { ...reference, name: "podinfo-canary", weight: canaryWeight, ...canaryFields },
  ];
}

/** What a client got. */
export interface Answer {
  status: number;
  headers: IncomingMessage["headers"];
  body: string;
}

/** One request on a connection of its own. */
export function get(
  url: string,
  options: {
    host?: string;
    method?: string;
    headers?: Record<string, string>;
    body?: string | Buffer;
    path?: string;
  } = {},
): Promise<Answer> {
  const headers = { host: options.host ?? "www.example.com", ...options.headers };
  return new Promise((resolve, reject) => {
    const { hostname, port, pathname } = new URL(url);
    const target = { hostname, port, path: options.path ?? pathname, method: options.method ?? "GET" };
    const sent = openRequest({ ...target, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    sent.on("error", reject);
    sent.end(options.body);
  });
}

/** How often each body came. */
export async function many(count: number, ask: () => Promise<Answer>): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let done = 0; done < count; done++) {
    const { body } = await ask();
    counts[body] = (counts[body] ?? 0) + 1;
  }
  return counts;
}
