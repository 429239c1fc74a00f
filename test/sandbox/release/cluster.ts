import { readdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Client as HttpClient } from "undici";
import { type Canary, type RawObject, revisionOf } from "../../../api/index.ts";
import { type Api, createApi } from "../../../controller/kube/api.ts";
import { loadKubeConfig } from "../../../controller/kube/config.ts";
import { createTransport, type Transport } from "../../../controller/kube/transport.ts";
import { emptyConfigurations } from "../../../examples/demo/cluster.ts";
import { startTraffic, type Traffic, type TrafficOptions } from "../../../examples/demo/traffic.ts";
import { createLoadtester } from "../../../loadtester/app.ts";
import type { Client, KubeObject } from "../../../sandbox/apiserver/types.ts";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../../sandbox/start.ts";
import { loadtesterOutside, podinfo, readYaml, resourceOf, withImage } from "./manifests.ts";
import { followEvents, type Told, untilFound } from "./watching.ts";
import { type ControllerOptions, type Measured, runController, runServer, type Stoppable } from "./weir.ts";

/** A sandbox with Weir on it, all in this process: what a release needs to be tried from end to end. */
export interface ReleaseCluster {
  readonly sandbox: Sandbox;
  /** The administrator, without HTTP: to look and to watch. */
  readonly look: Client;
  /** The administrator, over HTTP: to write as users do. */
  readonly api: Api;
  readonly transport: Transport;
  /** Events about canaries, in the order in which they were written. */
  readonly told: Told;
  /** Applies objects in order, server-side; answers with the warnings. */
  apply(...objects: readonly RawObject[]): Promise<readonly string[]>;
  /** Makes a namespace with a load tester in it. */
  addNamespace(name: string): Promise<void>;
  /** Namespace, Deployment and Service of podinfo, serving. */
  bootstrapTarget(namespace: string, deployment?: Readonly<Record<string, unknown>>): Promise<void>;
  /** The same; then the Canary, initialized and its target empty. */
  bootstrap(canary: Canary, deployment?: Readonly<Record<string, unknown>>): Promise<void>;
  setImage(namespace: string, tag: string, plural?: "deployments" | "daemonsets"): Promise<readonly string[]>;
  canary(namespace: string): Canary;
  deployment(namespace: string, name?: string): KubeObject;
  /** Share of the canary in the HTTPRoute; undefined without one. */
  routed(namespace: string): number | undefined;
  /** Resolves with what `find` finds, as soon as it finds something. */
  until<T>(what: string, find: () => T | undefined | false, deadlineMs?: number): Promise<T>;
  untilPhase(namespace: string, ...phases: readonly string[]): Promise<Canary>;
  /** The release of what the target holds now has come to its end. */
  untilOver(namespace: string): Promise<Canary>;
  untilTold(namespace: string, text: string): Promise<void>;
  untilTargetIsEmpty(namespace: string): Promise<unknown>;
  /** Visitors through the gateway, as `host`. */
  visit(host: string, everyMs?: number): Traffic;
  /** Callers inside the cluster, by the name of the Service. */
  call(url: string, everyMs?: number): Traffic;
  /** Sends JSON from inside the cluster; resolves with the status of the answer. */
  post(url: string, body: object): Promise<number>;
  startController(options?: ControllerOptions): Promise<Measured>;
  startServer(): Promise<Measured>;
  /** Called at the end, in reverse. */
  readonly atEnd: (() => Promise<unknown>)[];
  stop(): Promise<void>;
}

export const controllerUser = "system:serviceaccount:weir-system:weir-controller";
export const serverUser = "system:serviceaccount:weir-system:weir-server";
const root = join(import.meta.dirname, "..", "..", "..");
const patienceMs = 40_000;

