import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  type Canary,
  type CanaryHook,
  type CanarySpec,
  canaryResource,
  knownKeys,
  type RawObject,
} from "../../../api/index.ts";
import { horizontalPodAutoscaler } from "../../../controller/scalers/hpa.ts";
import type { Traffic } from "../../../examples/demo/traffic.ts";
import { type ReleaseCluster, startReleaseCluster } from "./cluster.ts";
import { aRelease, podinfo, podinfoEverywhere } from "./manifests.ts";

const image = (tag: string): string => `stefanprodan/podinfo:${tag}`;

/** A DaemonSet replaces its pods in place, node by node: with one node nobody could serve meanwhile. */
const nodes = 2;

/** Blue becomes green behind plain Services, as in the known acceptance scenarios of this provider; callers must not notice. */
describe("the kubernetes provider", { concurrency: true }, () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startReleaseCluster({ nodes });
    const flags = ["--include-label-prefix=app.kubernetes.io"];
    await Promise.all([cluster.startServer(), cluster.startController({ flags })]);
  });
  after(() => cluster.stop());

  const aCanary = (
    namespace: string,
    iterations: number,
    spec: Partial<CanarySpec> = {},
    more: readonly CanaryHook[] = [],
  ): Canary => {
    const service = { port: 9898, targetPort: 9898 };
    const url = `http://flagger-loadtester.${namespace}`;
    const cmd = `curl -sd 'test' http://${spec.service?.name ?? "podinfo"}-canary.${namespace}:9898/token | grep token`;
    const webhooks = [
      { name: "gate", type: "confirm-rollout", url: `${url}/gate/approve` },
      { name: "smoke", type: "pre-rollout", url: `${url}/`, timeout: "15s", metadata: { type: "bash", cmd } },
      ...more,
    ] as const;
    return aRelease(namespace, { iterations, webhooks }, { provider: "kubernetes", service, ...spec });
  };
  const containerImage = (namespace: string, name: string, key = "deployments.apps"): string =>
    cluster.look.get(key, namespace, name)?.["spec"].template.spec.containers[0].image;

  /** Applies the Canary to what serves already. */
  async function adopt(canary: Canary): Promise<void> {
    await cluster.apply(canary);
    await cluster.untilPhase(canary.metadata.namespace ?? "", "Initialized");
  }

  /** A good release; every caller got an answer. */
  async function release(namespace: string, callers: Traffic, plural?: "daemonsets"): Promise<void> {
    await cluster.setImage(namespace, "6.0.1", plural);
    await cluster.untilTold(namespace, "Promotion completed!");
    assert.equal(cluster.canary(namespace).status?.phase, "Succeeded");
    await callers.stop();
    assert.ok(callers.hits.length > 0);
    assert.deepEqual(
      callers.hits.filter(({ ok }) => !ok),
      [],
    );
  }

  describe("with a Service that was there before", { concurrency: false }, () => {
    const namespace = "taken-over";
    let callers: Traffic;

    it("KUB-1: takes it over, marks it for GitOps tools, and the primary keeps labels and annotations of the prefix", async () => {
      await cluster.addNamespace(namespace);
      const [deployment, service] = (await podinfo(namespace)) as [RawObject, RawObject];
      const marks = {
        labels: { app: "podinfo", other: "left", "app.kubernetes.io/managed-by": "test-label-prefix" },
        annotations: { other: "left", "app.kubernetes.io/instance": "test-annotation-prefix" },
      };
      await cluster.apply(
        { ...deployment, metadata: { ...deployment.metadata, ...marks } },
        { ...service, metadata: { ...service.metadata, name: "podinfo-svc" } },
      );
      await cluster.until("podinfo serving", () => cluster.deployment(namespace)["status"]?.readyReplicas > 0);
      callers = cluster.call(`http://podinfo-svc.${namespace}:9898/`);
      await adopt(aCanary(namespace, 5, { service: { name: "podinfo-svc", port: 9898, targetPort: 9898 } }));
      await cluster.untilTargetIsEmpty(namespace);
      const apex = cluster.look.get("services", namespace, "podinfo-svc");
      assert.deepEqual(apex?.["spec"].selector, { app: "podinfo-primary" });
      assert.equal(apex?.metadata.annotations?.[knownKeys.fluxReconcile], "disabled");
      assert.equal(apex?.metadata.annotations?.[knownKeys.helmDriftDetection], "disabled");
      const { labels, annotations } = cluster.deployment(namespace, "podinfo-primary").metadata;
      assert.deepEqual([labels?.["app.kubernetes.io/managed-by"], labels?.["other"]], ["test-label-prefix", undefined]);
      assert.equal(annotations?.["app.kubernetes.io/instance"], "test-annotation-prefix");
    });

    it("KUB-2: promotes a good image once its iterations are over", async () => {
      await release(namespace, callers);
      assert.equal(containerImage(namespace, "podinfo-primary"), image("6.0.1"));
      const steps = cluster.told.of(namespace).filter((message) => message.startsWith("Advance"));
      assert.deepEqual(
        steps,
        [1, 2, 3, 4, 5].map((done) => `Advance podinfo.${namespace} canary iteration ${done}/5`),
      );
      assert.ok(cluster.told.of(namespace).includes("Pre-rollout check smoke passed"));
    });
  });

  describe("with a DaemonSet", { concurrency: false }, () => {
    const namespace = "everywhere";
    const key = "daemonsets.apps";
    const ready = (name: string): number => cluster.look.get(key, namespace, name)?.["status"]?.numberReady ?? 0;
    let callers: Traffic;

    it("KUB-3: is initialized", async () => {
      await cluster.addNamespace(namespace);
      await cluster.apply(...(await podinfoEverywhere(namespace)));
      await cluster.until("podinfo on its nodes", () => ready("podinfo") === nodes);
      callers = cluster.call(`http://podinfo.${namespace}:9898/`);
      const targetRef = { apiVersion: "apps/v1", kind: "DaemonSet", name: "podinfo" } as const;
      await adopt(aCanary(namespace, 2, { targetRef, revertOnDeletion: true }));
      await cluster.until("the target off its nodes", () => ready("podinfo") === 0);
      assert.equal(ready("podinfo-primary"), nodes);
    });

    it("KUB-4: promotes a good image", async () => {
      await release(namespace, callers, "daemonsets");
      assert.equal(containerImage(namespace, "podinfo-primary", key), image("6.0.1"));
    });

    it("KUB-5: with revertOnDeletion has the known finalizer, and serves from its nodes again when the Canary is gone", async () => {
      assert.deepEqual(cluster.canary(namespace).metadata.finalizers, ["finalizer.flagger.app"]);
      callers = cluster.call(`http://podinfo.${namespace}:9898/`);
      await cluster.api.delete({ resource: canaryResource, namespace, name: "podinfo" });
      await cluster.until("the Canary being gone", () => cluster.canary(namespace).metadata === undefined);
      assert.equal(ready("podinfo"), nodes);
      await cluster.until("the primary being gone", () => ready("podinfo-primary") === 0);
      await callers.stop();
      assert.ok(callers.hits.every(({ ok }) => ok));
    });
  });

  describe("with an autoscaler", { concurrency: false }, () => {
    const namespace = "scaled";
    const gate = `http://flagger-loadtester.${namespace}/gate`;
    const hpa = (name: string) => cluster.look.get("horizontalpodautoscalers.autoscaling", namespace, name);
    const utilization = (name: string): number => hpa(name)?.["spec"].metrics[0].resource.target.averageUtilization;
    const metricsAt = (averageUtilization: number) => [
      { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization } } },
    ];
    const setUtilization = (percent: number) => {
      const ref = { resource: horizontalPodAutoscaler.resource, namespace, name: "podinfo" };
      return cluster.api.mergePatch(ref, { spec: { metrics: metricsAt(percent) } });
    };

    it("KUB-6: is initialized with a copy of it for the primary", async () => {
      await cluster.bootstrapTarget(namespace);
      const autoscalerRef = { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", name: "podinfo" } as const;
      const scaleTargetRef = { apiVersion: "apps/v1", kind: "Deployment", name: "podinfo" };
      await cluster.apply({
        apiVersion: "autoscaling/v2",
        kind: "HorizontalPodAutoscaler",
        metadata: { name: "podinfo", namespace },
        spec: { scaleTargetRef, minReplicas: 2, maxReplicas: 4, metrics: metricsAt(99) },
      });
      await adopt(
        aCanary(namespace, 1, { autoscalerRef }, [{ name: "go", type: "confirm-promotion", url: `${gate}/check` }]),
      );
      const { scaleTargetRef: scaled, minReplicas, maxReplicas } = hpa("podinfo-primary")?.["spec"] ?? {};
      assert.deepEqual([scaled.name, minReplicas, maxReplicas], ["podinfo-primary", 2, 4]);
      assert.equal(utilization("podinfo-primary"), 99);
      await cluster.untilTargetIsEmpty(namespace);
    });

    it("KUB-7: an edit of it reaches the copy, before a release and in the middle of one, and the release goes on", async () => {
      const callers = cluster.call(`http://podinfo.${namespace}:9898/`);
      await setUtilization(50);
      await cluster.until("the copy at 50", () => utilization("podinfo-primary") === 50);
      const released = release(namespace, callers);
      await cluster.untilPhase(namespace, "WaitingPromotion");
      await setUtilization(60);
      await cluster.until("the copy at 60", () => utilization("podinfo-primary") === 60);
      assert.equal(cluster.canary(namespace).status?.phase, "WaitingPromotion");
      assert.equal(await cluster.post(`${gate}/open`, { name: "podinfo", namespace }), 202);
      await released;
      assert.equal(containerImage(namespace, "podinfo-primary"), image("6.0.1"));
      assert.equal(utilization("podinfo-primary"), 60);
    });
  });
});
