import assert from "node:assert/strict";
import { type CanaryStatus, fieldsOf, type RawObject } from "../../../api/index.ts";
import type { Hit, Traffic } from "../../../examples/demo/traffic.ts";
import type { KubeObject } from "../../../sandbox/apiserver/types.ts";
import type { ReleaseCluster } from "./cluster.ts";
import { aRelease, podinfo, withEnvironment } from "./manifests.ts";

/** What happens to a canary, one after the other, in every scene; and the last that is told of each. */
export const lastWords = {
  bootstrap: "Initialization done!",
  release: "Promotion completed!",
  rollback: "Canary failed!",
} as const;
export type Chapter = keyof typeof lastWords;
export const chapters = Object.keys(lastWords) as readonly Chapter[];

/** One canary with everything that a release writes (autoscaler, ConfigMap, route, gate, metric), and people who visit it all the time. */
export interface Scene {
  readonly namespace: string;
  /** Resolves at the end of the chapter. */
  play(chapter: Chapter): Promise<void>;
  /** What is there now, without what may differ from run to run. */
  look(): unknown;
  /** Fails when anybody noticed anything: only visitors who were given to a bad canary may. Unless it had to hurt. */
  stop(hurts?: boolean): Promise<void>;
}

/** `threshold`: failed rounds that end a release. */
export function aScene(cluster: ReleaseCluster, namespace: string, threshold: number): Scene {
  let callers: Traffic | undefined;
  let visitors: Traffic | undefined;
  let [shared, turned] = [0, 0];
  const gate = async (to: "open" | "close"): Promise<void> => {
    const url = `http://flagger-loadtester.${namespace}/gate/${to}`;
    assert.equal(await cluster.post(url, { name: "podinfo", namespace }), 202);
  };
  const playing: Readonly<Record<Chapter, () => Promise<void>>> = {
    async bootstrap() {
      await cluster.addNamespace(namespace);
      await cluster.apply(...surroundings(namespace));
      await cluster.bootstrapTarget(namespace, await targetSpec(namespace));
      callers = cluster.call(`http://podinfo.${namespace}:9898/`, 100);
      await cluster.apply(aFullRelease(namespace, threshold));
      await cluster.untilPhase(namespace, "Initialized");
      visitors = cluster.visit(`${namespace}.example.com`, 50);
    },
    async release() {
      await cluster.setImage(namespace, "6.0.1");
      await cluster.untilPhase(namespace, "WaitingPromotion");
      await gate("open");
      await cluster.untilPhase(namespace, "Succeeded");
    },
    async rollback() {
      await gate("close");
      await cluster.apply(aMetric(namespace, 0));
      await cluster.setImage(namespace, "6.0.2-error");
      await cluster.until(`a share for the bad canary of ${namespace}`, () => (cluster.routed(namespace) ?? 0) > 0);
      shared = Date.now();
      await cluster.untilPhase(namespace, "Failed");
      await cluster.until(`everybody of ${namespace} being taken from it`, () => cluster.routed(namespace) === 0);
      turned = Date.now();
    },
  };
  return {
    namespace,
    async play(chapter) {
      await playing[chapter]();
      await cluster.untilTargetIsEmpty(namespace);
    },
    look: () => leftBehind(cluster, namespace),
    async stop(hurts) {
      await Promise.all([callers?.stop(), visitors?.stop()]);
      if (hurts === true) return;
      const failedOf = (traffic: Traffic | undefined) => (traffic?.hits ?? []).filter(({ ok }) => !ok);
      assert.deepEqual(failedOf(callers), [], `${namespace}: who calls the Service never meets a canary`);
      const isBad = ({ outcome, sentAt }: Hit) => outcome === 500 && sentAt <= turned;
      assert.deepEqual(
        failedOf(visitors).filter((hit) => !isBad(hit)),
        [],
        `${namespace}: only a bad canary fails visitors`,
      );
      const meanwhile = (visitors?.hits ?? []).filter(({ sentAt }) => sentAt >= shared && sentAt <= turned).length;
      const most = Math.ceil((meanwhile * firstShare) / 100) + 2;
      const failed = failedOf(visitors).length;
      assert.ok(failed <= most, `${namespace}: ${failed} of ${meanwhile} visitors failed, a share would be ${most}`);
    },
  };
}

/** Percent. */
const firstShare = 20;

function aFullRelease(namespace: string, threshold: number): RawObject {
  const url = `http://flagger-loadtester.${namespace}/gate/check`;
  const analysis = {
    stepWeight: firstShare,
    maxWeight: 2 * firstShare,
    threshold,
    metrics: [{ name: "good", templateRef: { name: "good" }, thresholdRange: { min: 99 } }],
    webhooks: [{ name: "gate", type: "confirm-promotion" as const, url }],
  };
  const autoscalerRef = { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler" as const, name: "podinfo" };
  return aRelease(namespace, analysis, { autoscalerRef });
}

function surroundings(namespace: string): readonly RawObject[] {
  const scaleTargetRef = { apiVersion: "apps/v1", kind: "Deployment", name: "podinfo" };
  return [
    {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "podinfo", namespace },
      spec: { scaleTargetRef, minReplicas: 1, maxReplicas: 3 },
    },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace }, data: { color: "blue" } },
    aMetric(namespace, 100),
  ];
}

/** Measured by the cluster's Prometheus, but always the same. */
function aMetric(namespace: string, value: number): RawObject {
  return {
    apiVersion: "flagger.app/v1beta1",
    kind: "MetricTemplate",
    metadata: { name: "good", namespace },
    spec: {
      provider: { type: "prometheus", address: "http://prometheus.istio-system:9090" },
      query: `vector(${value})`,
    },
  };
}

async function targetSpec(namespace: string): Promise<Readonly<Record<string, unknown>>> {
  const [target] = await podinfo(namespace, { replicas: 1 });
  assert.ok(target?.kind === "Deployment");
  return fieldsOf(withEnvironment(target, [{ configMapRef: { name: "settings" } }])["spec"]);
}

/** Everything that a release leaves behind, without names of the namespace, times and counts of writes. */
function leftBehind(cluster: ReleaseCluster, namespace: string): unknown {
  const list = (key: string) =>
    cluster.look
      .list(key, namespace)
      .sort((one, other) => (one.metadata.name ?? "").localeCompare(other.metadata.name ?? ""));
  const specs = (key: string, of: (object: KubeObject) => unknown = ({ spec }) => spec) =>
    list(key).map((object) => [object.metadata.name, of(object)]);
  const {
    conditions,
    lastTransitionTime: _,
    failedChecks: __,
    release,
    ...status
  } = cluster.canary(namespace).status ?? ({} as CanaryStatus);
  const left = {
    status: { ...status, revision: release?.revision, replicas: release?.replicas },
    conditions: conditions?.map(({ type, status, reason, message }) => [type, status, reason, message]),
    routes: specs("httproutes.gateway.networking.k8s.io"),
    deployments: specs("deployments.apps", ({ spec }) => [spec.replicas, spec.paused, spec.template]),
    services: specs("services", ({ spec }) => spec.selector && [spec.selector, spec.ports]),
    scalers: specs("horizontalpodautoscalers.autoscaling"),
    configs: specs("configmaps", ({ data }) => data["color"]),
  };
  return JSON.parse(JSON.stringify(left).replaceAll(namespace, "NAMESPACE"));
}
