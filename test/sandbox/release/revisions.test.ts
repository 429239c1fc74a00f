import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { revisionOf } from "../../../api/index.ts";
import { type ReleaseCluster, startWeirCluster } from "./cluster.ts";
import { aRelease } from "./manifests.ts";

/** Revisions that change or break while they are released; somebody visits all the time and must not notice. */
describe("a revision in the middle of a release", { concurrency: true }, () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startWeirCluster();
  });
  after(() => cluster.stop());

  /** Bootstraps, sends visitors, runs the story until the target is empty, and expects that nobody saw an error. */
  async function underTraffic(
    namespace: string,
    more: Parameters<typeof aRelease>[2],
    story: () => Promise<unknown>,
  ): Promise<readonly string[]> {
    await cluster.bootstrap(aRelease(namespace, {}, more));
    const before = cluster.told.of(namespace).length;
    const visitors = cluster.visit(`${namespace}.example.com`);
    const insiders = cluster.call(`http://podinfo.${namespace}:9898/`);
    await story();
    await cluster.untilTargetIsEmpty(namespace);
    await Promise.all([visitors.stop(), insiders.stop()]);
    assert.deepEqual(
      [visitors, insiders].flatMap(({ hits }) => hits.filter(({ ok }) => !ok)),
      [],
    );
    return cluster.told.of(namespace).slice(before);
  }

  const primaryImage = (namespace: string): string =>
    cluster.deployment(namespace, "podinfo-primary")["spec"].template.spec.containers[0].image;

  it("is replaced by the next one: the analysis starts again, and only the last is promoted", async () => {
    const story = await underTraffic("restart", {}, async () => {
      await cluster.setImage("restart", "6.0.1");
      await cluster.untilTold("restart", "canary weight 25");
      const [warning] = await cluster.setImage("restart", "6.0.2");
      assert.match(warning ?? "", /^Weir: analysis of podinfo restarts: 25% → 50% by 25/);
      assert.equal((await cluster.untilOver("restart")).status?.phase, "Succeeded");
      await cluster.untilTold("restart", "Promotion completed!");
    });
    assert.deepEqual(
      story.filter((message) => /revision|Advance|completed/.test(message)),
      [
        "New revision detected! Scaling up podinfo.restart",
        "Advance podinfo.restart canary weight 25",
        "New revision detected! Restarting analysis for podinfo.restart",
        "Advance podinfo.restart canary weight 25",
        "Advance podinfo.restart canary weight 50",
        "Promotion completed! Scaling down podinfo.restart",
      ],
    );
    assert.equal(primaryImage("restart"), "stefanprodan/podinfo:6.0.2");
    assert.equal(cluster.routed("restart"), 0);
  });

  it("is taken back by its author: the release ends, nothing is promoted", async () => {
    const story = await underTraffic("revert", {}, async () => {
      await cluster.setImage("revert", "6.0.1");
      await cluster.untilTold("revert", "canary weight 25");
      const [warning] = await cluster.setImage("revert", "6.0.0");
      assert.match(warning ?? "", /goes back to the promoted revision: the running release ends/);
      await cluster.untilOver("revert");
      await cluster.untilTold("revert", "Revision reverted!");
    });
    assert.equal(story.at(-1), "Revision reverted! Scaling down podinfo.revert");
    assert.ok(!story.some((message) => message.startsWith("Copying")));
    const { status } = cluster.canary("revert");
    assert.equal(status?.phase, "Succeeded");
    assert.equal(status?.lastPromotedSpec, revisionOf(cluster.deployment("revert")["spec"].template));
    assert.equal(primaryImage("revert"), "stefanprodan/podinfo:6.0.0");
    assert.equal(cluster.routed("revert"), 0);
  });

  for (const [what, namespace, tag] of [
    ["is never ready", "unready", "6.0.1-fail-readiness"],
    ["crashes", "crash", "6.0.1-crash"],
  ] as const) {
    it(`${what}: after the progress deadline it fails, with the reason, and meets nobody`, async () => {
      const story = await underTraffic(namespace, { progressDeadlineSeconds: 3 }, async () => {
        await cluster.setImage(namespace, tag);
        assert.equal((await cluster.untilOver(namespace)).status?.phase, "Failed");
        await cluster.untilTold(namespace, "Canary failed!");
      });
      const why = /^canary deployment podinfo\.\w+ not ready: waiting for rollout to finish: 0 of 1 /;
      assert.ok(
        story.some((message) => why.test(message)),
        story.join("\n"),
      );
      assert.equal(story.at(-1), `Canary failed! Scaling down podinfo.${namespace}`);
      const promoted = cluster.canary(namespace).status?.conditions?.find(({ type }) => type === "Promoted");
      assert.equal(promoted?.status, "False");
      assert.match(promoted?.message ?? "", /scaled to zero: waiting for rollout to finish: 0 of 1 /);
      assert.ok(!story.some((message) => message.startsWith("Advance")));
      assert.equal(primaryImage(namespace), "stefanprodan/podinfo:6.0.0");
    });
  }

  it("is released again after a failure, once it is fixed", async () => {
    await underTraffic("fixed", { progressDeadlineSeconds: 2 }, async () => {
      await cluster.setImage("fixed", "6.0.1-fail-readiness");
      assert.equal((await cluster.untilOver("fixed")).status?.phase, "Failed");
      await cluster.untilTargetIsEmpty("fixed");
      await cluster.setImage("fixed", "6.0.2");
      assert.equal((await cluster.untilOver("fixed")).status?.phase, "Succeeded");
    });
    assert.equal(primaryImage("fixed"), "stefanprodan/podinfo:6.0.2");
  });
});
