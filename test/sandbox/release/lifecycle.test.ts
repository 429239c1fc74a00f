import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { canaryResource } from "../../../api/index.ts";
import { parseExposition } from "../../../sandbox/metrics/exposition.ts";
import { type Browser, openBrowser } from "./clients.ts";
import { type ReleaseCluster, startReleaseCluster } from "./cluster.ts";
import { aRelease } from "./manifests.ts";
import type { Measured } from "./weir.ts";

/** What a canary goes through in its life, whoever routes its traffic. The numbers are those of the known acceptance scenarios. */
describe("the life of a canary", { concurrency: true }, () => {
  let cluster: ReleaseCluster;
  let controller: Measured;
  before(async () => {
    cluster = await startReleaseCluster();
    [controller] = await Promise.all([cluster.startController(), cluster.startServer()]);
  });
  after(() => cluster.stop());

  const podOf = (namespace: string, name: string) => cluster.deployment(namespace, name)["spec"].template;
  const imageOf = (namespace: string): string =>
    podOf(namespace, "podinfo-primary").spec.containers[0].image.replace("stefanprodan/podinfo:", "");
  const ref = (namespace: string) => ({ resource: canaryResource, namespace, name: "podinfo" });

  describe("a release that fails, and is tried again", { concurrency: false }, () => {
    const name = "again";
    let visitors: Browser;
    const visit = (path: string): Browser => openBrowser(cluster, { host: `${name}.example.com`, path, everyMs: 20 });
    before(async () => {
      const metrics = [{ name: "request-success-rate", thresholdRange: { min: 99 }, interval: "3s" }];
      await cluster.bootstrap(aRelease(name, { threshold: 2, metrics }));
      visitors = visit("/status/500");
    });

    it("NGX-5: requests that fail end it", async () => {
      await cluster.setImage(name, "6.0.1");
      assert.equal((await cluster.untilOver(name)).status?.phase, "Failed");
      await cluster.untilTargetIsEmpty(name);
      const halt = /^Halt podinfo\.again advancement success rate \d+\.\d\d% < 99%$/;
      assert.ok(cluster.told.of(name).some((message) => halt.test(message)));
      assert.equal(imageOf(name), "6.0.0");
    });

    it("NGX-6: the target set back to what the primary runs stays Failed, and starts nothing", async () => {
      const before = { pods: podOf(name, "podinfo-primary"), told: cluster.told.of(name).length };
      const promoted = cluster.canary(name).status?.lastPromotedSpec;
      await cluster.setImage(name, "6.0.0");
      // Once the status names the revision, the controller has dealt with it.
      await cluster.until("it being seen", () => cluster.canary(name).status?.lastAppliedSpec === promoted);
      assert.equal(cluster.canary(name).status?.phase, "Failed");
      assert.equal(cluster.deployment(name)["spec"].replicas, 0);
      assert.deepEqual(podOf(name, "podinfo-primary"), before.pods);
      assert.equal(cluster.told.of(name).length, before.told);
    });

    it("NGX-7: the refused image again is analysed again, and refused again", async () => {
      await cluster.setImage(name, "6.0.1");
      await cluster.untilPhase(name, "Progressing");
      assert.equal((await cluster.untilOver(name)).status?.phase, "Failed");
      await cluster.untilTargetIsEmpty(name);
    });

    it("NGX-8: another annotation of the template starts it once more, and it is promoted now that requests succeed", async () => {
      await visitors.stop();
      visitors = visit("/");
      const resource = { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" };
      const template = { metadata: { annotations: { restarted: "once" } } };
      await cluster.api.mergePatch({ resource, namespace: name, name: "podinfo" }, { spec: { template } });
      assert.equal((await cluster.untilOver(name)).status?.phase, "Succeeded");
      await cluster.untilTargetIsEmpty(name);
      await visitors.stop();
      assert.equal(imageOf(name), "6.0.1");
      assert.equal(podOf(name, "podinfo-primary").metadata.annotations["restarted"], "once");
      assert.deepEqual(
        visitors.replies.filter(({ status }) => status !== 200),
        [],
      );
    });
  });

  describe("without analysis", { concurrency: false }, () => {
    const name = "skipped";
    before(() => cluster.bootstrap(aRelease(name, {}, { skipAnalysis: true })));

    it("IST-7: a good image is promoted at once", async () => {
      const visitors = cluster.visit(`${name}.example.com`);
      await cluster.setImage(name, "6.0.1");
      assert.equal((await cluster.untilOver(name)).status?.phase, "Succeeded");
      await cluster.untilTargetIsEmpty(name);
      await visitors.stop();
      assert.equal(imageOf(name), "6.0.1");
      assert.ok(!cluster.told.of(name).some((message) => /Advance|Starting canary analysis/.test(message)));
      assert.ok(visitors.hits.every(({ ok }) => ok));
    });

    it("IST-8, IST-9: an image that does not exist fails after the progress deadline, and the last good one goes on", async () => {
      await cluster.api.mergePatch(ref(name), { spec: { progressDeadlineSeconds: 2 } });
      const visitors = cluster.visit(`${name}.example.com`);
      await cluster.setImage(name, "1.0.0-not-found");
      assert.equal((await cluster.untilOver(name)).status?.phase, "Failed");
      await cluster.untilTargetIsEmpty(name);
      await visitors.stop();
      assert.equal(imageOf(name), "6.0.1");
      const { replicas, readyReplicas } = cluster.deployment(name, "podinfo-primary")["status"];
      assert.deepEqual([replicas, readyReplicas], [1, 1]);
      assert.deepEqual([...new Set(visitors.hits.map(({ version }) => version))], ["6.0.1"]);
    });
  });

  it("IST-5: revertOnDeletion has the known finalizer, and the target its replicas back when the Canary is gone", async () => {
    const name = "reverted";
    await cluster.bootstrap(aRelease(name, {}, { revertOnDeletion: true }));
    assert.deepEqual(cluster.canary(name).metadata.finalizers, ["finalizer.flagger.app"]);
    const visitors = cluster.visit(`${name}.example.com`);
    await cluster.api.delete(ref(name));
    await cluster.until("the Canary being gone", () => cluster.canary(name).metadata === undefined);
    assert.equal(cluster.deployment(name)["spec"].replicas, 1);
    assert.equal(cluster.deployment(name)["status"].readyReplicas, 1);
    await cluster.until("the primary being gone", () => {
      return cluster.look.get("deployments.apps", name, "podinfo-primary") === undefined;
    });
    await visitors.stop();
    assert.ok(visitors.hits.every(({ ok }) => ok));
  });

  describe("U-10: what Prometheus is told", { concurrency: false }, () => {
    const shares = ["podinfo-primary", "podinfo"] as const;

    /** The series of a namespace, by name and what tells them apart. */
    async function series(namespace: string): Promise<ReadonlyMap<string, number>> {
      const samples = parseExposition(await controller.metrics()).filter(
        ({ labels }) => labels["namespace"] === namespace && labels["__name__"]?.startsWith("flagger_canary_"),
      );
      return new Map(
        samples.map(({ labels: { __name__: family, workload, deployment_strategy, analysis_status }, value }) => [
          [family, workload, deployment_strategy, analysis_status].filter(Boolean).join(" "),
          value,
        ]),
      );
    }

    /** Resolves once these series have these values: they follow the looks of the controller, which nobody can watch. */
    async function untilMeasured(
      namespace: string,
      wanted: Readonly<Record<string, number | undefined>>,
    ): Promise<void> {
      const deadline = Date.now() + 40_000;
      for (;;) {
        const all = await series(namespace);
        const seen = Object.fromEntries(Object.keys(wanted).map((key) => [key, all.get(key)]));
        if (JSON.stringify(seen) === JSON.stringify(wanted)) return;
        if (Date.now() > deadline) assert.deepEqual(seen, wanted);
        await setTimeout(50);
      }
    }

    const standing = (status: number, primary: number, canary: number) => ({
      flagger_canary_status: status,
      ...Object.fromEntries(
        shares.map((workload, place) => [`flagger_canary_weight ${workload}`, [primary, canary][place] ?? 0]),
      ),
    });

    it("1 at rest, 0 while it progresses with weights that sum to 100, 1 and a success when it is promoted", async () => {
      const name = "measured";
      await cluster.bootstrap(aRelease(name, { interval: "1h" }));
      await untilMeasured(name, standing(1, 100, 0));
      assert.equal((await series(name)).get("flagger_canary_total"), 1);
      await cluster.setImage(name, "6.0.1");
      await untilMeasured(name, standing(0, 75, 25));
      await cluster.api.mergePatch(ref(name), { spec: { analysis: { interval: "1s" } } });
      await cluster.untilOver(name);
      await untilMeasured(name, {
        ...standing(1, 100, 0),
        "flagger_canary_successes_total canary completed": 1,
      });
    });

    it("2 and a failure after a rollback, all traffic on the primary", async () => {
      const name = "measured-bad";
      const webhooks = [{ name: "no", url: `http://flagger-loadtester.${name}/gate/halt` }];
      await cluster.bootstrap(aRelease(name, { threshold: 1, webhooks }));
      await cluster.setImage(name, "6.0.1");
      await cluster.untilOver(name);
      await untilMeasured(name, {
        ...standing(2, 100, 0),
        "flagger_canary_failures_total canary completed": 1,
      });
    });

    it("a success that was skipped where nothing is analysed; and nothing any more of a Canary that is gone", async () => {
      const name = "measured-skip";
      await cluster.bootstrap(aRelease(name, {}, { skipAnalysis: true }));
      await cluster.setImage(name, "6.0.1");
      await cluster.untilOver(name);
      await untilMeasured(name, { "flagger_canary_successes_total canary skipped": 1 });
      assert.equal((await series(name)).get("flagger_canary_successes_total canary completed"), undefined);
      await cluster.api.delete(ref(name));
      await untilMeasured(name, { flagger_canary_status: undefined, flagger_canary_total: undefined });
    });
  });
});
