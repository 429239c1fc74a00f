/** A whole installation in which one thing after the other is broken, and `weir doctor` names it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadAll } from "js-yaml";
import type { RawObject, Resource } from "../../api/index.ts";
import { type Api, createApi } from "../../controller/kube/api.ts";
import { loadKubeConfig } from "../../controller/kube/config.ts";
import { createLogger, type Logger } from "../../controller/kube/log.ts";
import { createTransport, type Transport } from "../../controller/kube/transport.ts";
import { diagnose } from "../../doctor/main.ts";
import { startApiServer } from "../../sandbox/apiserver/server.ts";
import type { ApiServer } from "../../sandbox/apiserver/types.ts";
import { startCanaryCache } from "../../server/canaryCache.ts";
import { readOptions } from "../../server/options.ts";
import { runWebhook } from "../../server/webhook.ts";

const manifests = join(import.meta.dirname, "../../manifests");
const named = (group: string, version: string, plural: string, kind: string): Resource => ({
  group,
  version,
  plural,
  kind,
});
const registration = "admissionregistration.k8s.io";
const mutating = named(registration, "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration");
const validating = named(registration, "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration");
const slices = named("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice");
const leases = named("coordination.k8s.io", "v1", "leases", "Lease");
const roles = named("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole");
const definitions = named("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition");
const services = named("", "v1", "services", "Service");
const namespace = "weir-system";

let cluster: ApiServer;
let folder: string;
let transport: Transport;
let api: Api;
let port: number;
let stopServer: () => Promise<void> = async () => undefined;

before(async () => {
  cluster = await startApiServer({ log: () => undefined });
  folder = await mkdtemp(join(tmpdir(), "weir-doctor-"));
  const path = join(folder, "kubeconfig");
  await writeFile(path, cluster.kubeconfig("admin"));
  transport = createTransport(await loadKubeConfig({ path, env: {} }), { userAgent: "weir-test/1" });
  api = createApi(transport);
  await install();
  await startServer();
});

after(async () => {
  await stopServer();
  await transport.close();
  await cluster.stop();
  await rm(folder, { recursive: true });
});

async function install(): Promise<void> {
  const crds = readdirSync(join(manifests, "crds")).map((file) => `crds/${file}`);
  for (const file of ["namespace.yaml", ...crds, "rbac.yaml", "webhooks.yaml", "server.yaml"]) {
    for (const object of loadAll(readFileSync(join(manifests, file), "utf8")) as RawObject[]) {
      const [group = "", version = ""] = object.apiVersion.includes("/")
        ? object.apiVersion.split("/")
        : ["", object.apiVersion];
      const plural = object.kind === "NetworkPolicy" ? "networkpolicies" : `${object.kind.toLowerCase()}s`;
      await api.create(named(group, version, plural, object.kind), object);
    }
  }
  const spec = {
    holderIdentity: "weir-controller-1",
    leaseDurationSeconds: 3600,
    renewTime: `${new Date().toISOString().slice(0, -1)}000Z`,
  };
  const metadata = { name: "weir-controller", namespace };
  await api.create(leases, { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec } as RawObject);
}

/** As `weir server` runs in a pod, and ready in the endpoints once it has published its authority. */
async function startServer(): Promise<void> {
  const options = readOptions(["--port", "0", "--metrics-port", "0", "--drain-seconds", "0"]);
  assert.ok(options);
  const stop = new AbortController();
  const quiet = createLogger({ level: "error", write: () => undefined });
  const { promise: published, resolve } = Promise.withResolvers<void>();
  const log: Logger = {
    ...quiet,
    info(message, fields = {}) {
      if (message === "listening") port = Number(fields["port"]);
      if (message === "authority published") resolve();
    },
  };
  const cache = startCanaryCache({ transport, provider: "", controllerUsers: options.controllerUsers, log: quiet });
  const run = runWebhook({ options, log, cache, api, signals: { stop: stop.signal, hurry: stop.signal } });
  await Promise.race([published, run]);
  cluster.resolveService = () => ({ host: "127.0.0.1", port });
  await api.apply(slices, endpoints(true), { fieldManager: "test", force: true });
  stopServer = async () => {
    stop.abort();
    await run;
    await cache.stop();
  };
}

function endpoints(ready: boolean): RawObject {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "weir-server-1", namespace, labels: { "kubernetes.io/service-name": "weir-server" } },
    addressType: "IPv4",
    endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready } }],
    ports: [{ name: "https", port, protocol: "TCP" }],
  };
}

/** What the doctor finds wrong: its checks and all it says. */
async function wrong(): Promise<{ readonly checks: readonly string[]; readonly text: string }> {
  const findings = (await diagnose(api, namespace)).filter(({ verdict }) => verdict !== "ok");
  return {
    checks: [...new Set(findings.map(({ verdict, check }) => `${verdict} ${check}`))],
    text: findings.map(({ says }) => says).join("\n"),
  };
}

