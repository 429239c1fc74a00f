import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Canary, canonicalJson, fieldsOf, itemsOf, type RawObject, type Resource } from "../../../api/index.ts";
import type { KubeObject } from "../../../sandbox/apiserver/types.ts";
import type { ReleaseCluster } from "./cluster.ts";
import { aRelease, readYaml } from "./manifests.ts";

export const knativeServices: Resource = {
  group: "serving.knative.dev",
  version: "v1",
  plural: "services",
  kind: "Service",
};
const servicesKey = "services.serving.knative.dev";
const revisionsKey = "revisions.serving.knative.dev";

/** podinfo as a Service of Knative. */
export function aKnativeService(namespace: string, tag = "6.0.0"): RawObject {
  const template = {
    spec: { containers: [{ image: `stefanprodan/podinfo:${tag}`, ports: [{ containerPort: 9898 }] }] },
  };
  return {
    apiVersion: "serving.knative.dev/v1",
    kind: "Service",
    metadata: { name: "podinfo", namespace },
    spec: { template },
  };
}

/** A Canary of it, without Services. */
export function aKnativeRelease(
  namespace: string,
  analysis: Parameters<typeof aRelease>[1] = {},
  spec: Partial<Canary["spec"]> = {},
): Canary {
  const targetRef = { apiVersion: "serving.knative.dev/v1", kind: "Service", name: "podinfo" } as const;
  const canary = aRelease(namespace, analysis, { provider: "knative", targetRef, ...spec });
  const { service: _service, ...rest } = canary.spec;
  return { ...canary, spec: rest };
}

/** What Knative's controller does, as far as a release sees it. Revisions are ready at once, but for images that crash or are late. */
export interface Knative {
  /** Share of each revision in percent, as the status of a Service has it. */
  shares(namespace: string): Readonly<Record<string, number>>;
  service(namespace: string): KubeObject | undefined;
}

/** Installs Knative's official definitions, and plays its controller until the cluster ends. */
export async function playKnative(cluster: ReleaseCluster): Promise<Knative> {
  for (const kind of ["services", "revisions"])
    await cluster.apply(...(await readYaml(`test/fixtures/knative/${kind}.yaml`)));
  let work: Promise<unknown> = Promise.resolve();
  const failures: unknown[] = [];
  const stop = cluster.look.watch(servicesKey, ({ type, object }) => {
    if (type === "DELETED") return;
    const { namespace = "", name = "" } = object.metadata;
    work = work.then(() => reconcile(cluster, namespace, name)).catch((error: unknown) => failures.push(error));
  });
  cluster.atEnd.push(async () => {
    stop();
    await work;
    if (failures.length > 0) throw new AggregateError(failures, "Knative was not played well");
  });
  const service: Knative["service"] = (namespace) => cluster.look.get(servicesKey, namespace, "podinfo");
  return {
    service,
    shares(namespace) {
      const shares: Record<string, number> = {};
      for (const { revisionName, percent } of itemsOf(service(namespace)?.["status"]?.traffic))
        shares[String(revisionName)] = (shares[String(revisionName)] ?? 0) + Number(percent);
      return shares;
    },
  };
}

async function reconcile(cluster: ReleaseCluster, namespace: string, name: string): Promise<void> {
  const { look } = cluster;
  const service = look.get(servicesKey, namespace, name);
  if (service === undefined) return;
  const made = look
    .list(revisionsKey, namespace)
    .filter(({ metadata }) => metadata.labels?.["serving.knative.dev/service"] === name)
    .sort((a, b) => String(a.metadata.name).localeCompare(String(b.metadata.name)));
  const template = fieldsOf(service["spec"]?.template);
  const newest = made.at(-1);
  if (newest === undefined || canonicalJson(newest["spec"]) !== canonicalJson(template["spec"])) {
    made.push(await makeRevision(cluster, service, made.length + 1));
  }
  const names = made.map(({ metadata }) => String(metadata.name));
  const ready = made.filter(isReady).map(({ metadata }) => String(metadata.name));
  const wanted = itemsOf(service["spec"]?.traffic);
  const entries = wanted.length === 0 ? [{ latestRevision: true, percent: 100 }] : wanted;
  const status = {
    observedGeneration: service.metadata.generation,
    latestCreatedRevisionName: names.at(-1),
    latestReadyRevisionName: ready.at(-1),
    traffic: entries.map((entry) => ({ percent: 0, revisionName: ready.at(-1), latestRevision: false, ...entry })),
  };
  if (canonicalJson(status) === canonicalJson(service["status"])) return;
  await look.patch(servicesKey, namespace, name, "merge", { status }, "status");
}

async function makeRevision(cluster: ReleaseCluster, service: KubeObject, number: number): Promise<KubeObject> {
  const { namespace = "", name = "" } = service.metadata;
  const spec = service["spec"]?.template?.spec;
  const revision = `${name}-${String(number).padStart(5, "0")}`;
  const made = await cluster.look.create(revisionsKey, {
    apiVersion: "serving.knative.dev/v1",
    kind: "Revision",
    metadata: { name: revision, namespace, labels: { "serving.knative.dev/service": name } },
    spec,
  });
  const text = JSON.stringify(spec);
  if (text.includes("-late")) return made;
  return sayReady(cluster, namespace, revision, !text.includes("-crash"));
}

/** What Knative says of a Revision whose first pod came up, or did not. */
export function sayReady(
  cluster: ReleaseCluster,
  namespace: string,
  revision: string,
  ready: boolean,
): Promise<KubeObject> {
  const condition = ready
    ? { type: "Ready", status: "True" }
    : { type: "Ready", status: "False", reason: "ExitCode1", message: "Container failed with: boom" };
  const status = { conditions: [condition] };
  return cluster.look.patch(revisionsKey, namespace, revision, "merge", { status }, "status");
}

function isReady(revision: KubeObject): boolean {
  return itemsOf(revision["status"]?.conditions).some(({ type, status }) => type === "Ready" && status === "True");
}

/** A Prometheus whose answers are given: the value for a query, none when undefined. Ends with the cluster. */
export async function playMetrics(cluster: ReleaseCluster, answer: (query: string) => number | undefined) {
  const queries: string[] = [];
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? "/", "http://metrics").searchParams.get("query") ?? "";
    queries.push(query);
    const value = query === "vector(1)" ? 1 : answer(query);
    const result = value === undefined ? [] : [{ metric: {}, value: [1, String(value)] }];
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ status: "success", data: { resultType: "vector", result } }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cluster.atEnd.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, queries };
}
