/** A cluster of API server and controllers for tests, with a node or with the test in its place. */
import { startApiServer } from "../../sandbox/apiserver/server.ts";
import { ApiError, type Client, type KubeObject, type ResourceKey } from "../../sandbox/apiserver/types.ts";
import { startControllers } from "../../sandbox/controllers/start.ts";
import { type Node, startNode } from "../../sandbox/node/kubelet.ts";
import { createPodNetwork, type PodNetwork } from "../../sandbox/node/podNetwork.ts";

export interface WorkloadCluster {
  readonly api: Client;
  readonly network: PodNetwork;
  readonly nodes: Node[];
  readonly complaints: string[];
  /** While an error is here, controllers get it for every pod they create. */
  readonly podCreation: { refused: ApiError | undefined };
  /** So many of the next status reports and deletions by nodes fail. */
  readonly nodeWrites: { failing: number };
  addNode(name: string, labels?: Record<string, string>): Promise<Node>;
  /** Resolves with what the function finds, as soon as it finds something; looks again after every change of pods or workloads. */
  until<T>(find: () => T | undefined | false, what: string, deadlineMs?: number): Promise<T>;
  stop(): Promise<void>;
}

const WATCHED: readonly ResourceKey[] = [
  "pods",
  "deployments.apps",
  "replicasets.apps",
  "daemonsets.apps",
  "endpointslices.discovery.k8s.io",
  "horizontalpodautoscalers.autoscaling",
  "configmaps",
  "namespaces",
  "events",
  "serviceaccounts",
];

export async function startWorkloadCluster(options: { now?: () => Date } = {}): Promise<WorkloadCluster> {
  const server = await startApiServer({ log: () => undefined, ...(options.now && { clock: options.now }) });
  const as = (username: string): Client => server.as({ username, groups: ["system:masters"] });
  const api = as("tester");
  const complaints: string[] = [];
  const nodeWrites: WorkloadCluster["nodeWrites"] = { failing: 0 };
  const flaky = (client: Client): Client => {
    const attempt = <T>(write: () => Promise<T>): Promise<T> => {
      if (nodeWrites.failing === 0) return write();
      nodeWrites.failing -= 1;
      return Promise.reject(new ApiError(500, "InternalError", "failed calling webhook"));
    };
    return {
      ...client,
      patch: (...request) => attempt(() => client.patch(...request)),
      delete: (...request) => attempt(() => client.delete(...request)),
    };
  };
  const podCreation: WorkloadCluster["podCreation"] = { refused: undefined };
  const refusing = (user: string): Client => {
    const client = as(user);
    return {
      ...client,
      create: async (key, object, choices) => {
        if (key === "pods" && podCreation.refused !== undefined) throw podCreation.refused;
        return await client.create(key, object, choices);
      },
    };
  };
  const log = (message: string, values: Record<string, unknown>): void => {
    complaints.push(`${message} ${JSON.stringify(values)}`);
  };
  const controllers = startControllers({
    client: refusing,
    log,
    ca: server.ca,
    ...(options.now && { clock: options.now }),
  });
  const network = createPodNetwork();
  const nodes: Node[] = [];
  await createNamespace(api, "test");
  return {
    api,
    network,
    nodes,
    complaints,
    podCreation,
    nodeWrites,
    async addNode(name, labels = {}) {
      const backoffMs = { first: 100, most: 1000 };
      const node = startNode({
        client: flaky(as(`system:node:${name}`)),
        name,
        network,
        log,
        labels,
        lameDuckMs: 50,
        backoffMs,
      });
      nodes.push(node);
      await node.registered;
      return node;
    },
    until: (find, what, deadlineMs) => until(api, find, what, deadlineMs),
    async stop() {
      await controllers.stop();
      await Promise.all(nodes.map((node) => node.stop()));
      await network.close();
      await server.stop();
    },
  };
}

export async function createNamespace(api: Client, name: string): Promise<void> {
  await api.create("namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
}

function until<T>(api: Client, find: () => T | undefined | false, what: string, deadlineMs = 4000): Promise<T> {
  return new Promise((resolve, reject) => {
    let planned: NodeJS.Immediate | undefined;
    const look = (): void => {
      planned = undefined;
      let found: T | undefined | false;
      try {
        found = find();
      } catch (error) {
        end();
        reject(error);
        return;
      }
      if (found === undefined || found === false) return;
      end();
      resolve(found);
    };
    const stops = WATCHED.map((key) => api.watch(key, () => (planned ??= setImmediate(look))));
    const timer = setTimeout(() => {
      end();
      reject(new Error(`waited in vain for ${what}`));
    }, deadlineMs);
    const end = (): void => {
      clearTimeout(timer);
      clearImmediate(planned);
      for (const stop of stops) stop();
    };
    planned ??= setImmediate(look);
  });
}

/** A Deployment of one container named `podinfod`. */
export function aDeployment(
  name: string,
  image: string,
  replicas: number,
  spec: Record<string, unknown> = {},
): KubeObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "test", labels: { app: name } },
    spec: { replicas, selector: { matchLabels: { app: name } }, template: aTemplate(name, image), ...spec },
  };
}

export function aTemplate(
  app: string,
  image: string,
  container: Record<string, unknown> = {},
): Record<string, unknown> {
  const ports = [
    { name: "http", containerPort: 9898, protocol: "TCP" },
    { name: "http-metrics", containerPort: 9797, protocol: "TCP" },
  ];
  return { metadata: { labels: { app } }, spec: { containers: [{ name: "podinfod", image, ports, ...container }] } };
}

export function aService(name: string, spec: Record<string, unknown> = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "test" },
    spec: {
      selector: { app: name },
      ports: [{ name: "http", port: 80, targetPort: "http", protocol: "TCP" }],
      ...spec,
    },
  };
}
