import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { canaryResource, fieldsOf, type RawObject } from "../../../api/index.ts";
import { type ReleaseCluster, startWeirCluster } from "./cluster.ts";
import {
  aKnativeRelease,
  aKnativeService,
  type Knative,
  knativeServices,
  playKnative,
  playMetrics,
  sayReady,
} from "./knative.ts";

const key = "flagger.app/primary-revision";

/** Knative itself is played, with its official definitions; so is Prometheus, which says what its proxies measured of a revision. */
describe("a Service of Knative", { concurrency: true }, () => {
  let cluster: ReleaseCluster;
  let knative: Knative;
  let metrics: Awaited<ReturnType<typeof playMetrics>>;
  before(async () => {
    cluster = await startWeirCluster();
    knative = await playKnative(cluster);
    // In namespaces called slow, revisions after the first take as long as /delay/1.
    metrics = await playMetrics(cluster, (query) =>
      query.includes("_time_bucket") ? (/slow\/podinfo-0000[2-9]/.test(query) ? 1_000 : 20) : 100,
    );
  });
  after(() => cluster.stop());

  const checks = [
    { name: "request-success-rate", interval: "1m", thresholdRange: { min: 99 } },
    { name: "request-duration", interval: "1m", thresholdRange: { max: 500 } },
  ];
  const promoted = (namespace: string) => knative.service(namespace)?.metadata.annotations?.[key];
  const ref = (namespace: string) => ({ resource: knativeServices, namespace, name: "podinfo" });

  async function bootstrap(namespace: string, spec: Parameters<typeof aKnativeRelease>[2] = {}): Promise<void> {
    await cluster.addNamespace(namespace);
    await cluster.apply(aKnativeService(namespace));
    await cluster.until("the first revision", () => knative.shares(namespace)["podinfo-00001"] === 100);
    await cluster.apply(
      aKnativeRelease(namespace, { metrics: checks, threshold: 2 }, { metricsServer: metrics.url, ...spec }),
    );
    await cluster.untilPhase(namespace, "Initialized");
  }

  /** What users do: another image, and nothing about traffic. Answers with the warnings. */
  async function setImage(namespace: string, tag: string): Promise<readonly string[]> {
    const warnings: string[] = [];
    const { spec } = aKnativeService(namespace, tag);
    await cluster.api.mergePatch(ref(namespace), { spec }, { onWarning: (text) => warnings.push(text) });
    return warnings;
  }

  /** Shares of the two revisions, each time they change. */
  function follow(namespace: string) {
    const seen: string[] = [];
    const stop = cluster.look.watch("services.serving.knative.dev", ({ object }) => {
      if (object.metadata.namespace !== namespace) return;
      const { "podinfo-00001": first = 0, "podinfo-00002": second = 0 } = knative.shares(namespace);
      const shares = `${first}/${second}`;
      if (shares !== seen.at(-1)) seen.push(shares);
    });
    return { seen, stop };
  }

  it("KNA-1, KNA-2: begins with its first revision as primary, and promotes the next one step by step", async () => {
    await bootstrap("kna");
    assert.equal(promoted("kna"), "podinfo-00001");
    assert.deepEqual(knative.shares("kna"), { "podinfo-00001": 100 });
    const followed = follow("kna");
    const warnings = await setImage("kna", "6.0.1");
    assert.deepEqual(warnings, ["Weir: podinfo will be released 25% → 50% by 25 every 1s, about 2s"]);
    await cluster.untilPhase("kna", "Succeeded");
    await cluster.until("everybody on the new revision", () => knative.shares("kna")["podinfo-00002"] === 100);
    await cluster.untilTold("kna", "Promotion completed!");
    followed.stop();
    assert.equal(promoted("kna"), "podinfo-00002");
    assert.deepEqual(followed.seen, ["100/0", "75/25", "50/50", "0/100"]);
    assert.ok(metrics.queries.some((query) => query.includes('envoy_cluster_name=~"kna/podinfo-00002"')));
    const story = cluster.told.of("kna");
    const from = story.indexOf("New revision detected! Scaling up podinfo.kna");
    assert.deepEqual(story.slice(from), [
      "New revision detected! Scaling up podinfo.kna",
      "Starting canary analysis for podinfo.kna",
      "Advance podinfo.kna canary weight 25",
      "Advance podinfo.kna canary weight 50",
      "Copying podinfo.kna template spec to podinfo-primary.kna",
      "Routing all traffic to primary",
      "Promotion completed! Scaling down podinfo.kna",
    ]);
    assert.deepEqual(
      cluster.look.list("services", "kna").map(({ metadata }) => metadata.name),
      ["flagger-loadtester"],
    );
  });

  it("KNA-3: takes back a revision that is slow", async () => {
    await bootstrap("slow");
    await setImage("slow", "6.0.2");
    const { status } = await cluster.untilPhase("slow", "Failed");
    await cluster.until("everybody back", () => knative.shares("slow")["podinfo-00001"] === 100);
    assert.deepEqual(knative.shares("slow"), { "podinfo-00001": 100, "podinfo-00002": 0 });
    assert.equal(promoted("slow"), "podinfo-00001");
    assert.equal(status?.conditions?.find(({ type }) => type === "Promoted")?.status, "False");
    await cluster.untilTold("slow", "Rolling back podinfo.slow failed checks threshold reached 2");
    const halt = "Halt podinfo.slow advancement request duration 1s > 500ms";
    assert.equal(cluster.told.of("slow").filter((text) => text === halt).length, 2);
  });

  it("takes back a revision that never becomes ready, in Knative's own words", async () => {
    await bootstrap("crash", { progressDeadlineSeconds: 2 });
    await setImage("crash", "6.0.3-crash");
    await cluster.untilPhase("crash", "Failed");
    assert.deepEqual(knative.shares("crash"), { "podinfo-00001": 100 });
    const why = "revision podinfo-00002 is not ready: ExitCode1: Container failed with: boom";
    await cluster.untilTold("crash", `canary service podinfo.crash not ready: waiting for rollout to finish: ${why}`);
    // A fix goes its way.
    await setImage("crash", "6.0.4");
    await cluster.untilPhase("crash", "Succeeded");
    assert.equal(promoted("crash"), "podinfo-00003");
  });

  it("goes on the moment its revision is ready, whatever the Service says", async () => {
    await bootstrap("late");
    await setImage("late", "6.0.1-late");
    await cluster.untilTold("late", "not ready: waiting for rollout to finish: revision podinfo-00002 is not ready");
    await sayReady(cluster, "late", "podinfo-00002", true);
    await cluster.untilTold("late", "Advance podinfo.late canary weight 25");
    await cluster.untilPhase("late", "Succeeded");
  });

  it("keeps traffic and primary when somebody writes them, and who wrote a change is known", async () => {
    await bootstrap("kept");
    const told: string[] = [];
    const traffic = [{ latestRevision: true, percent: 100 }];
    const written = await cluster.api.mergePatch(
      ref("kept"),
      { metadata: { annotations: { [key]: "podinfo-00009" } }, spec: { traffic } },
      { onWarning: (text) => told.push(text) },
    );
    assert.deepEqual(told, [
      "Weir: Service podinfo keeps flagger.app/primary-revision, spec.traffic: canary podinfo routes by it",
    ]);
    assert.equal(written.metadata.annotations?.[key], "podinfo-00001");
    assert.deepEqual(fieldsOf(written["spec"])["traffic"], [
      { latestRevision: true, percent: 0 },
      { revisionName: "podinfo-00001", percent: 100 },
    ]);
    await setImage("kept", "6.0.1");
    const { status } = await cluster.untilPhase("kept", "Progressing");
    assert.equal(status?.release?.user, "admin");
  });

  it("serves the promoted revision when the Canary is deleted, and bears no mark of it", async () => {
    await bootstrap("gone");
    await setImage("gone", "6.0.1");
    await cluster.untilPhase("gone", "Succeeded");
    await cluster.api.delete({ resource: canaryResource, namespace: "gone", name: "podinfo" });
    await cluster.until("the Canary being gone", () => cluster.canary("gone").metadata === undefined);
    await cluster.until("the mark being gone", () => promoted("gone") === undefined);
    const before = JSON.stringify([{ latestRevision: true, percent: 100 }]);
    const isBack = () => JSON.stringify(knative.service("gone")?.["spec"]?.traffic) === before;
    await cluster.until("everybody going to the newest revision, as before", isBack);
    assert.deepEqual(knative.shares("gone"), { "podinfo-00002": 100 });
  });

  it("goes on with the promoted revision when the Canary is deleted in mid-release", async () => {
    await bootstrap("left", { analysis: { interval: "1h", threshold: 2, stepWeight: 25, maxWeight: 50 } });
    await setImage("left", "6.0.1");
    await cluster.until("the first share", () => knative.shares("left")["podinfo-00002"] === 25);
    await cluster.api.delete({ resource: canaryResource, namespace: "left", name: "podinfo" });
    await cluster.until("the mark being gone", () => promoted("left") === undefined);
    assert.deepEqual(knative.service("left")?.["spec"]?.traffic, [
      { latestRevision: true, percent: 0 },
      { revisionName: "podinfo-00001", percent: 100 },
    ]);
  });

  it("begins again with a further revision, which gets no share of the one before", async () => {
    await bootstrap("further", { analysis: { interval: "1h", threshold: 2, stepWeight: 25, maxWeight: 50 } });
    await setImage("further", "6.0.1");
    await cluster.until("the first share", () => knative.shares("further")["podinfo-00002"] === 25);
    await setImage("further", "6.0.2-crash");
    await cluster.untilTold("further", "New revision detected! Restarting analysis for podinfo.further");
    await cluster.until("everybody back", () => knative.shares("further")["podinfo-00001"] === 100);
    assert.equal(promoted("further"), "podinfo-00001");
  });

  it("is told apart from the Service of Kubernetes that Knative makes by its name", async () => {
    await bootstrap("both");
    const service = (externalName: string): RawObject => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "podinfo", namespace: "both" },
      spec: { type: "ExternalName", externalName, ports: [{ name: "http", port: 80 }] },
    });
    assert.deepEqual(await cluster.apply(service("a.example"), service("b.example")), []);
    const live = cluster.look.get("services", "both", "podinfo");
    assert.deepEqual(Object.keys(live?.metadata.annotations ?? {}), []);
    const path = "/apis/serving.knative.dev/v1/namespaces/both/services/podinfo";
    const { warnings } = await cluster.transport.request({ method: "DELETE", path });
    assert.deepEqual(warnings, [
      "Weir: Canary podinfo releases this Service: nothing serves in its place; delete the Canary too",
    ]);
  });
});
