import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
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

  it("a source that is deleted leaves the copy to the primary, and the user is told", async () => {
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
    const scalePrimary = (replicas: number) =>
      cluster.api.mergePatch(
        {
          resource: { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" },
          namespace: "sized",
          name: "podinfo-primary",
        },
        { spec: { replicas } },
        { subresource: "scale" },
      );
    await scalePrimary(3);
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
    await scalePrimary(1);
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

  it("KEDA: the source is paused at rest and looks after the canary while it is tried", async () => {
    const stopKeda = playKeda(cluster, "keda");
    await cluster.addNamespace("keda");
    await cluster.apply(aScaledObject("keda"));
    const autoscalerRef = { apiVersion: "keda.sh/v1alpha1", kind: "ScaledObject", name: "podinfo-so" } as const;
    await cluster.bootstrap(aRelease("keda", {}, { autoscalerRef }));
    const source = (): KubeObject | undefined => cluster.look.get("scaledobjects.keda.sh", "keda", "podinfo-so");
    const copy = cluster.look.get("scaledobjects.keda.sh", "keda", "podinfo-so-primary");
    assert.equal(copy?.["spec"]?.triggers[0].metadata.query, 'sum(rate(requests{app="podinfo-primary"}[30s]))');
    assert.equal(copy?.metadata.annotations?.[knownKeys.kedaPausedReplicas], undefined);
    assert.equal(source()?.metadata.annotations?.[knownKeys.kedaPausedReplicas], "0");
    await cluster.setImage("keda", "6.0.1");
    await cluster.untilTold("keda", "canary weight 25");
    assert.equal(source()?.metadata.annotations?.[knownKeys.kedaPausedReplicas], undefined);
    await cluster.untilPhase("keda", "Succeeded");
    await cluster.untilTargetIsEmpty("keda");
    assert.equal(source()?.metadata.annotations?.[knownKeys.kedaPausedReplicas], "0");
    // Somebody's tool takes the annotation away: KEDA wakes the target, and both are put right.
    const ref = { resource: scaledObject.resource, namespace: "keda", name: "podinfo-so" };
    await cluster.api.mergePatch(ref, { metadata: { annotations: { [knownKeys.kedaPausedReplicas]: null } } });
    await cluster.until(
      "the source being paused again",
      () => source()?.metadata.annotations?.[knownKeys.kedaPausedReplicas] === "0",
    );
    await cluster.untilTargetIsEmpty("keda");
    assert.equal(cluster.canary("keda").status?.phase, "Succeeded");
    await stopKeda();
  });
});

/** KEDA in two sentences: a target that is not paused has at least one pod; one that is paused has none. */
function playKeda({ look, api }: ReleaseCluster, namespace: string): () => Promise<void> {
  const writes: Promise<unknown>[] = [];
  const wake = (): void => {
    const source = look.get("scaledobjects.keda.sh", namespace, "podinfo-so");
    const replicas = look.get("deployments.apps", namespace, "podinfo")?.["spec"]?.replicas;
    if (source === undefined || replicas === undefined) return;
    const isPaused = source.metadata.annotations?.[knownKeys.kedaPausedReplicas] === "0";
    if (isPaused === (replicas === 0)) return;
    const resource: Resource = { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" };
    const patch = { spec: { replicas: isPaused ? 0 : 1 } };
    writes.push(api.mergePatch({ resource, namespace, name: "podinfo" }, patch, { subresource: "scale" }));
  };
  const stops = (["scaledobjects.keda.sh", "deployments.apps"] as const).map((key) => look.watch(key, wake));
  return async () => {
    for (const stop of stops) stop();
    await Promise.all(writes);
  };
}
