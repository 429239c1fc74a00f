/**
 * The sandbox's API server with nothing behind it but a hand that says of every Deployment that it has rolled out, of every Service
 * that somebody answers, and of every HTTPRoute that it is accepted. The whole sandbox would run thousands of pods and plan thousands of
 * routes in the process that the API server is in: what it takes would be measured, and not the controller.
 */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RawObject } from "../../api/index.ts";
import { startApiServer } from "../../sandbox/apiserver/server.ts";
import type { ApiServer, Client, KubeObject } from "../../sandbox/apiserver/types.ts";
import { controllerUser } from "../sandbox/release/cluster.ts";
import { readYaml, resourceOf } from "../sandbox/release/manifests.ts";

export interface PlainCluster {
  readonly apiServer: ApiServer;
  /** The administrator, without HTTP. */
  readonly look: Client;
  /** Of the controller. */
  readonly kubeconfig: string;
  /** From now on pods of this Deployment are what `setAvailable` says. */
  hold(namespace: string, name: string): void;
  /** So many pods are ready. */
  setAvailable(deployment: KubeObject, count: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startPlainCluster(): Promise<PlainCluster> {
  const apiServer = await startApiServer({ log: () => undefined });
  const folder = await mkdtemp(join(tmpdir(), "weir-bench-"));
  const look = apiServer.as({ username: "admin", groups: ["system:masters", "system:authenticated"] });
  const kubeconfig = join(folder, "kubeconfig");
  await writeFile(kubeconfig, apiServer.kubeconfig(controllerUser), { mode: 0o600 });
  await install(look);
  const held = new Set<string>();
  const setAvailable = (deployment: KubeObject, count: number): Promise<void> =>
    writeStatus(look, "deployments.apps", deployment, rolledOut(deployment, count));
  const stops = [
    look.watch("deployments.apps", ({ type, object }) => {
      const { generation, namespace, name } = object.metadata;
      if (type === "DELETED" || object["status"]?.observedGeneration === generation) return;
      const wanted = object["spec"]?.replicas ?? 1;
      const isHeld = held.has(`${namespace}/${name}`);
      void setAvailable(object, isHeld ? Math.min(wanted, object["status"]?.availableReplicas ?? 0) : wanted);
    }),
    look.watch("services", ({ type, object }) => {
      if (type === "ADDED" && object["spec"]?.selector !== undefined)
        void look.create("endpointslices.discovery.k8s.io", answering(object)).catch(() => undefined);
    }),
    look.watch("httproutes.gateway.networking.k8s.io", ({ type, object }) => {
      const seen = object["status"]?.parents?.[0]?.conditions?.[0]?.observedGeneration;
      if (type !== "DELETED" && seen !== object.metadata.generation)
        void writeStatus(look, "httproutes.gateway.networking.k8s.io", object, accepted(object));
    }),
  ];
  return {
    apiServer,
    look,
    kubeconfig,
    hold: (namespace, name) => void held.add(`${namespace}/${name}`),
    setAvailable,
    async stop() {
      for (const stop of stops) stop();
      await apiServer.stop();
      await rm(folder, { recursive: true });
    },
  };
}

async function install(look: Client): Promise<void> {
  const crds = (await readdir("manifests/crds")).sort().map((file) => `manifests/crds/${file}`);
  for (const file of ["examples/crds/gateway-api.yaml", ...crds, "manifests/namespace.yaml", "manifests/rbac.yaml"])
    for (const object of await readYaml(file)) await look.create(keyOf(object), object as KubeObject);
}

function keyOf(object: RawObject): string {
  const { plural, group } = resourceOf(object);
  return group === "" ? plural : `${plural}.${group}`;
}

/** An object that has changed meanwhile comes again. */
async function writeStatus(look: Client, key: string, { metadata }: KubeObject, status: object): Promise<void> {
  const { namespace = "", name = "", resourceVersion } = metadata;
  await look
    .patch(key, namespace, name, "merge", { metadata: { resourceVersion }, status }, "status")
    .catch(() => undefined);
}

function rolledOut({ metadata, spec }: KubeObject, count: number): object {
  const at = new Date().toISOString();
  const wanted = spec?.replicas ?? 1;
  const condition = (type: string, status: boolean, reason: string): object => ({
    type,
    status: status ? "True" : "False",
    reason,
    message: "",
    lastUpdateTime: at,
    lastTransitionTime: at,
  });
  return {
    observedGeneration: metadata.generation,
    replicas: wanted,
    updatedReplicas: wanted,
    readyReplicas: count,
    availableReplicas: count,
    conditions: [
      condition(
        "Available",
        count >= wanted,
        count >= wanted ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
      ),
      condition("Progressing", true, count >= wanted ? "NewReplicaSetAvailable" : "ReplicaSetUpdated"),
    ],
  };
}

function answering({ metadata, spec }: KubeObject): KubeObject {
  const { namespace = "", name = "" } = metadata;
  const ports = (spec?.ports ?? []) as { name?: string; targetPort?: unknown }[];
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: `${name}-hand`, namespace, labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4",
    ports: ports.map(({ name, targetPort }) => ({ name: name ?? "", port: Number(targetPort), protocol: "TCP" })),
    endpoints: [{ addresses: ["127.0.0.2"], conditions: { ready: true } }],
  };
}

function accepted({ metadata, spec }: KubeObject): object {
  const condition = {
    type: "Accepted",
    status: "True",
    reason: "Accepted",
    message: "",
    observedGeneration: metadata.generation,
    lastTransitionTime: new Date().toISOString(),
  };
  const parents = (spec?.parentRefs ?? []) as object[];
  return {
    parents: parents.map((parentRef) => ({
      parentRef,
      controllerName: "example.com/hand",
      conditions: [condition],
    })),
  };
}
