import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { RawObject } from "../../api/object.ts";
import { type Api, createApi } from "../../controller/kube/api.ts";
import { loadKubeConfig } from "../../controller/kube/config.ts";
import { createRecorder } from "../../controller/kube/events.ts";
import { startLease } from "../../controller/kube/lease.ts";
import { type ListWatch, startListWatch } from "../../controller/kube/listWatch.ts";
import { createTransport, type Transport } from "../../controller/kube/transport.ts";
import { startApiServer } from "../../sandbox/apiserver/server.ts";
import type { ApiServer } from "../../sandbox/apiserver/types.ts";

const configMaps = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap" };
const deployments = { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" };
const events = { group: "", version: "v1", plural: "events", kind: "Event" };
const leases = { group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease" };
const routes = { group: "example.org", version: "v1", plural: "routes", kind: "Route" };
const crds = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
};
const namespace = "default";
const aConfigMap = (name: string, data: Record<string, string> = {}): RawObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace },
  data,
});

/** Against the cluster that WEIR_TEST_KUBECONFIG names, else against an API server of its own. */
describe("kube, on a real conversation", () => {
  let stop: () => Promise<void>;
  let own: ApiServer | undefined;
  let transport: Transport;
  let api: Api;
  const watching: ListWatch[] = [];

  before(async () => {
    const named = process.env["WEIR_TEST_KUBECONFIG"];
    if (named !== undefined) {
      stop = async () => undefined;
      transport = createTransport(await loadKubeConfig({ path: named, env: {} }), { userAgent: "weir-test/1" });
    } else {
      const server = await startApiServer({ log: () => undefined });
      own = server;
      const folder = await mkdtemp(join(tmpdir(), "kube-"));
      const path = join(folder, "kubeconfig");
      await writeFile(path, server.kubeconfig("admin"));
      stop = async () => {
        await server.stop();
        await rm(folder, { recursive: true });
      };
      transport = createTransport(await loadKubeConfig({ path, env: {} }), { userAgent: "weir-test/1" });
    }
    api = createApi(transport);
  });
  after(async () => {
    await Promise.all(watching.map((one) => one.stop()));
    await transport.close();
    await stop();
  });

  const watch = (options: Partial<Parameters<typeof startListWatch>[0]>): ListWatch => {
    const started = startListWatch({ transport, resource: configMaps, namespace, ...options });
    watching.push(started);
    return started;
  };
  /** Resolves once the store has, or no longer has, what is looked for. */
  const until = ({ store }: ListWatch, holds: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        leave();
        resolve();
      };
      const leave = store.onChange(look);
      look();
    });

  it("follows objects from their creation to their end, page by page and event by event", async () => {
    for (const name of ["one", "two", "three"]) await api.create(configMaps, aConfigMap(name));
    const watched = watch({ pageSize: 1 });
    await watched.store.synced;
    assert.ok(watched.store.get("default/three") !== undefined);
    await api.mergePatch({ resource: configMaps, namespace, name: "one" }, { data: { text: "größer" } });
    await api.delete({ resource: configMaps, namespace, name: "two" });
    await until(watched, () => watched.store.get("default/two") === undefined);
    const one = watched.store.get("default/one");
    assert.deepEqual(one?.["data"], { text: "größer" });
    assert.equal(one?.metadata["managedFields"], undefined);
  });

  it("an own write is stale until the watch has seen it", async () => {
    const watched = watch({});
    await watched.store.synced;
    const written = await api.apply(configMaps, aConfigMap("own", { a: "1" }), { fieldManager: "weir" });
    const version = written.metadata.resourceVersion ?? "";
    watched.store.expect("default/own", version);
    await until(watched, () => watched.store.get("default/own")?.metadata.resourceVersion === version);
    assert.equal(watched.store.isStale("default/own"), false);
  });

  it("sees only what a selector chooses, and metadata alone when that is enough", async () => {
    const labelled = aConfigMap("labelled", { secret: "x" });
    await api.create(configMaps, { ...labelled, metadata: { ...labelled.metadata, labels: { pick: "me" } } });
    const watched = watch({ labelSelector: "pick=me", metadataOnly: true });
    await watched.store.synced;
    assert.deepEqual(
      watched.store.list().map((object) => [object.kind, object.metadata.name, object["data"]]),
      [["ConfigMap", "labelled", undefined]],
    );
    await api.mergePatch(
      { resource: configMaps, namespace, name: "labelled" },
      { metadata: { labels: { pick: "no" } } },
    );
    await until(watched, () => watched.store.size === 0);
  });

  it("server-side apply: ours is ours, theirs stays, conflicts are told by field", async () => {
    await api.apply(configMaps, aConfigMap("shared", { ours: "1" }), { fieldManager: "weir" });
    await api.apply(configMaps, aConfigMap("shared", { theirs: "1" }), { fieldManager: "them" });
    const conflict = api.apply(configMaps, aConfigMap("shared", { theirs: "2" }), { fieldManager: "weir" });
    await assert.rejects(conflict, (error: { code: string; answer: { causes: { field: string }[] } }) => {
      assert.equal(error.code, "api.conflict");
      assert.equal(error.answer.causes[0]?.field, ".data.theirs");
      return true;
    });
    const forced = aConfigMap("shared", { theirs: "2" });
    const result = await api.apply(configMaps, forced, { fieldManager: "weir", force: true });
    assert.deepEqual(result["data"], { theirs: "2" });
  });

  it("a refusal carries reason and causes", async () => {
    const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "x", namespace }, spec: {} };
    await assert.rejects(
      api.create(deployments, deployment),
      (error: { answer: { reason: string; causes: object[] } }) => {
        assert.equal(error.answer.reason, "Invalid");
        assert.ok(error.answer.causes.length > 0);
        return true;
      },
    );
  });

  it("a kind that is installed later is found without a restart", async () => {
    const watched = watch({ resource: routes, random: () => 0.05 });
    await watched.store.synced;
    assert.equal(watched.store.served, false);
    await api.create(crds, {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "routes.example.org" },
      spec: {
        group: "example.org",
        scope: "Namespaced",
        names: { plural: "routes", singular: "route", kind: "Route", listKind: "RouteList" },
        versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
      },
    });
    const isServed = () =>
      api.list(routes).then(
        () => true,
        () => false,
      );
    while (!(await isServed())) await new Promise((resolve) => setImmediate(resolve));
    await api.create(routes, { apiVersion: "example.org/v1", kind: "Route", metadata: { name: "r", namespace } });
    watched.retryNow();
    await until(watched, () => watched.store.get("default/r") !== undefined);
    await api.delete({ resource: crds, namespace: "", name: "routes.example.org" });
    await until(watched, () => watched.store.size === 0);
  });

  it("a client certificate says who asks, and without any of it nobody is let in", async (test) => {
    if (own === undefined) return test.skip("only an API server of our own makes certificates for us");
    const cluster = { server: own.url, ca: own.ca, insecure: false, namespace, bearer: { kind: "none" as const } };
    const { certificate: cert, key } = own.clientCertificate("jane", ["system:masters"]);
    const asJane = createTransport({ ...cluster, certificate: { cert, key } }, { userAgent: "weir-test/1" });
    assert.ok(await createApi(asJane).get({ resource: configMaps, namespace, name: "one" }));
    const asNobody = createTransport(cluster, { userAgent: "weir-test/1" });
    const refused = createApi(asNobody).get({ resource: configMaps, namespace, name: "one" });
    await assert.rejects(refused, { code: "api.forbidden" });
    const { ca: _, ...unverified } = cluster;
    const astray = createTransport(unverified, { userAgent: "weir-test/1" });
    await assert.rejects(createApi(astray).get({ resource: configMaps, namespace, name: "one" }), {
      code: "api.unreachable",
      message: /certificate/,
    });
    await Promise.all([asJane.close(), asNobody.close(), astray.close()]);
  });

  it("events keep their order, and one that repeats at once is counted", async () => {
    const recorder = createRecorder({ api, component: "weir-test" });
    const object = await api.create(configMaps, aConfigMap("eventful"));
    for (const message of ["first", "second", "second", "first"]) {
      recorder.record({ object, type: "Normal", reason: "Synced", message });
    }
    await recorder.stop();
    const told = (await api.list(events, { namespace, fieldSelector: "involvedObject.name=eventful" })).map((event) => [
      event["message"],
      event["count"],
    ]);
    assert.deepEqual(told, [
      ["first", 1],
      ["second", 2],
      ["first", 1],
    ]);
  });

  it("one of two leads, and the other as soon as it is given up", async () => {
    const compete = (identity: string) =>
      startLease({ api, namespace, name: "weir-test", identity, retryPeriodMs: 20 });
    const first = compete("first");
    await first.acquired;
    const second = compete("second");
    assert.equal(second.isLeader(), false);
    await first.stop();
    await second.acquired;
    const lease = await api.get({ resource: leases, namespace, name: "weir-test" });
    assert.equal((lease?.["spec"] as { holderIdentity?: string } | undefined)?.holderIdentity, "second");
    await second.stop();
  });
});
