import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Client as HttpClient } from "undici";
import { canaryResource, fieldsOf, knownKeys, type RawObject, type Resource } from "../../../api/index.ts";
import { horizontalPodAutoscaler } from "../../../controller/scalers/hpa.ts";
import { scaledObject } from "../../../controller/scalers/scaledObject.ts";
import type { KubeObject } from "../../../sandbox/apiserver/types.ts";
import { type ReleaseCluster, startReleaseCluster } from "./cluster.ts";
import { aRelease, aScaledObject, scaledObjectDefinition } from "./manifests.ts";

const scaleTargetRef = { apiVersion: "apps/v1", kind: "Deployment", name: "podinfo" };

/** Copies of autoscalers, and who is how big when traffic moves. */
describe("autoscalers", { concurrency: true }, () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startReleaseCluster();
    await cluster.apply(scaledObjectDefinition);
    await Promise.all([cluster.startServer(), cluster.startController()]);
  });
  after(() => cluster.stop());

  const hpaOf = (namespace: string, name: string): KubeObject | undefined =>
    cluster.look.get("horizontalpodautoscalers.autoscaling", namespace, name);
  const hpaRef = (namespace: string, name = "podinfo") => ({
    resource: horizontalPodAutoscaler.resource,
    namespace,
    name,
  });
  const anHpa = (namespace: string, name: string, spec: object): RawObject => ({
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name, namespace },
    spec: { scaleTargetRef, minReplicas: 1, maxReplicas: 4, ...spec },
  });
  const withHpa = (namespace: string, name = "podinfo") =>
    aRelease(namespace, {}, { autoscalerRef: { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", name } });
  const replicasOf = (namespace: string, name?: string): unknown =>
    cluster.deployment(namespace, name)["spec"]?.replicas;
  const scale = (namespace: string, name: string, replicas: number) =>
    cluster.api.mergePatch(
      { resource: { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" }, namespace, name },
      { spec: { replicas } },
      { subresource: "scale" },
    );

  async function withAutoscaler(namespace: string, ...scalers: readonly RawObject[]): Promise<void> {
    await cluster.addNamespace(namespace);
    await cluster.apply(...scalers);
    await cluster.bootstrap(withHpa(namespace), { replicas: 1 });
  }

  it("the copy follows its source at rest: bounds that change, and what the source no longer states", async () => {
    const behavior = { scaleDown: { stabilizationWindowSeconds: 60 } };
    await withAutoscaler("follow", anHpa("follow", "podinfo", { behavior }));
    const copy = (): Record<string, unknown> => fieldsOf(hpaOf("follow", "podinfo-primary")?.["spec"]);
    assert.equal(fieldsOf(copy()["scaleTargetRef"])["name"], "podinfo-primary");
    assert.notEqual(copy()["behavior"], undefined);
    await cluster.api.mergePatch(hpaRef("follow"), { spec: { maxReplicas: 9, behavior: null } });
    await cluster.until("the copy having the new bound", () => copy()["maxReplicas"] === 9);
    assert.equal(copy()["behavior"], undefined);
    assert.equal(cluster.canary("follow").status?.phase, "Initialized");
  });

  it("a Canary that names another one: the copy of the old goes when the new is there", async () => {
    await withAutoscaler("rename", anHpa("rename", "podinfo", {}));
    const spec = { autoscalerRef: { name: "other" } };
    await cluster.api.mergePatch({ resource: canaryResource, namespace: "rename", name: "podinfo" }, { spec });
    await cluster.untilTold("rename", "HorizontalPodAutoscaler other.rename does not exist");
    assert.notEqual(hpaOf("rename", "podinfo-primary"), undefined);
    await cluster.apply(anHpa("rename", "other", { maxReplicas: 7 }));
    await cluster.until("the old copy being gone", () => hpaOf("rename", "podinfo-primary") === undefined);
    assert.equal(fieldsOf(hpaOf("rename", "other-primary")?.["spec"])["maxReplicas"], 7);
  });

  it("U-12: a source that is deleted leaves the copy to the primary, and the user is told", async () => {
    await withAutoscaler("lost", anHpa("lost", "podinfo", {}));
    await cluster.api.delete(hpaRef("lost"));
    await cluster.untilTold(
      "lost",
      "HorizontalPodAutoscaler podinfo.lost does not exist: the primary keeps what it has",
    );
    assert.notEqual(hpaOf("lost", "podinfo-primary"), undefined);
  });

  it("a canary starts as big as the primary is, and the primary grows before everybody comes back", async () => {
    const autoscaler = anHpa("sized", "podinfo", {});
    await withAutoscaler("sized", autoscaler);
    await scale("sized", "podinfo-primary", 3);
    await cluster.until(
      "three primaries",
      () => cluster.deployment("sized", "podinfo-primary")["status"]?.readyReplicas === 3,
    );
    const visitors = cluster.visit("sized.example.com");
    const returns: unknown[] = [];
    const unfollow = cluster.look.watch("httproutes.gateway.networking.k8s.io", ({ object }) => {
      const isPromoting = cluster.canary("sized").status?.phase === "Finalising";
      if (object.metadata.namespace === "sized" && isPromoting && cluster.routed("sized") === 0)
        returns.push(cluster.deployment("sized", "podinfo-primary")["status"]?.readyReplicas);
    });
    await cluster.setImage("sized", "6.0.1");
    await cluster.untilTold("sized", "canary weight 25");
    assert.equal(replicasOf("sized"), 3);
    // As an autoscaler would that sees it idle.
    await scale("sized", "podinfo-primary", 1);
    await cluster.untilPhase("sized", "Succeeded");
    await cluster.untilTargetIsEmpty("sized");
    unfollow();
    await visitors.stop();
    assert.equal(returns[0], 3);
    assert.deepEqual(
      visitors.hits.filter(({ ok }) => !ok),
      [],
    );
    await cluster.until(
      "the floor being gone",
      () => fieldsOf(hpaOf("sized", "podinfo-primary")?.["spec"])["minReplicas"] === 1,
    );
  });

  it("without one as well: the canary is as big as the primary before it gets a share, and the primary before it gets everybody", async () => {
    const namespace = "plain";
    await cluster.bootstrap(aRelease(namespace), { replicas: 3 });
    const sizes: unknown[] = [];
    const readyOf = (name: string) => cluster.deployment(namespace, name)["status"]?.readyReplicas;
    const unfollow = cluster.look.watch("httproutes.gateway.networking.k8s.io", ({ object }) => {
      const share = object.metadata.namespace === namespace ? cluster.routed(namespace) : undefined;
      if (share === 25) sizes.push(["share", readyOf("podinfo")]);
      if (share === 0 && cluster.canary(namespace).status?.phase === "Finalising")
        sizes.push(["everybody", readyOf("podinfo-primary")]);
    });
    await cluster.setImage(namespace, "6.0.1");
    await cluster.untilPhase(namespace, "Succeeded");
    unfollow();
    assert.deepEqual(
      [sizes[0], sizes.at(-1)],
      [
        ["share", 3],
        ["everybody", 3],
      ],
    );
  });

  it("a target that is scaled by hand at rest is emptied again, and it is told who decides", async () => {
    await withAutoscaler("byhand", anHpa("byhand", "podinfo", {}));
    // Just after the bootstrap the autoscaler itself could have done it: then nothing is told.
    const ended = Date.parse(cluster.canary("byhand").status?.lastTransitionTime ?? "");
    await setTimeout(Math.max(0, ended + 5_500 - Date.now()));
    await scale("byhand", "podinfo", 3);
    await cluster.untilTold("byhand", "podinfo.byhand was scaled to 3 at rest: autoscaler podinfo decides");
    await cluster.untilTargetIsEmpty("byhand");
    assert.equal(replicasOf("byhand", "podinfo-primary"), 1);
  });

  it("a target that is scaled while its release runs: the primary gets that when it ends, and not what an autoscaler made of it", async () => {
    await cluster.addNamespace("midway");
    const url = "http://flagger-loadtester.midway/gate";
    const webhooks = [{ name: "gate", type: "confirm-promotion", url: `${url}/check` }] as const;
    await cluster.bootstrap(aRelease("midway", { webhooks }), { replicas: 2 });
    await cluster.setImage("midway", "6.0.1");
    await cluster.untilPhase("midway", "WaitingPromotion");
    await scale("midway", "podinfo", 3);
    const told = "podinfo.midway was scaled to 3 during its release: podinfo-primary gets that when it ends";
    await cluster.untilTold("midway", told);
    // It takes away at once what exceeds its bounds.
    await cluster.apply(anHpa("midway", "unnamed", { maxReplicas: 1 }));
    await cluster.until("its number noted apart", () => {
      return cluster.deployment("midway").metadata.annotations?.["weir.sh/autoscaled-replicas"] === "1";
    });
    assert.equal(await cluster.post(`${url}/open`, { name: "podinfo", namespace: "midway" }), 202);
    await cluster.untilPhase("midway", "Succeeded");
    await cluster.until("the wish in the primary", () => replicasOf("midway", "podinfo-primary") === 3);
    assert.deepEqual(
      cluster.told.of("midway").filter((text) => text.includes("was scaled to 1")),
      [],
    );
  });

  describe("KEDA", { concurrency: false }, () => {
    const namespace = "keda";
    const paused = knownKeys.kedaPausedReplicas;
    const ref = { resource: scaledObject.resource, namespace, name: "podinfo-so" };
    const gate = `http://flagger-loadtester.${namespace}/gate`;
    const scaler = (name: string): KubeObject | undefined => cluster.look.get("scaledobjects.keda.sh", namespace, name);
    const isPaused = (): boolean => scaler("podinfo-so")?.metadata.annotations?.[paused] === "0";
    it("KED-1: at rest the source is paused, and its copy looks after the primary", async () => {
      cluster.atEnd.push(playKeda(cluster, namespace));
      await cluster.addNamespace(namespace);
      await cluster.apply(aScaledObject(namespace));
      const autoscalerRef = { apiVersion: "keda.sh/v1alpha1", kind: "ScaledObject", name: "podinfo-so" } as const;
      const webhooks = [{ name: "gate", type: "confirm-promotion", url: `${gate}/check` }] as const;
      await cluster.bootstrap(
        aRelease(namespace, { iterations: 2, webhooks }, { autoscalerRef, provider: "kubernetes" }),
      );
      const copy = scaler("podinfo-so-primary");
      assert.equal(
        copy?.["spec"]?.triggers[0].metadata.query,
        'sum(rate(http_requests_total{app="podinfo-primary",namespace="keda"}[3s]))',
      );
      assert.equal(copy?.metadata.annotations?.[paused], undefined);
      assert.ok(isPaused());
    });

    it("U-12: the copy follows the source at rest", async () => {
      await cluster.api.mergePatch(ref, { spec: { pollingInterval: 20 } });
      await cluster.until(
        "the copy having the interval",
        () => scaler("podinfo-so-primary")?.["spec"]?.pollingInterval === 20,
      );
    });

    it("KED-2, KED-3: with a new revision the source looks after the canary, and scales it under load", async () => {
      await cluster.setImage(namespace, "6.0.1");
      await cluster.untilTold(namespace, "canary iteration 1/2");
      assert.equal(scaler("podinfo-so")?.metadata.annotations?.[paused], undefined);
      await cluster.until("a canary, as its trigger asks for", () => Number(replicasOf(namespace)) >= 1);
      const callers = cluster.call(`http://podinfo-canary.${namespace}:9898/`, 20);
      await cluster.until("three canaries", () => cluster.deployment(namespace)["status"]?.readyReplicas === 3);
      await callers.stop();
    });

    it("KED-4: it is promoted, and the source is paused again", async () => {
      await cluster.untilPhase(namespace, "WaitingPromotion");
      assert.equal(await cluster.post(`${gate}/open`, { name: "podinfo", namespace }), 202);
      await cluster.untilPhase(namespace, "Succeeded");
      await cluster.untilTargetIsEmpty(namespace);
      assert.ok(isPaused());
      assert.equal(
        cluster.deployment(namespace, "podinfo-primary")["spec"].template.spec.containers[0].image,
        "stefanprodan/podinfo:6.0.1",
      );
    });

    it("a source that somebody's tool lets go wakes the target, and both are put right", async () => {
      await cluster.api.mergePatch(ref, { metadata: { annotations: { [paused]: null } } });
      await cluster.until("the source being paused again", isPaused);
      await cluster.untilTargetIsEmpty(namespace);
      assert.equal(cluster.canary(namespace).status?.phase, "Succeeded");
    });
  });
});

/** KEDA in two sentences: a target that is paused has no pod; one that is not has as many as its trigger asks for, and at least one. */
function playKeda({ look, api, sandbox }: ReleaseCluster, namespace: string): () => Promise<void> {
  const writes: Promise<unknown>[] = [];
  const prometheus = new HttpClient(sandbox.network.proxyUrl);
  const source = (): KubeObject | undefined => look.get("scaledobjects.keda.sh", namespace, "podinfo-so");
  let wanted = 1;
  const scale = (): void => {
    const object = source();
    const replicas = look.get("deployments.apps", namespace, "podinfo")?.["spec"]?.replicas;
    if (object === undefined || replicas === undefined) return;
    const next = object.metadata.annotations?.[knownKeys.kedaPausedReplicas] === "0" ? 0 : wanted;
    if (next === replicas) return;
    const resource: Resource = { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" };
    const patch = { spec: { replicas: next } };
    writes.push(api.mergePatch({ resource, namespace, name: "podinfo" }, patch, { subresource: "scale" }));
  };
  const measure = async (): Promise<void> => {
    const { triggers, minReplicaCount, maxReplicaCount } = source()?.["spec"] ?? {};
    if (triggers === undefined) return;
    const { query, threshold } = triggers[0].metadata;
    const path = `http://prometheus.istio-system:9090/api/v1/query?query=${encodeURIComponent(query)}`;
    const { body } = await prometheus.request({ method: "GET", path });
    const { data } = (await body.json()) as { data: { result: { value: [number, string] }[] } };
    const asked = Math.ceil(Number(data.result[0]?.value[1] ?? 0) / Number(threshold));
    wanted = Math.min(maxReplicaCount, Math.max(minReplicaCount, asked));
    scale();
  };
  const timer = setInterval(() => writes.push(measure()), 250);
  const stops = (["scaledobjects.keda.sh", "deployments.apps"] as const).map((key) => look.watch(key, scale));
  return async () => {
    clearInterval(timer);
    for (const stop of stops) stop();
    await Promise.all(writes);
    await prometheus.close();
  };
}
