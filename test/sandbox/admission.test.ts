import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadAll } from "js-yaml";
import { annotations, canaryResource, messageOf, type RawObject, type Resource, WeirError } from "../../api/index.ts";
import { type Api, createApi, type WriteOptions } from "../../controller/kube/api.ts";
import { loadKubeConfig } from "../../controller/kube/config.ts";
import { createLineWriter, createLogger, type Logger } from "../../controller/kube/log.ts";
import { createTransport, type Transport } from "../../controller/kube/transport.ts";
import { type CanaryCache, startCanaryCache } from "../../server/canaryCache.ts";
import { readOptions } from "../../server/options.ts";
import { runWebhook } from "../../server/webhook.ts";
import { freePort } from "../cluster/assets.ts";
import { appears, skipLoudly, startTarget, type Target } from "../cluster/target.ts";
import { memoryStream } from "../http/memoryStream.ts";
import { aCanary, aDeployment } from "../unit/mutators/builders.ts";

const manifests = join(import.meta.dirname, "../../manifests");
const deployments: Resource = { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" };
const services: Resource = { group: "", version: "v1", plural: "services", kind: "Service" };
const secrets: Resource = { group: "", version: "v1", plural: "secrets", kind: "Secret" };
const podinfo = { resource: deployments, namespace: "demo", name: "podinfo" };

let target: Target;
let transport: Transport;
let api: Api;

before(async () => {
  target = await startTarget();
  transport = createTransport(await loadKubeConfig({ path: target.kubeconfigPath, env: {} }), {
    userAgent: "weir-test/1",
  });
  api = createApi(transport);
  if (!target.own) return;
  for (const name of ["demo", "weir-system"]) await target.room(name);
  for (const file of readdirSync(join(manifests, "crds"))) {
    for (const definition of documents(`crds/${file}`)) await target.install(definition);
  }
});

after(async () => {
  await transport.close();
  await target.stop();
});

const unreachable = "the API server of another machine finds no webhook here";
/** A test in which the API server calls a webhook of this process. */
const called = (title: string, run: () => Promise<void>) =>
  test(title, async (context) => {
    if (!target.own) return context.skip(skipLoudly(title, unreachable));
    await run();
  });

/** Resolves when a write is refused in these words: configurations of webhooks take effect a moment after their write. */
async function isRefused(write: (options: WriteOptions) => Promise<unknown>, words: RegExp): Promise<void> {
  let last = "nothing was refused";
  const attempt = async (): Promise<boolean> => {
    try {
      await write({ dryRun: true });
    } catch (error) {
      last = messageOf(error);
    }
    return words.test(last);
  };
  await appears(attempt, `a refusal like ${words}`).catch((error: Error) => assert.fail(`${error.message}: ${last}`));
}

function documents(file: string): readonly RawObject[] {
  return loadAll(readFileSync(join(manifests, file), "utf8")) as RawObject[];
}

interface Running {
  readonly cache: CanaryCache;
  stop(): Promise<void>;
}

/** The server as `weir server` assembles it, once it has published its authority. */
async function startServer(flags: readonly string[], port = 0): Promise<Running> {
  const options = readOptions(["--port", `${port}`, "--metrics-port", "0", "--drain-seconds", "0", ...flags]);
  assert.ok(options);
  const logged = memoryStream();
  const stop = new AbortController();
  const quiet = createLogger({ level: "info", write: createLineWriter(logged.stream).write });
  const cache = startCanaryCache({ transport, provider: "", controllerUsers: options.controllerUsers, log: quiet });
  const { promise: published, resolve: notePublished } = Promise.withResolvers<void>();
  const log: Logger = {
    ...quiet,
    info(message) {
      if (message === "authority published") notePublished();
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

/** The answer of a Service outside of the cluster comes from the port that is asked for. */
function onPort(configuration: RawObject, port: number): RawObject {
  const webhooks = (configuration["webhooks"] as { clientConfig: { service: object } }[]).map((webhook) => ({
    ...webhook,
    clientConfig: { ...webhook.clientConfig, service: { ...webhook.clientConfig.service, port } },
  }));
  return { ...configuration, webhooks };
}

async function isAtRest(): Promise<boolean> {
  if (target.noPods !== undefined) return true;
  const { status, metadata } = (await api.get(podinfo)) as RawObject & { status?: Record<string, unknown> };
  const { observedGeneration, replicas, updatedReplicas, availableReplicas, conditions } = status ?? {};
  if ((status?.["terminatingReplicas"] ?? 0) !== 0) return false;
  const progressed = JSON.stringify(conditions ?? []).includes("NewReplicaSetAvailable");
  const counts = [replicas, updatedReplicas, availableReplicas];
  return progressed && observedGeneration === metadata.generation && counts.every((count) => count === 2);
}

function image(tag: string) {
  return { spec: { template: { spec: { containers: [{ name: "podinfod", image: `podinfo:${tag}` }] } } } };
}

const canaryToWrite = () => {
  const { status: _status, ...canary } = aCanary();
  return canary;
};

called("a server outside the cluster stamps, pins and judges what is written, and dry runs agree", async () => {
  const server = await startServer(["--publish-url", "https://127.0.0.1"]);
  await api.create(deployments, aDeployment({ replicas: 2 }));
  await api.create(canaryResource, canaryToWrite());
  const status = { status: { phase: "Succeeded", failedChecks: 0, canaryWeight: 0, iterations: 0 } };
  await api.mergePatch({ ...podinfo, resource: canaryResource }, status, { subresource: "status" });
  await seen(server.cache, "Succeeded");

  const stamped = async () => {
    const { metadata } = await api.mergePatch(podinfo, image("6.0.9"), { dryRun: true });
    return metadata.annotations?.[annotations.changedBy] !== undefined;
  };
  await appears(stamped, "the webhook to be called");

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
  const apply = () => api.apply(deployments, applied as RawObject, { fieldManager: "gitops", force: true });
  await apply();
  await appears(isAtRest, "the Deployment to be at rest, for its status has versions too");
  const versions = new Set<string | undefined>();
  for (let round = 0; round < 20; round += 1) {
    const stored = await apply();
    versions.add(stored.metadata.resourceVersion);
    assert.equal((stored["spec"] as { replicas: number }).replicas, 2);
  }
  assert.equal(versions.size, 1, "identical applies write nothing");
  await server.stop();
});

called("while the server is down, workloads can be written and our own kinds cannot", async () => {
  const stored = await api.mergePatch(podinfo, image("6.0.2"));
  assert.equal(stored.metadata.annotations?.[annotations.changedBy], "admin", "kept from before");
  const other = { ...canaryToWrite(), metadata: { name: "other", namespace: "demo" } };
  await assert.rejects(api.create(canaryResource, other), WeirError);
});

called("a server in the cluster publishes nothing but its authority, and keeps its key in a Secret", async () => {
  const port = await freePort();
  await api.create(services, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "weir-server", namespace: "weir-system" },
    spec: { type: "ExternalName", externalName: "localhost" },
  });
  for (const configuration of documents("webhooks.yaml").map((found) => onPort(found, port))) {
    const { group, version } = { group: "admissionregistration.k8s.io", version: "v1" };
    const plural = `${configuration.kind.toLowerCase()}s`;
    await api.delete({ resource: { group, version, plural, kind: configuration.kind }, namespace: "", name: "weir" });
    await api.create({ group, version, plural, kind: configuration.kind }, configuration);
  }
  const server = await startServer(["--namespace", "weir-system"], port);
  const secret = await api.get({ resource: secrets, namespace: "weir-system", name: "weir-server-tls" });
  assert.deepEqual(Object.keys((secret?.["data"] ?? {}) as object).sort(), ["ca.crt", "ca.key"]);

  const bad = {
    ...canaryToWrite(),
    metadata: { name: "bad", namespace: "demo" },
    spec: { ...aCanary().spec, provider: "nginx" },
  };
  await isRefused(
    (options) => api.create(canaryResource, bad as RawObject, options),
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

called("with no webhook at all, the CRD alone refuses what a rule refuses", async () => {
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
  await isRefused((options) => api.create(canaryResource, bad, options), /each weight must be above the one before/);
});
