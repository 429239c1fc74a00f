import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RawObject } from "../../api/index.ts";
import { type AdminCluster, connect, emptyConfigurations, resources } from "./cluster.ts";
import { compileAhead, freePort, startProcess, type WeirProcess } from "./processes.ts";

/** The four processes of Weir, running together on loopback. */
export interface Stack {
  readonly cluster: AdminCluster;
  readonly kubeconfig: string;
  /** Forward proxy that knows the names of Services. */
  readonly proxyUrl: string;
  readonly metricsUrl: string;
  readonly logFolder: string;
  readonly processes: readonly WeirProcess[];
  /** Resolves with its name when one of them ends unasked. */
  readonly broken: Promise<string>;
  stop(): Promise<void>;
}

export interface StackOptions {
  /** Told what is being done. */
  readonly progress: (what: string) => void;
  readonly provider?: string;
  /** Port of the API server; any free one when absent. */
  readonly port?: number;
  /** Gives up a start that is under way; afterwards nothing is left running. */
  readonly signal?: AbortSignal;
}

const root = join(import.meta.dirname, "..", "..");
const controllerUser = "system:serviceaccount:weir-system:weir-controller";
const serverUser = "system:serviceaccount:weir-system:weir-server";
/** One arena for the C library: with several, each thread keeps pages of its own that are never used again (4 MB less). */
export const frugal = { MALLOC_ARENA_MAX: "1" };
/**
 * Small heaps, as in the image: a young generation of 1 MB is enough. And two compilers instead of four: code for the middle tiers, and
 * what it takes to make it, cost a server under load 20 MB and no review is slower without.
 */
export const lean = ["--max-semi-space-size=1", "--max-old-space-size=256", "--no-sparkplug", "--no-maglev"];

export async function startStack(options: StackOptions): Promise<Stack> {
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const logFolder = await mkdtemp(join(tmpdir(), "weir-logs-"));
  const processes: WeirProcess[] = [];
  let stopping = false;
  let isBroken = false;
  let cluster: AdminCluster | undefined;
  const stop = async (): Promise<void> => {
    stopping = true;
    await cluster?.close();
    for (const process of [...processes].reverse()) await process.stop();
    // Logs of a run that ended as it should help nobody; those of a broken one stay.
    if (!isBroken) await rm(logFolder, { recursive: true, force: true });
  };
  const { promise: broken, resolve: breakDown } = Promise.withResolvers<string>();
  const start = async (
    name: string,
    args: readonly string[],
    isReady: (line: Readonly<Record<string, unknown>>) => boolean,
    env = {},
    nodeFlags = lean,
  ): Promise<WeirProcess> => {
    const process = await startProcess({
      name,
      args,
      isReady,
      env: { ...frugal, ...env },
      nodeFlags,
      logFolder,
      signal,
    });
    processes.push(process);
    void process.exited.then((code) => {
      if (stopping) return;
      isBroken = true;
      breakDown(`${name} ended with code ${code}; its log is ${process.logFile}`);
    });
    return process;
  };
  const starting: Promise<unknown>[] = [];
  try {
    options.progress("a cluster in one process");
    const compiled = compileAhead(
      [
        { name: "server", nodeFlags: lean },
        { name: "controller", nodeFlags: lean },
      ],
      signal,
    );
    const sandboxPort = options.port === undefined ? [] : ["--port", String(options.port)];
    const sandbox = await start(
      "sandbox",
      ["sandbox", "--json", "--user", controllerUser, "--user", serverUser, ...sandboxPort],
      (line) => "kubeconfig" in line,
      {},
      [],
    );
    const { kubeconfig, proxy, metrics, users } = sandbox.ready as unknown as {
      kubeconfig: string;
      proxy: string;
      metrics: string;
      users: Record<string, string>;
    };
    cluster = await connect(kubeconfig);
    await install(cluster, options.progress);

    await compiled;
    options.progress("the admission webhook, the controller and the load tester");
    const throughProxy = {
      HTTP_PROXY: proxy,
      http_proxy: proxy,
      NO_PROXY: "127.0.0.1,localhost",
      no_proxy: "127.0.0.1,localhost",
    };
    const provider = options.provider ?? "gatewayapi:v1";
    const webhookPort = await freePort();
    const loadtesterPort = await freePort();
    starting.push(
      start(
        "server",
        [
          "server",
          "--kubeconfig",
          users[serverUser] ?? "",
          "--port",
          String(webhookPort),
          "--metrics-port",
          "0",
          "--publish-url",
          `https://127.0.0.1:${webhookPort}`,
          "--mesh-provider",
          provider,
          "--drain-seconds",
          "1",
        ],
        (line) => line["msg"] === "authority published",
      ),
      start(
        "controller",
        [
          "controller",
          "--kubeconfig",
          users[controllerUser] ?? "",
          "--mesh-provider",
          provider,
          "--metrics-server",
          "http://prometheus.istio-system:9090",
          "--host",
          "127.0.0.1",
          "--port",
          "0",
          "--drain-seconds",
          "2",
        ],
        (line) => line["msg"] === "working",
        throughProxy,
      ),
      start(
        "loadtester",
        ["loadtester", "-port", String(loadtesterPort)],
        (line) => line["msg"] === "load tester listens",
        throughProxy,
        [],
      ),
    );
    await Promise.all(starting);
    for (const object of loadtesterService(loadtesterPort)) await cluster.apply(object);
    return { cluster, kubeconfig, proxyUrl: proxy, metricsUrl: metrics, logFolder, processes, broken, stop };
  } catch (error) {
    isBroken = options.signal?.aborted !== true;
    failed.abort();
    await Promise.allSettled(starting);
    await stop();
    throw error;
  }
}

/** What `kubectl apply -k manifests` does on a real cluster, without the Deployments: those processes run outside. */
async function install(cluster: AdminCluster, progress: (what: string) => void): Promise<void> {
  progress("custom resource definitions and namespaces");
  for (const file of ["gateway-api.yaml", "traefik.yaml"])
    await cluster.applyFile(join(root, "examples", "crds", file));
  const own = join(root, "manifests", "crds");
  for (const file of (await readdir(own)).sort()) await cluster.applyFile(join(own, file));
  for (const file of ["namespace.yaml", "rbac.yaml"]) await cluster.applyFile(join(root, "manifests", file));
  for (const object of emptyConfigurations) await cluster.apply(object);
  await cluster.applyFile(join(root, "examples", "gatewayapi", "namespaces.yaml"));
}

/** A Service whose endpoint is a process outside of any pod, as Kubernetes allows for anything that runs elsewhere. */
function loadtesterService(port: number): RawObject[] {
  const metadata = { name: "flagger-loadtester", namespace: "test" };
  return [
    {
      apiVersion: "v1",
      kind: resources.services.kind,
      metadata,
      spec: { ports: [{ name: "http", port: 80, targetPort: port, protocol: "TCP" }] },
    },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: resources.endpointSlices.kind,
      metadata: {
        ...metadata,
        name: "flagger-loadtester-outside",
        labels: { "kubernetes.io/service-name": "flagger-loadtester" },
      },
      addressType: "IPv4",
      ports: [{ name: "http", port, protocol: "TCP" }],
      endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true } }],
    },
  ];
}
