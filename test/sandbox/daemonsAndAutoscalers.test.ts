import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { UTILIZATION } from "../../sandbox/controllers/autoscaler.ts";
import type { Condition, Pod } from "../../sandbox/controllers/kinds.ts";
import { aDeployment, aTemplate, startWorkloadCluster, type WorkloadCluster } from "./workloadCluster.ts";

let cluster: WorkloadCluster;

before(async () => {
  cluster = await startWorkloadCluster();
  await cluster.addNode("node-a");
  await cluster.addNode("node-b", { disk: "ssd" });
});
after(() => cluster.stop());

describe("a DaemonSet (statuses as recorded in objects/daemonset.json)", () => {
  it("has one pod on every node", async () => {
    const spec = { selector: { matchLabels: { app: "agent" } }, template: aTemplate("agent", "podinfo:1.0.0") };
    const metadata = { name: "agent", namespace: "test", labels: { app: "agent" } };
    await cluster.api.create("daemonsets.apps", { apiVersion: "apps/v1", kind: "DaemonSet", metadata, spec });
    await settled({
      currentNumberScheduled: 2,
      numberMisscheduled: 0,
      desiredNumberScheduled: 2,
      numberReady: 2,
      observedGeneration: 1,
      updatedNumberScheduled: 2,
      numberAvailable: 2,
    });
    assert.deepEqual(
      agents()
        .map(({ spec: { nodeName } }) => nodeName)
        .sort(),
      ["node-a", "node-b"],
    );
    assert.equal(cluster.api.list("controllerrevisions.apps", "test").length, 1);
  });

  it("is replaced node by node, never more than one at a time", async () => {
    const body = { spec: { template: aTemplate("agent", "podinfo:1.1.0") } };
    await cluster.api.patch("daemonsets.apps", "test", "agent", "merge", body);
    await cluster.until(() => {
      const serving = agents().filter((pod) => pod.metadata.deletionTimestamp === undefined && isReady(pod));
      assert.ok(serving.length >= 1, "a moment without any pod");
      const images = agents().map(({ spec }) => spec.containers[0]?.image);
      return images.length === 2 && images.every((image) => image === "podinfo:1.1.0") && serving.length === 2;
    }, "new pods");
    const revisions = cluster.api.list("controllerrevisions.apps", "test").map(({ revision }) => revision as number);
    assert.deepEqual(revisions.sort(), [1, 2]);
  });

  it("has no pods when its nodeSelector matches no node", async () => {
    const body = { spec: { template: { spec: { nodeSelector: { "flagger.app/scale-to-zero": "true" } } } } };
    await cluster.api.patch("daemonsets.apps", "test", "agent", "merge", body);
    await settled({
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
      observedGeneration: 3,
    });
    assert.equal(agents().length, 0);
  });
});

describe("an autoscaler (as recorded in objects/hpa-without-metrics.json)", () => {
  before(async () => {
    await cluster.api.create("deployments.apps", aDeployment("web", "podinfo:6.0.0", 3));
    await cluster.api.create("horizontalpodautoscalers.autoscaling", {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "web", namespace: "test" },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
        minReplicas: 2,
        maxReplicas: 4,
        metrics: [
          { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } },
        ],
      },
    });
  });

  it("does nothing within its bounds when there are no metrics", async () => {
    await condition("ScalingActive", "FailedGetResourceMetric");
    assert.equal(replicas(), 3);
  });

  it("brings a target down to maxReplicas and up to minReplicas", async () => {
    await scale(9);
    await cluster.until(() => replicas() === 4, "4 replicas");
    await scale(1);
    await cluster.until(() => replicas() === 2, "2 replicas");
    const events = await cluster.until(() => {
      const found = cluster.api.list("events", "test").filter(({ reason }) => reason === "SuccessfulRescale");
      return found.length === 2 ? found.map(({ message }) => message as string) : undefined;
    }, "events");
    assert.deepEqual(events.sort(), [
      "New size: 2; reason: Current number of replicas below Spec.MinReplicas",
      "New size: 4; reason: Current number of replicas above Spec.MaxReplicas",
    ]);
  });

  it("follows the utilization that a test states", async () => {
    await utilization("150");
    await cluster.until(() => replicas() === 4, "4 replicas");
    await condition("ScalingLimited", "TooManyReplicas");
    await utilization("40");
    await cluster.until(() => replicas() === 2, "2 replicas");
    await utilization(null);
  });

  it("leaves a target at zero alone", async () => {
    await scale(0);
    const found = await condition("ScalingActive", "ScalingDisabled");
    assert.equal(found.message, "scaling is disabled since the replica count of the target is zero");
    assert.equal(replicas(), 0);
  });

  it("leaves nobody complaining", () => {
    assert.deepEqual(cluster.complaints, []);
  });
});

function agents(): Pod[] {
  return (cluster.api.list("pods", "test") as Pod[]).filter(({ metadata }) => metadata.labels?.["app"] === "agent");
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some((each) => each.type === "Ready" && each.status === "True") ?? false;
}

async function settled(expected: Record<string, number>): Promise<void> {
  let seen: Record<string, number> = {};
  try {
    await cluster.until(() => {
      seen = cluster.api.get("daemonsets.apps", "test", "agent")?.["status"] ?? {};
      return JSON.stringify(Object.entries(seen).sort()) === JSON.stringify(Object.entries(expected).sort());
    }, "the status");
  } catch {
    assert.deepEqual(seen, expected);
  }
}

function replicas(): number {
  return cluster.api.get("deployments.apps", "test", "web")?.["spec"].replicas;
}

async function scale(wanted: number): Promise<void> {
  await cluster.api.patch("deployments.apps", "test", "web", "merge", { spec: { replicas: wanted } }, "scale");
}

async function utilization(percent: string | null): Promise<void> {
  const body = { metadata: { annotations: { [UTILIZATION]: percent } } };
  await cluster.api.patch("horizontalpodautoscalers.autoscaling", "test", "web", "merge", body);
}

function condition(type: string, reason: string): Promise<Condition> {
  return cluster.until(() => {
    const status = cluster.api.get("horizontalpodautoscalers.autoscaling", "test", "web")?.["status"];
    const conditions: Condition[] = status?.conditions ?? [];
    return conditions.find((each) => each.type === type && each.reason === reason);
  }, `${type} ${reason}`);
}
