import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { RawObject } from "../../api/object.ts";
import { type Api, createApi } from "../../controller/kube/api.ts";
import { type Cluster, loadKubeConfig } from "../../controller/kube/config.ts";
import { createRecorder } from "../../controller/kube/events.ts";
import { startLease } from "../../controller/kube/lease.ts";
import { type ListWatch, startListWatch } from "../../controller/kube/listWatch.ts";
import { createTransport, type Transport } from "../../controller/kube/transport.ts";
import { skipLoudly, startTarget, type Target } from "../cluster/target.ts";

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

/** Against the cluster under test, whichever that is. */
describe("kube, on a real conversation", () => {
  let target: Target;
  let cluster: Cluster;
  let transport: Transport;
  let api: Api;
  let namespace: string;
  const watching: ListWatch[] = [];
  const aConfigMap = (name: string, data: Record<string, string> = {}): RawObject => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace },
    data,
  });

  before(async () => {
    target = await startTarget();
    ({ namespace } = await target.room("kube"));
    cluster = await loadKubeConfig({ path: target.kubeconfigPath, env: {} });
    transport = createTransport(cluster, { userAgent: "weir-test/1" });
    api = createApi(transport);
  });
  after(async () => {
    await Promise.all(watching.map((one) => one.stop()));
    await transport.close();
    await target.stop();
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
    assert.ok(watched.store.get(`${namespace}/three`) !== undefined);
    await api.mergePatch({ resource: configMaps, namespace, name: "one" }, { data: { text: "größer" } });
    await api.delete({ resource: configMaps, namespace, name: "two" });
    await until(watched, () => watched.store.get(`${namespace}/two`) === undefined);
    const one = watched.store.get(`${namespace}/one`);
    assert.deepEqual(one?.["data"], { text: "größer" });
    assert.equal(one?.metadata["managedFields"], undefined);
  });

  it("an own write is stale until the watch has seen it", async () => {
    const watched = watch({});
    await watched.store.synced;
    const written = await api.apply(configMaps, aConfigMap("own", { a: "1" }), { fieldManager: "weir" });
    const version = written.metadata.resourceVersion ?? "";
    watched.store.expect(`${namespace}/own`, version);
    await until(watched, () => watched.store.get(`${namespace}/own`)?.metadata.resourceVersion === version);
    assert.equal(watched.store.isStale(`${namespace}/own`), false);
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
    await until(watched, () => watched.store.get(`${namespace}/r`) !== undefined);
    await api.delete({ resource: crds, namespace: "", name: "routes.example.org" });
    await until(watched, () => watched.store.size === 0);
  });

  it("a client certificate says who asks, and without any of it nobody is let in", async (test) => {
    if (target.certify === undefined)
      return test.skip(skipLoudly("a client certificate", "nobody here makes certificates for the named cluster"));
    const { certificate: _admin, ...unidentified } = cluster;
    const nobody = { ...unidentified, bearer: { kind: "none" as const } };
    const { certificate: cert, key } = target.certify("jane", ["system:masters"]);
    await api.create(configMaps, aConfigMap("guarded"));
    const guarded = { resource: configMaps, namespace, name: "guarded" };
    const asJane = createTransport({ ...nobody, certificate: { cert, key } }, { userAgent: "weir-test/1" });
    assert.ok(await createApi(asJane).get(guarded));
    const asNobody = createTransport(nobody, { userAgent: "weir-test/1" });
    const refused = createApi(asNobody).get(guarded);
    await assert.rejects(refused, { code: "api.forbidden" });
    const { ca: _, ...unverified } = nobody;
    const astray = createTransport(unverified, { userAgent: "weir-test/1" });
    await assert.rejects(createApi(astray).get(guarded), {
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