/** Takes an object away while somebody looks, and puts it back as it was. */
async function without(resource: Resource, name: string, look: () => Promise<void>, where = ""): Promise<void> {
  const ref = { resource, namespace: where, name };
  const found = await api.get(ref);
  assert.ok(found, `${resource.kind} ${name} is installed`);
  await api.delete(ref);
  await look();
  const { resourceVersion: _version, uid: _uid, ...metadata } = found.metadata;
  await api.create(resource, { ...found, metadata } as RawObject);
}

async function changed(
  resource: Resource,
  name: string,
  where: string,
  patch: object,
  look: () => Promise<void>,
): Promise<void> {
  const ref = { resource, namespace: where, name };
  const found = await api.get(ref);
  assert.ok(found);
  await api.mergePatch(ref, patch);
  await look();
  const undone = Object.fromEntries(Object.keys(patch).map((key) => [key, found[key]]));
  await api.mergePatch(ref, undone);
}

test("a healthy installation has no finding, and the command says so line by line", async () => {
  assert.deepEqual(await wrong(), { checks: [], text: "" });
  const flags = ["weir.ts", "doctor", "--json", "--kubeconfig", join(folder, "kubeconfig")];
  const { code, out } = await new Promise<{ code: unknown; out: string }>((resolve) => {
    execFile(process.execPath, flags, { timeout: 120_000 }, (error, stdout) =>
      resolve({ code: error?.code ?? 0, out: stdout }),
    );
  });
  const lines = out.trim().split("\n");
  assert.equal(code, 0, out);
  assert.deepEqual(new Set(lines.map((line) => JSON.parse(line).verdict)), new Set(["ok"]));
  assert.ok(lines.length >= 9);
});

test("a bundle of somebody else", async () => {
  const found = await api.get({ resource: mutating, namespace: "", name: "weir" });
  assert.ok(found);
  const webhooks = (found["webhooks"] as { name: string; clientConfig: object }[]).map((webhook) => ({
    ...webhook,
    clientConfig: { ...webhook.clientConfig, caBundle: Buffer.from("nobody").toString("base64") },
  }));
  await changed(mutating, "weir", "", { webhooks }, async () => {
    const { checks, text } = await wrong();
    assert.ok(checks.includes("broken trust"), text);
    assert.ok(checks.includes("broken dryRun"), text);
    assert.match(text, /caBundle is not that of the Secret weir-server-tls/);
  });
});

test("a Service without endpoints", async () => {
  await api.apply(slices, endpoints(false), { fieldManager: "test", force: true });
  assert.deepEqual(await wrong(), {
    checks: ["broken endpoints"],
    text: "no server is ready behind the Service weir-system/weir-server",
  });
  await api.apply(slices, endpoints(true), { fieldManager: "test", force: true });
});

test("no Service", async () => {
  await without(
    services,
    "weir-server",
    async () => assert.deepEqual((await wrong()).checks, ["broken service"]),
    namespace,
  );
});

test("a configuration that is missing: mistakes still meet the other one", async () => {
  await without(validating, "weir", async () => {
    const { checks, text } = await wrong();
    assert.deepEqual(checks, ["broken configurations"]);
    assert.match(text, /there is no ValidatingWebhookConfiguration weir/);
  });
});

test("a kind that is not installed", async () => {
  await without(definitions, "alertproviders.flagger.app", async () => {
    const { checks, text } = await wrong();
    assert.deepEqual(checks, ["broken definitions"]);
    assert.match(text, /alertproviders.flagger.app is not installed/);
  });
});

test("rights that were taken away", async () => {
  await without(roles, "weir-server", async () => {
    const { checks, text } = await wrong();
    assert.ok(checks.includes("broken rights"), text);
    assert.match(text, /weir-server may not list, watch canaries.flagger.app/);
    assert.doesNotMatch(text, /weir-controller may not/);
  });
});

test("a Lease that nobody renews", async () => {
  const spec = {
    holderIdentity: "weir-controller-1",
    leaseDurationSeconds: 15,
    renewTime: "2026-01-01T00:00:00.000000Z",
  };
  await changed(leases, "weir-controller", namespace, { spec }, async () => {
    const { checks, text } = await wrong();
    assert.deepEqual(checks, ["broken controller"]);
    assert.match(text, /weir-controller-1 has not renewed its Lease since 2026-01-01/);
  });
});

test("a server that was stopped", async () => {
  await stopServer();
  const { checks, text } = await wrong();
  assert.ok(checks.includes("broken dryRun"), text);
  assert.match(text, /a Canary could not be written/);
  assert.match(text, /cannot be reached from here: .*ECONNREFUSED/);
  await startServer();
  assert.deepEqual(await wrong(), { checks: [], text: "" });
});
