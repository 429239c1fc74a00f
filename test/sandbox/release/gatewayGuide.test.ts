import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Canary, type RawObject, revisionOf } from "../../../api/index.ts";
import type { Hit, Traffic } from "../../../examples/demo/traffic.ts";
import { type ReleaseCluster, startWeirCluster } from "./cluster.ts";
import { isOfTheMachine, readYaml } from "./manifests.ts";

/** The guide's Canary and templates as they are written there; only their intervals are shorter. */
async function guide(): Promise<{ templates: RawObject[]; canary: Canary }> {
  const [latency, canary] = (await readYaml("test/fixtures/guides/gatewayapi.yaml")) as [RawObject, Canary];
  const errorRate = (await readYaml("examples/gatewayapi/metric-templates.yaml")).find(
    ({ metadata }) => metadata.name === "error-rate",
  ) as RawObject;
  const { analysis } = canary.spec;
  assert.ok(analysis?.metrics);
  const metrics = analysis.metrics.map((metric) => ({ ...metric, interval: "3s" }));
  return {
    templates: [latency, { ...errorRate, metadata: { ...errorRate.metadata, namespace: "flagger-system" } }],
    canary: { ...canary, spec: { ...canary.spec, analysis: { ...analysis, interval: "1s", metrics } } },
  };
}

const namespace = "test";
describe("the Gateway API guide", () => {
  let cluster: ReleaseCluster;
  let insiders: Traffic;
  let visitors: Traffic;
  const failed = (from: number, to = Number.POSITIVE_INFINITY): readonly Hit[] =>
    [insiders, visitors].flatMap(({ hits }) => hits.filter((hit) => !hit.ok && hit.sentAt >= from && hit.sentAt < to));
  const names = (key: string): readonly string[] =>
    cluster.look.list(key, namespace).map(({ metadata }) => metadata.name ?? "");

  before(async () => {
    cluster = await startWeirCluster();
    await cluster.addNamespace(namespace);
    await cluster.addNamespace("flagger-system");
    await cluster.apply(...(await readYaml("examples/gatewayapi/podinfo.yaml")));
    await cluster.until("podinfo serving", () => cluster.deployment(namespace)["status"]?.readyReplicas === 2);
  });
  after(() => cluster.stop());

  it("GW-1: bootstraps without a failed request and makes exactly the objects it lists", async () => {
    const { templates, canary } = await guide();
    insiders = cluster.call("http://podinfo.test:9898/");
    await cluster.apply(...templates, canary);
    await cluster.until("the route", () => cluster.routed(namespace) === 0);
    visitors = cluster.visit("www.example.com");
    await cluster.untilPhase(namespace, "Initialized");
    await cluster.untilTargetIsEmpty(namespace);

    assert.deepEqual(names("deployments.apps"), ["podinfo", "podinfo-primary"]);
    assert.deepEqual(names("horizontalpodautoscalers.autoscaling"), ["podinfo", "podinfo-primary"]);
    assert.deepEqual(names("services"), ["flagger-loadtester", "podinfo", "podinfo-canary", "podinfo-primary"]);
    assert.deepEqual(names("httproutes.gateway.networking.k8s.io"), ["podinfo"]);
    assert.deepEqual(cluster.look.get("services", namespace, "podinfo")?.["spec"].selector, { app: "podinfo-primary" });
    assert.deepEqual(
      cluster.told.of(namespace).filter((message) => !isOfTheMachine(message)),
      ["all the metrics providers are available!", "Initialization done! podinfo.test"],
    );
    const [source, copy] = ["podinfo", "podinfo-primary"].map(
      (name) => cluster.look.get("horizontalpodautoscalers.autoscaling", namespace, name)?.["spec"],
    );
    assert.deepEqual(copy, { ...source, scaleTargetRef: { ...source.scaleTargetRef, name: "podinfo-primary" } });
    assert.deepEqual(failed(0), []);
  });

  it("GW-2: promotes a good image with the known events in the known order, and nobody notices", async () => {
    const before = cluster.told.of(namespace).length;
    await cluster.setImage(namespace, "6.0.1");
    const { status } = await cluster.untilOver(namespace);
    await cluster.untilTold(namespace, "Promotion completed!");
    await cluster.untilTargetIsEmpty(namespace);

    assert.deepEqual(
      cluster.told
        .of(namespace)
        .slice(before)
        .filter((message) => !isOfTheMachine(message)),
      [
        "New revision detected! Scaling up podinfo.test",
        "Starting canary analysis for podinfo.test",
        "Pre-rollout check smoke-test passed",
        ...[10, 20, 30, 40, 50].map((weight) => `Advance podinfo.test canary weight ${weight}`),
        "Copying podinfo.test template spec to podinfo-primary.test",
        "Routing all traffic to primary",
        "Promotion completed! Scaling down podinfo.test",
      ],
    );
    const template = cluster.deployment(namespace)["spec"].template;
    assert.equal(status?.lastPromotedSpec, revisionOf(template));
    assert.equal(status?.lastAppliedSpec, status?.lastPromotedSpec);
    const primary = cluster.deployment(namespace, "podinfo-primary")["spec"];
    assert.equal(primary.template.spec.containers[0].image, "stefanprodan/podinfo:6.0.1");
    assert.equal(primary.replicas, 2);
    assert.deepEqual(names("httproutes.gateway.networking.k8s.io"), ["podinfo"]);
    const promoted = status?.conditions?.find(({ type }) => type === "Promoted");
    assert.equal(promoted?.status, "True");
    assert.deepEqual(failed(0), []);
  });

  it("GW-3: takes a bad image back: only the canary's share fails, and nothing after the rollback", async () => {
    const before = cluster.told.of(namespace).length;
    const started = Date.now();
    await cluster.setImage(namespace, "6.0.2-error");
    await cluster.untilOver(namespace);
    await cluster.until("all traffic on the primary", () => cluster.routed(namespace) === 0);
    const turned = Date.now();
    await cluster.untilTargetIsEmpty(namespace);
    await Promise.all([insiders.stop(), visitors.stop()]);

    const story = cluster.told
      .of(namespace)
      .slice(before)
      .filter((message) => !isOfTheMachine(message));
    assert.ok(story.some((message) => /^Halt podinfo\.test advancement error-rate \d+\.\d\d > 1$/.test(message)));
    assert.deepEqual(story.slice(-2), [
      "Rolling back podinfo.test failed checks threshold reached 5",
      "Canary failed! Scaling down podinfo.test",
    ]);
    const { status } = cluster.canary(namespace);
    assert.equal(status?.failedChecks, 5);
    assert.equal(status?.canaryWeight, 0);
    assert.notEqual(status?.lastAppliedSpec, status?.lastPromotedSpec);
    const harmed = failed(started, turned);
    assert.ok(harmed.length > 0, "the bad version met nobody");
    assert.deepEqual(
      harmed.filter(({ outcome, version }) => outcome !== 500 || version !== undefined),
      [],
    );
    const later = visitors.hits.filter(({ sentAt }) => sentAt >= turned);
    assert.ok(later.length > 20, `${later.length} visitors after the rollback prove little`);
    assert.deepEqual(failed(turned), []);
  });
});
