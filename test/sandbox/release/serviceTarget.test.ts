import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { canaryResource, type RawObject, serviceResource } from "../../../api/index.ts";
import { controllerUser, type ReleaseCluster, startWeirCluster } from "./cluster.ts";
import { aRelease, podinfo } from "./manifests.ts";

/** The team runs both versions by itself, and turns its Service from one to the other: that is what is released. */
describe("a Service as target", { concurrency: true }, () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startWeirCluster();
  });
  after(() => cluster.stop());

  const targetRef = { apiVersion: "v1", kind: "Service", name: "podinfo" } as const;
  const ref = (namespace: string) => ({ resource: serviceResource, namespace, name: "podinfo" });
  const selected = (namespace: string, name: string): unknown =>
    cluster.look.get("services", namespace, name)?.["spec"]?.selector?.version;

  async function version(namespace: string, tag: string): Promise<RawObject> {
    const labels = { app: "podinfo", version: tag };
    const [deployment] = await podinfo(namespace, { selector: { matchLabels: labels } });
    assert.ok(deployment);
    const text = JSON.stringify(deployment).replaceAll("podinfo:6.0.0", `podinfo:${tag}`);
    const copy = JSON.parse(text) as RawObject & { spec: { template: { metadata: { labels: object } } } };
    copy.spec.template.metadata.labels = labels;
    return { ...copy, metadata: { ...copy.metadata, name: `podinfo-${tag}` } };
  }

  function aService(namespace: string, tag: string): RawObject {
    const ports = [{ name: "http", port: 9898, targetPort: 9898 }];
    const metadata = { name: "podinfo", namespace, labels: { team: "a" } };
    return { apiVersion: "v1", kind: "Service", metadata, spec: { selector: { app: "podinfo", version: tag }, ports } };
  }

  async function bootstrap(namespace: string, ...[analysis, spec]: [object?, object?]): Promise<readonly string[]> {
    await cluster.addNamespace(namespace);
    const tags = ["6.0.0", "6.0.1"];
    await cluster.apply(
      ...(await Promise.all(tags.map((tag) => version(namespace, tag)))),
      aService(namespace, "6.0.0"),
    );
    for (const tag of tags)
      await cluster.until(
        `podinfo ${tag} serving`,
        () => cluster.deployment(namespace, `podinfo-${tag}`)["status"]?.readyReplicas > 0,
      );
    const warnings = await cluster.apply(aRelease(namespace, analysis, { targetRef, ...spec }));
    await cluster.untilPhase(namespace, "Initialized");
    return warnings;
  }

  async function turn(namespace: string, tag: string): Promise<readonly string[]> {
    return cluster.apply(aService(namespace, tag));
  }

  it("goes over to what it selects now step by step, and nobody is lost", async () => {
    await bootstrap("turned");
    const visitors = cluster.visit("turned.example.com");
    assert.deepEqual(await turn("turned", "6.0.1"), [
      "Weir: podinfo will be released 25% → 50% by 25 every 1s, about 2s",
    ]);
    await cluster.until("the first share", () => cluster.routed("turned") === 25);
    assert.deepEqual([selected("turned", "podinfo-canary"), selected("turned", "podinfo-primary")], ["6.0.1", "6.0.0"]);
    assert.equal(cluster.canary("turned").status?.release?.user, "admin");
    await cluster.untilTold("turned", "Promotion completed!");
    await cluster.until("the route being back", () => cluster.routed("turned") === 0);
    await cluster.until("a visitor of the new version", () => visitors.hits.at(-1)?.version === "6.0.1");
    await visitors.stop();
    assert.equal(selected("turned", "podinfo-primary"), "6.0.1");
    assert.deepEqual(
      visitors.hits.filter(({ ok }) => !ok),
      [],
    );
    const story = cluster.told.of("turned");
    assert.deepEqual(story.slice(story.indexOf("New revision detected! Scaling up podinfo.turned")), [
      "New revision detected! Scaling up podinfo.turned",
      "Starting canary analysis for podinfo.turned",
      "Advance podinfo.turned canary weight 25",
      "Advance podinfo.turned canary weight 50",
      "Copying podinfo.turned template spec to podinfo-primary.turned",
      "Routing all traffic to primary",
      "Promotion completed! Scaling down podinfo.turned",
    ]);
    const fields = cluster.look.get("services", "turned", "podinfo")?.metadata.managedFields ?? [];
    const writers = fields.map(({ manager }) => manager);
    assert.ok(!writers.some((manager) => manager?.startsWith("weir-")), "the target itself is its user's alone");
    assert.equal(cluster.look.get("services", "turned", "podinfo-canary")?.metadata.labels?.["team"], "a");
  });

  it("is taken back by a check, and the primary selects what it did", async () => {
    const hook = { name: "conformance", url: "http://flagger-loadtester.refused/gate/halt" };
    await bootstrap("refused", { threshold: 2, webhooks: [hook] });
    await turn("refused", "6.0.1");
    await cluster.untilPhase("refused", "Failed");
    await cluster.until("the route being back", () => cluster.routed("refused") === 0);
    assert.equal(selected("refused", "podinfo-primary"), "6.0.0");
  });

  it("fails when it selects nobody, before anybody is sent there", async () => {
    await bootstrap("nobody", {}, { progressDeadlineSeconds: 2 });
    const visitors = cluster.visit("nobody.example.com");
    await turn("nobody", "7.0.0");
    await cluster.untilPhase("nobody", "Failed");
    await visitors.stop();
    await cluster.untilTold("nobody", "Service podinfo-canary.nobody has no ready endpoints");
    assert.deepEqual(
      visitors.hits.filter(({ ok }) => !ok),
      [],
    );
  });

  it("kubernetes: who calls the primary meets what was promoted; its author is told that the Service itself changes at once", async () => {
    const warnings = await bootstrap("blue", { iterations: 2 }, { provider: "kubernetes" });
    const direct = "Weir: Service podinfo itself changes at once: who calls podinfo-primary meets what was promoted";
    assert.ok(warnings.includes(direct));
    const callers = cluster.call("http://podinfo-primary.blue:9898/");
    await turn("blue", "6.0.1");
    await cluster.untilTold("blue", "Advance podinfo.blue canary iteration 2/2");
    const before = callers.hits.length;
    await cluster.untilTold("blue", "Promotion completed!");
    await callers.stop();
    assert.deepEqual([...new Set(callers.hits.slice(0, before).map(({ version: tag }) => tag))], ["6.0.0"]);
    assert.deepEqual(
      callers.hits.filter(({ ok }) => !ok),
      [],
    );
    assert.equal(selected("blue", "podinfo-primary"), "6.0.1");
  });

  it("what is written over its primary copy is refused, and put right when it came by", async () => {
    await bootstrap("copies");
    const primary = { ...ref("copies"), name: "podinfo-primary" };
    const other = { spec: { selector: { app: "podinfo", version: "6.0.1" } } };
    await assert.rejects(
      cluster.api.mergePatch(primary, other),
      /canary podinfo owns this field: change Service podinfo instead/,
    );
    const ports = [
      { name: "http", port: 9898, targetPort: 9898 },
      { name: "other", port: 1, targetPort: 9797 },
    ];
    // Whom admission does not ask.
    const unseen = cluster.sandbox.apiServer.as({ username: controllerUser, groups: [] });
    const spec = { ...other.spec, ports };
    const written = await unseen.patch("services", "copies", "podinfo-primary", "merge", { spec });
    assert.equal(written["spec"]?.ports.length, 2);
    await cluster.until("the copy being as it was", () => {
      const live = cluster.look.get("services", "copies", "podinfo-primary")?.["spec"];
      return live?.selector.version === "6.0.0" && live.ports.length === 1;
    });
  });

  it("is its user's alone again when the Canary is deleted", async () => {
    await bootstrap("gone");
    const visitors = cluster.visit("gone.example.com");
    await cluster.api.delete({ resource: canaryResource, namespace: "gone", name: "podinfo" });
    await cluster.until("the copies being gone", () => cluster.look.list("services", "gone").length === 2);
    await visitors.stop();
    assert.deepEqual(
      visitors.hits.filter(({ ok }) => !ok),
      [],
    );
    assert.equal(selected("gone", "podinfo"), "6.0.0");
  });
});
