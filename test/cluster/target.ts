/** Which cluster tests run against, and what it can and cannot do. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dump, load } from "js-yaml";
import type { RawObject } from "../../api/object.ts";
import { type Api, createApi } from "../../controller/kube/api.ts";
import { loadKubeConfig } from "../../controller/kube/config.ts";
import { createTransport } from "../../controller/kube/transport.ts";
import type { Identity } from "../../sandbox/apiserver/x509.ts";
import { startSandbox } from "../../sandbox/start.ts";
import { startAssets } from "./assets.ts";

const namespaces = { group: "", version: "v1", plural: "namespaces", kind: "Namespace" };
const nodes = { group: "", version: "v1", plural: "nodes", kind: "Node" };
const accounts = { group: "", version: "v1", plural: "serviceaccounts", kind: "ServiceAccount" };
const crds = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
};

/** A cluster under test. */
export interface Target {
  readonly api: Api;
  /** Why tests that need running pods cannot run here; undefined where they can. */
  readonly noPods: string | undefined;
  /** It was made for this test and runs on this machine: nobody else works in it, and it reaches webhooks on loopback. */
  readonly own: boolean;
  readonly kubeconfigPath: string;
  /** Makes a client certificate; undefined for a cluster that was not made for this test. */
  readonly certify: ((user: string, groups: readonly string[]) => Identity) | undefined;
  /** A folder for this test's files; removed by `stop`. */
  readonly folder: string;
  /**
   * Makes a namespace of that name (with a suffix where others work in the cluster too) and a kubeconfig whose
   * context names it. The namespace is deleted by `stop`.
   */
  room(name: string): Promise<Room>;
  /** Installs a CRD and waits for it. False where the cluster has another one of that name, which then stays. */
  install(crd: RawObject): Promise<boolean>;
  stop(): Promise<void>;
}

export interface Room {
  readonly namespace: string;
  readonly kubeconfig: string;
}

/** Where a cluster is, and how it ends. */
interface Place extends Pick<Target, "kubeconfigPath" | "own" | "certify"> {
  /** An own one takes everything with it. */
  stop(): Promise<void>;
}

/**
 * The cluster that `WEIR_TEST_KUBECONFIG` names, else one of the kube-apiserver and etcd in the folder
 * `KUBEBUILDER_ASSETS`, else a sandbox in this process.
 */
async function startPlace(): Promise<Place> {
  const { WEIR_TEST_KUBECONFIG: named = "", KUBEBUILDER_ASSETS: programs = "" } = process.env;
  if (named !== "") return { kubeconfigPath: named, own: false, certify: undefined, stop: async () => undefined };
  if (programs !== "") return { ...(await startAssets(programs)), own: true };
  const { kubeconfigPath, apiServer, stop } = await startSandbox();
  return { kubeconfigPath, own: true, certify: apiServer.clientCertificate.bind(apiServer), stop };
}

/** Starts what `startPlace` chooses, or takes a cluster that is there already. */
export async function startTarget(): Promise<Target> {
  const place = await startPlace();
  const { kubeconfigPath: path } = place;
  const folder = await mkdtemp(join(tmpdir(), "weir-cluster-test-"));
  const transport = createTransport(await loadKubeConfig({ path, env: {} }), { userAgent: "weir-cluster-test/1" });
  const api = createApi(transport);
  const left: (() => Promise<unknown>)[] = [];
  const noPods = await lackOfPods(api);
  const suffix = place.own ? "" : `-${process.pid.toString(36)}`;
  return {
    api,
    noPods,
    own: place.own,
    kubeconfigPath: path,
    certify: place.certify,
    folder,
    async room(name) {
      const namespace = `${name}${suffix}`;
      await api.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
      left.push(() => api.delete({ resource: namespaces, namespace: "", name: namespace }));
      // Pods need it. Where none run, there may be nobody to make it either.
      if (noPods === undefined)
        await appears(() => api.get({ resource: accounts, namespace, name: "default" }), `${namespace}'s account`);
      const kubeconfig = join(folder, `${namespace}.kubeconfig`);
      await writeFile(kubeconfig, inNamespace(await readFile(path, "utf8"), namespace), { mode: 0o600 });
      return { namespace, kubeconfig };
    },
    async install(crd) {
      const ref = { resource: crds, namespace: "", name: crd.metadata.name ?? "" };
      if ((await api.get(ref)) !== undefined) return false;
      await api.create(crds, crd);
      left.push(() => api.delete(ref));
      await appears(async () => isEstablished(await api.get(ref)), `${ref.name} to be established`);
      return true;
    },
    async stop() {
      if (!place.own) await Promise.allSettled(left.map((end) => end()));
      await transport.close();
      await place.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Says on stderr what is not tested, so that a green run without it does not look like one with it. */
export function skipLoudly(what: string, why: string): string {
  process.stderr.write(`SKIPPED ${what}: ${why}\n`);
  return why;
}

/** Asks until there is an answer; pods and controllers take their time, but not more than 20 s. */
export async function appears<T>(ask: () => Promise<T | undefined | false>, what: string): Promise<T> {
  const deadline = AbortSignal.timeout(20_000);
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (deadline.aborted) throw new Error(`waited 20 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function lackOfPods(api: Api): Promise<string | undefined> {
  const ready = (await api.list(nodes)).some((node) => conditionsOf(node).some((c) => c === "Ready=True"));
  return ready ? undefined : "no node of this cluster is ready: there is no kubelet";
}

function isEstablished(crd: RawObject | undefined): boolean {
  return crd !== undefined && conditionsOf(crd).includes("Established=True");
}

function conditionsOf(object: RawObject): string[] {
  // A definition that was created just now has null there.
  const { conditions } = (object["status"] ?? {}) as { conditions?: { type: string; status: string }[] | null };
  return (conditions ?? []).map(({ type, status }) => `${type}=${status}`);
}

function inNamespace(kubeconfig: string, namespace: string): string {
  const parsed = load(kubeconfig) as {
    "current-context": string;
    contexts: { name: string; context: { namespace?: string } }[];
  };
  const current = parsed.contexts.find(({ name }) => name === parsed["current-context"]);
  if (current === undefined) throw new Error("the kubeconfig names no current context");
  current.context.namespace = namespace;
  return dump(parsed);
}
