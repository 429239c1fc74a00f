import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Canary, RawObject } from "../../../api/index.ts";
import { type ReleaseCluster, startReleaseCluster, startWeirCluster } from "./cluster.ts";
import { aRelease, isOfTheMachine, readYaml } from "./manifests.ts";

describe("other providers and versions", { concurrency: true }, () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startWeirCluster();
  });
  after(() => cluster.stop());

  /** A good release under steady calls of `url` and visits: its events, after the first, and every call that failed. */
  async function release(namespace: string, tag: string) {
    const traffic = cluster.call(`http://podinfo.${namespace}:9898/`);
    const before = cluster.told.of(namespace).length;
    await cluster.setImage(namespace, tag);
    const { status } = await cluster.untilOver(namespace);
    await cluster.untilTold(namespace, status?.phase === "Failed" ? "Canary failed!" : "Promotion completed!");
    await cluster.untilTargetIsEmpty(namespace);
    await traffic.stop();
    const story = cluster.told.of(namespace).slice(before);
    return {
      phase: status?.phase,
      story: story.filter((message) => !isOfTheMachine(message)),
      failed: traffic.hits.filter(({ ok }) => !ok),
    };
  }

  it("kubernetes: iterations without a route, then blue becomes green", async () => {
    const hook = { name: "conformance", url: "http://flagger-loadtester.blue/gate/approve" };
    const canary = aRelease("blue", { iterations: 3, webhooks: [hook] }, { provider: "kubernetes" });
    await cluster.bootstrap(canary);
    const { phase, story, failed } = await release("blue", "6.0.1");
    assert.deepEqual([phase, failed], ["Succeeded", []]);
    assert.deepEqual(story, [
      "New revision detected! Scaling up podinfo.blue",
      "Starting canary analysis for podinfo.blue",
      ...[1, 2, 3].map((iteration) => `Advance podinfo.blue canary iteration ${iteration}/3`),
      "Copying podinfo.blue template spec to podinfo-primary.blue",
      "Promotion completed! Scaling down podinfo.blue",
    ]);
    assert.equal(cluster.routed("blue"), undefined);
  });

  it("kubernetes: a release that its hook refuses never meets a caller", async () => {
    const hook = { name: "conformance", url: "http://flagger-loadtester.green/gate/halt" };
    const canary = aRelease("green", { iterations: 3, threshold: 2, webhooks: [hook] }, { provider: "kubernetes" });
    await cluster.bootstrap(canary);
    const { phase, story, failed } = await release("green", "6.0.1-error");
    assert.deepEqual([phase, failed], ["Failed", []]);
    assert.deepEqual(story.slice(-3), [
      "Halt podinfo.green advancement external check conformance failed Forbidden",
      "Rolling back podinfo.green failed checks threshold reached 2",
      "Canary failed! Scaling down podinfo.green",
    ]);
  });

  it("LNK-4: gatewayapi:v1beta1, weights by the steps that are listed", async () => {
    const weights: number[] = [];
    const stepWeights = [10, 20, 30, 40, 50, 60];
    await cluster.bootstrap(aRelease("beta", { stepWeights }, { provider: "gatewayapi:v1beta1" }));
    const unfollow = cluster.look.watch("httproutes.gateway.networking.k8s.io", ({ object }) => {
      const weight = object.metadata.namespace === "beta" ? cluster.routed("beta") : undefined;
      if (weight !== undefined && weight !== weights.at(-1)) weights.push(weight);
    });
    const visitors = cluster.visit("beta.example.com");
    const { phase, failed } = await release("beta", "6.0.1");
    unfollow();
    await visitors.stop();
    assert.deepEqual([phase, failed, visitors.hits.filter(({ ok }) => !ok)], ["Succeeded", [], []]);
    assert.deepEqual(weights, [0, ...stepWeights, 0]);
    const managers = cluster.look.get("httproutes.gateway.networking.k8s.io", "beta", "podinfo")?.metadata
      .managedFields;
    assert.ok(managers?.some(({ apiVersion }) => apiVersion === "gateway.networking.k8s.io/v1beta1"));
  });

  it("v1alpha3: moved to analysis when written, served in both versions, released", async () => {
    await cluster.bootstrap(await oldCanary("old"));
    const path = (version: string) => `/apis/flagger.app/${version}/namespaces/old/canaries/podinfo`;
    for (const version of ["v1beta1", "v1alpha3"]) {
      const { body } = await cluster.transport.request({ method: "GET", path: path(version) });
      const { apiVersion, spec } = body as Canary;
      assert.equal(apiVersion, `flagger.app/${version}`);
      assert.equal(spec.canaryAnalysis, undefined);
      assert.equal(spec.analysis?.metrics?.[0]?.threshold, 99);
    }
    const visitors = cluster.visit("old.example.com");
    const { phase, failed } = await release("old", "3.0.1");
    await visitors.stop();
    assert.deepEqual([phase, failed], ["Succeeded", []]);
  });
});

describe("a Canary of v1alpha3 where no webhook runs", () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startReleaseCluster();
    await cluster.startController();
  });
  after(() => cluster.stop());

  it("keeps its shape and is released all the same", async () => {
    await cluster.bootstrap(await oldCanary("prod"));
    assert.notEqual(cluster.canary("prod").spec.canaryAnalysis, undefined);
    const visitors = cluster.visit("prod.example.com");
    await cluster.setImage("prod", "3.0.1");
    assert.equal((await cluster.untilOver("prod")).status?.phase, "Succeeded");
    await visitors.stop();
    assert.deepEqual(
      visitors.hits.filter(({ ok }) => !ok),
      [],
    );
  });
});

/** The Canary of the old Helm guide, behind our gateway, in a hurry, with visitors in place of its load test. */
async function oldCanary(namespace: string): Promise<Canary> {
  const guides = await readYaml("test/fixtures/guides/others.yaml");
  const canary = guides.find(({ apiVersion }) => apiVersion === "flagger.app/v1alpha3") as RawObject as Canary;
  const { canaryAnalysis } = canary.spec;
  assert.ok(canaryAnalysis);
  const { webhooks: _, ...analysis } = canaryAnalysis;
  const metrics = (analysis.metrics ?? []).map((metric) => ({ ...metric, interval: "3s" }));
  return {
    ...canary,
    metadata: { ...canary.metadata, namespace },
    spec: {
      ...canary.spec,
      service: { ...aRelease(namespace).spec.service, port: 9898 },
      canaryAnalysis: { ...analysis, interval: "1s", stepWeight: 50, metrics },
    },
  };
}
