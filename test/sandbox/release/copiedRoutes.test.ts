/** Providers whose routes are copies beside a user's own, or have nothing but weights: what stands in the cluster while a release runs. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { canaryResource, fieldsOf } from "../../../api/index.ts";
import { type ReleaseCluster, startWeirCluster } from "./cluster.ts";
import { aRelease } from "./manifests.ts";
import { definitionsOf, referencesOf, sourcesOf } from "./routing.ts";

describe("routes beside the user's own", { concurrency: true }, () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startWeirCluster();
  });
  after(() => cluster.stop());

  type Provider = "nginx" | "smi:v1alpha2";

  /** The target and all that the Canary needs, which is applied by the caller. */
  async function prepare(namespace: string, provider: Provider, analysis: Parameters<typeof aRelease>[1] = {}) {
    const canary = aRelease(namespace, analysis, { provider, ...referencesOf(provider) });
    await cluster.apply(...definitionsOf(provider, canary));
    await cluster.bootstrapTarget(namespace);
    await cluster.apply(...sourcesOf(provider, namespace));
    return canary;
  }

  /** Every share that the canary had, from its initialization to the end of a good release. */
  async function shares(namespace: string, provider: Provider, kind: string, name: string) {
    const canary = await prepare(namespace, provider);
    const seen: unknown[] = [];
    const unfollow = cluster.look.watch(kind, ({ object }) => {
      if (object.metadata.namespace !== namespace || object.metadata.name !== name) return;
      const weight =
        object.metadata.annotations?.["nginx.ingress.kubernetes.io/canary-weight"] ??
        fieldsOf(object["spec"]?.backends?.[0])["weight"];
      if (weight !== undefined && weight !== seen.at(-1)) seen.push(weight);
    });
    await cluster.apply(canary);
    await cluster.untilPhase(namespace, "Initialized");
    await cluster.untilTargetIsEmpty(namespace);
    await cluster.setImage(namespace, "6.0.1");
    assert.equal((await cluster.untilOver(namespace)).status?.phase, "Succeeded");
    unfollow();
    return seen;
  }

  async function remove(namespace: string, kind: string, name: string): Promise<void> {
    await cluster.api.delete({ resource: canaryResource, namespace, name: "podinfo" });
    await cluster.until(`${kind} ${name} being gone`, () => cluster.look.get(kind, namespace, name) === undefined);
  }

  it("nginx: the weight goes up step by step and back; the user's Ingress is never written, and outlives the Canary", async () => {
    assert.deepEqual(await shares("nginx", "nginx", "ingresses.networking.k8s.io", "podinfo-canary"), [
      "0",
      "25",
      "50",
      "0",
    ]);
    const theirs = () => cluster.look.get("ingresses.networking.k8s.io", "nginx", "podinfo");
    assert.deepEqual([...new Set(theirs()?.metadata.managedFields?.map(({ manager }) => manager))], ["kubectl"]);
    await cluster.untilTargetIsEmpty("nginx");
    await remove("nginx", "ingresses.networking.k8s.io", "podinfo-canary");
    assert.notEqual(theirs(), undefined);
  });

  it("nginx: a Canary that goes in the middle of a release leaves its primary behind the apex Service, and no second Ingress", async () => {
    await cluster.apply(await prepare("going", "nginx", { interval: "30s" }));
    await cluster.untilPhase("going", "Initialized");
    await cluster.untilTargetIsEmpty("going");
    await cluster.setImage("going", "6.0.1");
    await cluster.untilPhase("going", "Progressing");
    await remove("going", "ingresses.networking.k8s.io", "podinfo-canary");
    const apex = cluster.look.get("services", "going", "podinfo");
    assert.deepEqual(apex?.["spec"].selector, { app: "podinfo-primary" });
    assert.notEqual(cluster.look.get("deployments.apps", "going", "podinfo-primary"), undefined);
  });

  it("smi: the same steps with a TrafficSplit, which goes with the Canary", async () => {
    assert.deepEqual(
      await shares("split", "smi:v1alpha2", "trafficsplits.split.smi-spec.io", "podinfo"),
      [0, 25, 50, 0],
    );
    await cluster.untilTargetIsEmpty("split");
    await remove("split", "trafficsplits.split.smi-spec.io", "podinfo");
  });
});