/** Without controller and server: start what the test needs. */
export async function startReleaseCluster(options: SandboxOptions = {}): Promise<ReleaseCluster> {
  const atEnd: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    const steps = atEnd.splice(0).reverse();
    const failures: unknown[] = [];
    for (const step of steps) await step().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, "the cluster did not end cleanly");
  };
  try {
    return { ...(await assemble(atEnd, options)), atEnd, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** With everything. */
export async function startWeirCluster(options: ControllerOptions = {}): Promise<ReleaseCluster> {
  const cluster = await startReleaseCluster();
  await Promise.all([cluster.startServer(), cluster.startController(options)]);
  return cluster;
}

async function assemble(
  atEnd: (() => Promise<unknown>)[],
  options: SandboxOptions,
): Promise<Omit<ReleaseCluster, "atEnd" | "stop">> {
  const sandbox = await startSandbox({ ...options, users: [controllerUser, serverUser], scrapeIntervalMs: 250 });
  atEnd.push(() => sandbox.stop());
  const look = sandbox.apiServer.as({ username: "admin", groups: ["system:masters", "system:authenticated"] });
  const kubeconfig = await loadKubeConfig({ path: sandbox.kubeconfigPath, env: {} });
  const transport = createTransport(kubeconfig, { userAgent: "kubectl/test" });
  atEnd.push(() => transport.close());
  const api = createApi(transport);
  const apply = async (...objects: readonly RawObject[]): Promise<readonly string[]> => {
    const warnings: string[] = [];
    for (const object of objects)
      await api.apply(resourceOf(object), object, {
        fieldManager: "kubectl",
        force: true,
        onWarning: (text) => warnings.push(text),
      });
    return warnings;
  };
  await install(apply);
  const loadtesterPort = await startLoadtester(sandbox.network.proxyUrl, atEnd);
  const addNamespace = async (name: string): Promise<void> => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
    await apply(namespace, ...loadtesterOutside(name, loadtesterPort));
  };
  const told = followEvents(look);
  atEnd.push(async () => told.stop());
  const sight = eyes(look, told);
  const bootstrapTarget: ReleaseCluster["bootstrapTarget"] = async (namespace, deployment) => {
    await addNamespace(namespace);
    await apply(...(await podinfo(namespace, deployment)));
    const isServing = (): boolean => sight.deployment(namespace)["status"]?.readyReplicas > 0;
    await sight.until(`podinfo of ${namespace} serving`, isServing);
  };
  const env = { HTTP_PROXY: sandbox.network.proxyUrl, NO_PROXY: "127.0.0.1,localhost" };
  return {
    sandbox,
    look,
    api,
    transport,
    told,
    apply,
    addNamespace,
    ...sight,
    ...trafficOf(sandbox, atEnd),
    bootstrapTarget,
    async bootstrap(canary, deployment) {
      const namespace = canary.metadata.namespace ?? "";
      await bootstrapTarget(namespace, deployment);
      await apply(canary);
      await sight.untilPhase(namespace, "Initialized");
      await sight.untilTargetIsEmpty(namespace);
    },
    async setImage(namespace, tag, plural = "deployments") {
      const answer = await transport.request({
        method: "PATCH",
        path: `/apis/apps/v1/namespaces/${namespace}/${plural}/podinfo`,
        contentType: "application/strategic-merge-patch+json",
        query: { fieldManager: "kubectl-set" },
        body: withImage(tag),
      });
      return answer.warnings;
    },
    startController: (options) => endLater(runController(sandbox.users[controllerUser] ?? "", env, options), atEnd),
    startServer: () => endLater(runServer(sandbox.users[serverUser] ?? "", [controllerUser]), atEnd),
  };
}

async function install(apply: ReleaseCluster["apply"]): Promise<void> {
  for (const folder of ["examples/crds", "manifests/crds"])
    for (const file of (await readdir(join(root, folder))).sort()) await apply(...(await readYaml(join(folder, file))));
  for (const file of ["namespace.yaml", "rbac.yaml"]) await apply(...(await readYaml(`manifests/${file}`)));
  await apply(...emptyConfigurations);
  await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "istio-ingress" } });
  await apply(...(await readYaml("examples/gatewayapi/gateway.yaml")));
}

