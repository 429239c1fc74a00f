import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { canaryResource, fieldsOf, knownKeys, type RawObject, type Resource } from "../../../api/index.ts";
import { type ReleaseCluster, startReleaseCluster } from "./cluster.ts";
import { aRelease, podinfoEverywhere } from "./manifests.ts";

const daemonSets: Resource = { group: "apps", version: "v1", plural: "daemonsets", kind: "DaemonSet" };
const nodes = 3;

/** A DaemonSet is released like a Deployment: held off its nodes at rest, on all of them while it is tried. */
describe("a DaemonSet on three nodes", { concurrency: true }, () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startReleaseCluster({ nodes });
    await Promise.all([cluster.startServer(), cluster.startController()]);
  });
  after(() => cluster.stop());

  const statusOf = (namespace: string, name: string): Record<string, number> =>
    fieldsOf(cluster.look.get("daemonsets.apps", namespace, name)?.["status"]) as Record<string, number>;
  const imageOf = (namespace: string, name: string): unknown =>
    cluster.look.get("daemonsets.apps", namespace, name)?.["spec"]?.template.spec.containers[0].image;
  const podsOf = (namespace: string, name: string): number =>
    cluster.look
      .list("pods", namespace)
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined && metadata.labels?.["app"] === name).length;

  async function bootstrap(namespace: string): Promise<void> {
    await cluster.addNamespace(namespace);
    await cluster.apply(...(await podinfoEverywhere(namespace)));
    await cluster.until("podinfo on every node", () => statusOf(namespace, "podinfo")["numberReady"] === nodes);
    const targetRef = { apiVersion: "apps/v1", kind: "DaemonSet", name: "podinfo" } as const;
    await cluster.apply(aRelease(namespace, {}, { targetRef }));
    await cluster.untilPhase(namespace, "Initialized");
    await untilParked(namespace);
  }

  const untilParked = (namespace: string): Promise<unknown> =>
    cluster.until("the target off its nodes", () => podsOf(namespace, "podinfo") === 0);

  const setImage = (namespace: string, tag: string) => cluster.setImage(namespace, tag, "daemonsets");

  it("goes out step by step and is parked again, and nobody notices", async () => {
    await bootstrap("daemons");
    assert.equal(podsOf("daemons", "podinfo-primary"), nodes);
    const visitors = cluster.visit("daemons.example.com");
    await setImage("daemons", "6.0.1");
    await cluster.untilTold("daemons", "canary weight 25");
    assert.equal(podsOf("daemons", "podinfo"), nodes);
    await cluster.untilTold("daemons", "Promotion completed! Scaling down podinfo.daemons");
    await untilParked("daemons");
    await visitors.stop();
    assert.deepEqual(
      visitors.hits.filter(({ ok }) => !ok),
      [],
    );
    assert.equal(imageOf("daemons", "podinfo-primary"), "stefanprodan/podinfo:6.0.1");
    assert.equal(cluster.canary("daemons").status?.phase, "Succeeded");
    assert.ok(cluster.told.of("daemons").includes("New revision detected! Scaling up podinfo.daemons"));
  });

  it("is taken back when it does not start", async () => {
    await bootstrap("daemons-bad");
    const deadline = { spec: { progressDeadlineSeconds: 2 } };
    await cluster.api.mergePatch({ resource: canaryResource, namespace: "daemons-bad", name: "podinfo" }, deadline);
    const visitors = cluster.visit("daemons-bad.example.com");
    await setImage("daemons-bad", "6.0.2-crash");
    await cluster.untilPhase("daemons-bad", "Failed");
    await untilParked("daemons-bad");
    await visitors.stop();
    assert.deepEqual(
      visitors.hits.filter(({ ok }) => !ok),
      [],
    );
    assert.equal(imageOf("daemons-bad", "podinfo-primary"), "stefanprodan/podinfo:6.0.0");
    await cluster.untilTold(
      "daemons-bad",
      "canary damonset podinfo.daemons-bad not ready with retryable false: exceeded its progressDeadlineSeconds: 2: CrashLoopBackOff: container podinfod exits with code 1 (Error)",
    );
  });

  it("is parked again when somebody lets it onto its nodes, and no release begins", async () => {
    await bootstrap("daemons-loose");
    const before = cluster.told.of("daemons-loose").length;
    const ref = { resource: daemonSets, namespace: "daemons-loose", name: "podinfo" };
    const isParked = (object: RawObject | undefined): boolean =>
      JSON.stringify(object?.["spec"] ?? {}).includes(knownKeys.scaleToZeroNode);
    const loose = await cluster.api.mergePatch(ref, { spec: { template: { spec: { nodeSelector: null } } } });
    assert.equal(isParked(loose), false);
    await cluster.until("the mark being back", () =>
      isParked(cluster.look.get("daemonsets.apps", "daemons-loose", "podinfo") as RawObject | undefined),
    );
    await untilParked("daemons-loose");
    assert.equal(cluster.canary("daemons-loose").status?.phase, "Initialized");
    assert.equal(cluster.told.of("daemons-loose").length, before);
  });

  it("serves from its nodes again when the Canary is deleted", async () => {
    await bootstrap("daemons-gone");
    const callers = cluster.call("http://podinfo.daemons-gone:9898/");
    await cluster.api.delete({ resource: canaryResource, namespace: "daemons-gone", name: "podinfo" });
    await cluster.until("the Canary being gone", () => cluster.canary("daemons-gone").metadata === undefined);
    await cluster.until("the primary being gone", () => podsOf("daemons-gone", "podinfo-primary") === 0);
    await callers.stop();
    assert.equal(statusOf("daemons-gone", "podinfo")["numberReady"], nodes);
    assert.deepEqual(
      callers.hits.filter(({ ok }) => !ok),
      [],
    );
  });
});
