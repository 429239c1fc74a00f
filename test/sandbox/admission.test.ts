import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadAll } from "js-yaml";
import { annotations, canaryResource, type RawObject, type Resource, WeirError } from "../../api/index.ts";
import { type Api, createApi, type WriteOptions } from "../../controller/kube/api.ts";
import { loadKubeConfig } from "../../controller/kube/config.ts";
import { createLineWriter, createLogger, type Logger } from "../../controller/kube/log.ts";
import { createTransport, type Transport } from "../../controller/kube/transport.ts";
import { startApiServer } from "../../sandbox/apiserver/server.ts";
import type { ApiServer } from "../../sandbox/apiserver/types.ts";
import { type CanaryCache, startCanaryCache } from "../../server/canaryCache.ts";
import { readOptions } from "../../server/options.ts";
import { runWebhook } from "../../server/webhook.ts";
import { memoryStream } from "../http/memoryStream.ts";
import { aCanary, aDeployment } from "../unit/mutators/builders.ts";

const manifests = join(import.meta.dirname, "../../manifests");
const deployments: Resource = { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" };
const namespaces: Resource = { group: "", version: "v1", plural: "namespaces", kind: "Namespace" };
const secrets: Resource = { group: "", version: "v1", plural: "secrets", kind: "Secret" };
const definitions = { group: "apiextensions.k8s.io", version: "v1", plural: "customresourcedefinitions", kind: "" };
const podinfo = { resource: deployments, namespace: "demo", name: "podinfo" };

let cluster: ApiServer;
let folder: string;
let transport: Transport;
let api: Api;

before(async () => {
  cluster = await startApiServer({ log: () => undefined });
  folder = await mkdtemp(join(tmpdir(), "weir-admission-"));
  const path = join(folder, "kubeconfig");
  await writeFile(path, cluster.kubeconfig("admin"));
  transport = createTransport(await loadKubeConfig({ path, env: {} }), { userAgent: "weir-test/1" });
  api = createApi(transport);
  for (const name of ["demo", "weir-system"]) {
    await api.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  }
  for (const file of readdirSync(join(manifests, "crds"))) {
    for (const definition of documents(`crds/${file}`)) await api.create(definitions, definition);
  }
});

after(async () => {
  await transport.close();
  await cluster.stop();
  await rm(folder, { recursive: true });
});

function documents(file: string): readonly RawObject[] {
  return loadAll(readFileSync(join(manifests, file), "utf8")) as RawObject[];
}

interface Running {
  readonly cache: CanaryCache;
  stop(): Promise<void>;
}

/** The server as `weir server` assembles it, once it has published its authority. */
async function startServer(flags: readonly string[]): Promise<Running> {
  const options = readOptions(["--port", "0", "--metrics-port", "0", "--drain-seconds", "0", ...flags]);
  assert.ok(options);
  const logged = memoryStream();
  const stop = new AbortController();
  const quiet = createLogger({ level: "info", write: createLineWriter(logged.stream).write });
  const cache = startCanaryCache({ transport, provider: "", controllerUsers: options.controllerUsers, log: quiet });
  const { promise: published, resolve: notePublished } = Promise.withResolvers<void>();
  const log: Logger = {
    ...quiet,
    info(message, fields = {}) {
      if (message === "listening") {
        const port = Number(fields["port"]);
        cluster.resolveService = () => ({ host: "127.0.0.1", port });
      } else if (message === "authority published") {
        notePublished();
      }
    },
  };
  const signals = { stop: stop.signal, hurry: new AbortController().signal };
  const run = runWebhook({ options, log, signals, cache, api });
  await Promise.race([published, run]);
  return {
    cache,
    async stop() {
      stop.abort();
      await run;
      await cache.stop();
    },
  };
}

/** Resolves when the server has seen the Canary in this phase: writes before that are answered without it. */
async function seen(cache: CanaryCache, phase: string): Promise<void> {
  const [canaries] = cache.stores;
  assert.ok(canaries);
  const matches = () => (canaries.get("demo/podinfo")?.["status"] as { phase?: string } | undefined)?.phase === phase;
  if (matches()) return;
  await new Promise<void>((resolve) => {
    const off = canaries.onChange(() => {
      if (matches()) {
        off();
        resolve();
      }
    });
  });
}

function image(tag: string) {
  return { spec: { template: { spec: { containers: [{ name: "podinfod", image: `podinfo:${tag}` }] } } } };
}

const canaryToWrite = () => {
  const { status: _status, ...canary } = aCanary();
  return canary;
};

test("a server outside the cluster stamps, pins and judges what is written, and dry runs agree", async () => {
  const server = await startServer(["--publish-url", "https://127.0.0.1"]);
  await api.create(deployments, aDeployment({ replicas: 2 }));
  await api.create(canaryResource, canaryToWrite());
  const status = { status: { phase: "Succeeded", failedChecks: 0, canaryWeight: 0, iterations: 0 } };
  await api.mergePatch({ ...podinfo, resource: canaryResource }, status, { subresource: "status" });
  await seen(server.cache, "Succeeded");

  const warnings: string[] = [];
  const options: WriteOptions = { onWarning: (text) => warnings.push(text) };
  const dry = await api.mergePatch(podinfo, image("6.0.1"), { dryRun: true });
  const real = await api.mergePatch(podinfo, image("6.0.1"), options);
  assert.equal(real.metadata.annotations?.[annotations.changedBy], "admin");
  assert.equal(real.metadata.annotations?.[annotations.revision], dry.metadata.annotations?.[annotations.revision]);
  assert.deepEqual(warnings, ["Weir: podinfo will be released 5% → 50% by 5 every 10s, about 1m40s"]);

  const file = {
    ...aDeployment({ image: "podinfo:6.0.1", replicas: 5 }),
    metadata: { name: "podinfo", namespace: "demo" },
  };
  const { status: _status, ...applied }: RawObject = file;
  const versions = new Set<string | undefined>();
  for (let round = 0; round < 20; round += 1) {
    const stored = await api.apply(deployments, applied as RawObject, { fieldManager: "gitops", force: true });
    versions.add(stored.metadata.resourceVersion);
    assert.equal((stored["spec"] as { replicas: number }).replicas, 2);
  }
  assert.equal(versions.size, 1, "nineteen of twenty identical applies write nothing");
  await server.stop();
});

test("while the server is down, workloads can be written and our own kinds cannot", async () => {
  const stored = await api.mergePatch(podinfo, image("6.0.2"));
  assert.equal(stored.metadata.annotations?.[annotations.changedBy], "admin", "kept from before");
  const other = { ...canaryToWrite(), metadata: { name: "other", namespace: "demo" } };
  await assert.rejects(api.create(canaryResource, other), WeirError);
});

test("a server in the cluster publishes nothing but its authority, and keeps its key in a Secret", async () => {
  for (const configuration of documents("webhooks.yaml")) {
    const { group, version } = { group: "admissionregistration.k8s.io", version: "v1" };
    const plural = `${configuration.kind.toLowerCase()}s`;
    await api.delete({ resource: { group, version, plural, kind: configuration.kind }, namespace: "", name: "weir" });
    await api.create({ group, version, plural, kind: configuration.kind }, configuration);
  }
  const server = await startServer(["--namespace", "weir-system"]);
  const secret = await api.get({ resource: secrets, namespace: "weir-system", name: "weir-server-tls" });
  assert.deepEqual(Object.keys((secret?.["data"] ?? {}) as object).sort(), ["ca.crt", "ca.key"]);

  const bad = {
    ...canaryToWrite(),
    metadata: { name: "bad", namespace: "demo" },
    spec: { ...aCanary().spec, provider: "nginx" },
  };
  await assert.rejects(
    api.create(canaryResource, bad as RawObject),
    /admission webhook "mutate-canaries.weir.sh" denied.*name the Ingress/s,
  );
  const older = {
    ...canaryToWrite(),
    apiVersion: "flagger.app/v1alpha3",
    metadata: { name: "old", namespace: "demo" },
  };
  const { analysis, ...spec } = aCanary({ name: "old" }).spec;
  const written = await api.create({ ...canaryResource, version: "v1alpha3" }, {
    ...older,
    spec: { ...spec, canaryAnalysis: analysis },
  } as RawObject);
  assert.deepEqual((written["spec"] as { analysis: unknown }).analysis, analysis);
  await server.stop();
});

test("with no webhook at all, the CRD alone refuses what a rule refuses", async () => {
  for (const type of ["Mutating", "Validating"]) {
    const plural = `${type.toLowerCase()}webhookconfigurations`;
    const resource = {
      group: "admissionregistration.k8s.io",
      version: "v1",
      plural,
      kind: `${type}WebhookConfiguration`,
    };
    await api.delete({ resource, namespace: "", name: "weir" });
  }
  const spec = { ...aCanary().spec, analysis: { interval: "10s", threshold: 1, stepWeights: [10, 5] } };
  const bad = { ...canaryToWrite(), metadata: { name: "bad", namespace: "demo" }, spec } as RawObject;
  await assert.rejects(api.create(canaryResource, bad), /each weight must be above the one before/);
});
