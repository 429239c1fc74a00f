import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Audit } from "./apiserver/audit.ts";
import type { Observer } from "./apiserver/authorization/authorizer.ts";
import { startApiServer } from "./apiserver/server.ts";
import type { ApiServer, Client, LogLine, UserInfo } from "./apiserver/types.ts";
import { startControllers } from "./controllers/start.ts";
import { keepIn } from "./data/keep.ts";
import { controlFaults } from "./faults/control.ts";
import { createFaults, type Faults } from "./faults/faults.ts";
import { type Metrics, startMetrics } from "./metrics/metrics.ts";
import type { GatewayAddress } from "./network/gateways.ts";
import { type Network, startNetwork } from "./network/network.ts";
import { type Node, startNode } from "./node/kubelet.ts";
import { createPodNetwork } from "./node/podNetwork.ts";

export interface SandboxOptions {
  /** Of the API server. Default: any free one. */
  readonly port?: number;
  /** Where the administrator's kubeconfig goes. Default: into the sandbox's folder. */
  readonly kubeconfig?: string;
  /** Users (service accounts, say) to write a kubeconfig for as well. They may do what roles that are bound to them say. */
  readonly users?: readonly string[];
  /** Folders to look for the program `prometheus` in, in the form of `PATH`. Absent: the embedded store answers. */
  readonly searchPath?: string;
  /** Between two scrapes. Default: 1000. */
  readonly scrapeIntervalMs?: number;
  /** A folder that keeps the state for the next start. Default: it is in memory and ends with the sandbox. */
  readonly data?: string;
  /** How many nodes there are: `sandbox`, `sandbox-2`, … Default: 1. */
  readonly nodes?: number;
  readonly log?: (line: LogLine) => void;
  /** Told of every request that was allowed or refused. */
  readonly decided?: Observer;
  /** Told of every write that was let in, once it is answered. */
  readonly audited?: Audit;
  /** Told of every port that a Gateway opens. */
  readonly gatewayOpened?: (gateway: GatewayAddress) => void;
}

/** A running cluster. */
export interface Sandbox {
  readonly apiServer: ApiServer;
  readonly network: Network;
  readonly metrics: Metrics;
  /** Breaks things on demand. */
  readonly faults: Faults;
  readonly kubeconfigPath: string;
  /** Kubeconfigs of `options.users`, by name. */
  readonly users: Readonly<Record<string, string>>;
  /** A folder of its own under the system's temporary one; removed at the end. */
  readonly folder: string;
  /** Ends everything that was started, in reverse, and removes what was written. */
  stop(): Promise<void>;
}

type Step = () => Promise<unknown> | unknown;