/** Looking and waiting, by what an administrator could see. */
function eyes(look: Client, told: Told) {
  const until: ReleaseCluster["until"] = (what, find, deadlineMs = patienceMs) =>
    untilFound(look, what, find, deadlineMs);
  const canary: ReleaseCluster["canary"] = (namespace) =>
    (look.get("canaries.flagger.app", namespace, "podinfo") ?? {}) as unknown as Canary;
  const deployment: ReleaseCluster["deployment"] = (namespace, name = "podinfo") =>
    look.get("deployments.apps", namespace, name) ?? { apiVersion: "apps/v1", kind: "Deployment", metadata: {} };
  const routed: ReleaseCluster["routed"] = (namespace) => {
    const rules = look.get("httproutes.gateway.networking.k8s.io", namespace, "podinfo")?.["spec"]?.rules ?? [];
    const backends = rules.flatMap((rule: { backendRefs?: object[] }) => rule.backendRefs ?? []);
    // The first rules may be for clients with a cookie.
    return backends.findLast(({ name }: { name?: string }) => name === "podinfo-canary")?.weight;
  };
  const withStory = async <T>(namespace: string, waiting: Promise<T>): Promise<T> => {
    try {
      return await waiting;
    } catch (error) {
      const { phase, canaryWeight } = canary(namespace).status ?? {};
      const story = told.of(namespace).map((line) => `\n  ${line}`);
      throw new Error(`${(error as Error).message}; it is ${phase} at ${canaryWeight}, and told:${story.join("")}`);
    }
  };
  return {
    until,
    canary,
    deployment,
    routed,
    untilPhase: (namespace: string, ...phases: readonly string[]) =>
      withStory(
        namespace,
        until(`the canary of ${namespace} being ${phases.join(" or ")}`, () => {
          const seen = canary(namespace);
          return phases.includes(seen.status?.phase ?? "") && seen;
        }),
      ),
    untilOver: (namespace: string) =>
      withStory(
        namespace,
        until(`the release of ${namespace} being over`, () => {
          const seen = canary(namespace);
          const { phase, lastAppliedSpec } = seen.status ?? {};
          const ended = phase === "Succeeded" || phase === "Failed";
          return ended && lastAppliedSpec === revisionOf(deployment(namespace)["spec"]?.template) && seen;
        }),
      ),
    untilTold: async (namespace: string, text: string) => {
      const isTold = (): boolean => told.of(namespace).some((message) => message.includes(text));
      await withStory(namespace, until(`"${text}" in ${namespace}`, isTold));
    },
    untilTargetIsEmpty: (namespace: string) =>
      withStory(
        namespace,
        until(`the target of ${namespace} being empty`, () => deployment(namespace)["spec"]?.replicas === 0),
      ),
  };
}

function trafficOf(
  sandbox: Sandbox,
  atEnd: (() => Promise<unknown>)[],
): Pick<ReleaseCluster, "visit" | "call" | "post"> {
  const start = (options: TrafficOptions): Traffic => {
    const traffic = startTraffic(options);
    const stop = once(() => traffic.stop());
    atEnd.push(stop);
    return { hits: traffic.hits, stop };
  };
  return {
    visit(host, everyMs = 20) {
      const gateway = sandbox.network.gateways().find(({ namespace }) => namespace === "istio-ingress");
      if (gateway === undefined) throw new Error("the gateway does not listen");
      return start({ url: new URL("/", gateway.url).href, host, everyMs });
    },
    async post(url, body) {
      const { host } = new URL(url);
      const inside = new HttpClient(sandbox.network.proxyUrl);
      const options = { method: "POST", path: url, headers: { host }, body: JSON.stringify(body) } as const;
      const answer = await inside.request(options);
      await answer.body.dump();
      await inside.close();
      return answer.statusCode;
    },
    call: (url, everyMs = 40) => start({ url, proxy: sandbox.network.proxyUrl, host: new URL(url).host, everyMs }),
  };
}

/** Ended with the cluster, unless a test ends it before. */
async function endLater<T extends Stoppable>(starting: Promise<T>, atEnd: (() => Promise<unknown>)[]): Promise<T> {
  const running = await starting;
  const stop = once(() => running.stop());
  atEnd.push(stop);
  return { ...running, stop };
}

function once(end: () => Promise<void>): () => Promise<void> {
  let ended: Promise<void> | undefined;
  return () => {
    ended ??= end();
    return ended;
  };
}

async function startLoadtester(proxyUrl: string, atEnd: (() => Promise<unknown>)[]): Promise<number> {
  const noProxy = "127.0.0.1,localhost";
  const env = { ...process.env, http_proxy: proxyUrl, HTTP_PROXY: proxyUrl, no_proxy: noProxy, NO_PROXY: noProxy };
  const { app, runner } = createLoadtester({ env, timeoutMs: 60_000, log: () => undefined });
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd.push(async () => {
    await runner.stop();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}