/** Starts a cluster. What was started before a failure is stopped again. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const undo: Step[] = [];
  const stop = async (): Promise<void> => {
    const errors: unknown[] = [];
    for (const step of undo.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, "the sandbox did not end cleanly");
  };
  try {
    return { ...(await assemble(options, undo)), stop };
  } catch (error) {
    // What went wrong first is what the user has to know.
    await stop().catch(() => undefined);
    throw error;
  }
}

async function assemble(options: SandboxOptions, undo: Step[]): Promise<Omit<Sandbox, "stop">> {
  const write = options.log ?? (() => undefined);
  const log = (message: string, fields: Record<string, unknown> = {}): void =>
    write({ level: "info", message, ...fields });
  const kubeconfigPath = options.kubeconfig;
  if (kubeconfigPath !== undefined) refuseForeignFile(kubeconfigPath);

  const keeping = options.data === undefined ? undefined : await keepIn(options.data, { log });
  if (keeping !== undefined) undo.push(() => keeping.close());
  const apiServer = await startApiServer({
    log: write,
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(keeping === undefined ? {} : { kept: keeping.kept }),
    ...(options.decided === undefined ? {} : { decided: options.decided }),
    ...(options.audited === undefined ? {} : { audited: options.audited }),
  });
  undo.push(() => apiServer.stop());
  const folder = await mkdtemp(join(tmpdir(), "weir-sandbox-"));
  undo.push(() => rm(folder, { recursive: true, force: true }));
  const client = (username: string): Client => apiServer.as(componentUser(username));

  const pods = createPodNetwork();
  undo.push(() => pods.close());
  const locate = pods.locate.bind(pods);
  const network = await startNetwork({
    client: client("system:serviceaccount:istio-system:istiod"),
    log,
    locate,
    ...(options.gatewayOpened === undefined ? {} : { gatewayOpened: options.gatewayOpened }),
  });
  undo.push(() => network.stop());
  const metrics = await startMetrics({
    client: client("system:serviceaccount:istio-system:prometheus"),
    targets: () => network.scrapeTargets(),
    log,
    locate,
    folder: join(folder, "prometheus"),
    ...(options.searchPath === undefined ? {} : { searchPath: options.searchPath }),
    ...(options.scrapeIntervalMs === undefined ? {} : { intervalMs: options.scrapeIntervalMs }),
  });
  undo.push(() => metrics.stop());
  nameProcesses(network, apiServer, metrics);

  const controllers = startControllers({ client, log, ca: apiServer.ca });
  undo.push(() => controllers.stop());
  const nodes = nodeNames(options.nodes ?? 1).map((name) => {
    const node = startNode({ client: client(`system:node:${name}`), name, network: pods, log });
    undo.push(() => node.stop());
    return node;
  });
  await Promise.all(nodes.map((node) => node.registered));
  apiServer.podLog = (...request) => podLogOf(nodes, request);
  const faults = createFaults({
    apiServer,
    controllers,
    nodes,
    metrics,
    client: client("system:serviceaccount:kube-system:node-controller"),
    now: () => new Date(),
    log: write,
  });
  undo.push(() => faults.stop());
  apiServer.control = controlFaults(faults);

  const written = kubeconfigPath ?? join(folder, "kubeconfig");
  await writeFile(written, apiServer.kubeconfig("admin"), { mode: 0o600 });
  undo.push(() => rm(written, { force: true }));
  const users: Record<string, string> = {};
  for (const [index, user] of (options.users ?? []).entries()) {
    users[user] = join(folder, `user-${index}.kubeconfig`);
    await writeFile(users[user], apiServer.kubeconfig(user), { mode: 0o600 });
  }
  return { apiServer, network, metrics, faults, kubeconfigPath: written, users, folder };
}

function nodeNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => (index === 0 ? "sandbox" : `sandbox-${index + 1}`));
}

/** A node knows the logs of its own pods only. */
function podLogOf(nodes: readonly Node[], request: Parameters<Node["podLog"]>): string | undefined {
  return nodes.find(({ name }) => name === request[0]["spec"]?.nodeName)?.podLog(...request);
}

/** Names in the cluster for what runs outside of pods. */
function nameProcesses(network: Network, apiServer: ApiServer, metrics: Metrics): void {
  apiServer.resolveService = network.resolve;
  network.alias("default", "kubernetes", 443, { host: "127.0.0.1", port: Number(new URL(apiServer.url).port) });
  for (const [namespace, service] of [
    ["istio-system", "prometheus"],
    ["traefik", "flagger-prometheus"],
  ] as const) {
    network.alias(namespace, service, 9090, { host: "127.0.0.1", port: metrics.port });
  }
}

/** Components may do anything; they differ in name so that their requests can be told apart. */
function componentUser(username: string): UserInfo {
  return { username, groups: ["system:masters", "system:authenticated"] };
}

/** A kubeconfig that someone else wrote holds their way into other clusters: never overwrite it. */
function refuseForeignFile(path: string): void {
  if (existsSync(path) && !readFileSync(path, "utf8").includes("weir-sandbox")) {
    throw new Error(`${path} exists and was not written by a sandbox: name a new file with --kubeconfig`);
  }
}
