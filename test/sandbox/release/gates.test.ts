import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { CanaryHook } from "../../../api/index.ts";
import { type ReleaseCluster, startWeirCluster } from "./cluster.ts";
import { aRelease, isOfTheMachine } from "./manifests.ts";

describe("gates and hooks, asked of the load tester", { concurrency: true }, () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startWeirCluster();
  });
  after(() => cluster.stop());

  const hook = (namespace: string, type: NonNullable<CanaryHook["type"]>, path: string): CanaryHook => ({
    name: `${type}-hook`,
    type,
    url: `http://flagger-loadtester.${namespace}${path}`,
  });

  /** Turns a switch of the load tester, as people do with curl from a pod. Answers with the time. */
  async function turn(namespace: string, path: string): Promise<number> {
    const proxied = await cluster.post(`http://flagger-loadtester.${namespace}${path}`, { name: "podinfo", namespace });
    assert.equal(proxied, 202);
    return Date.now();
  }

  const story = (namespace: string, since = "New revision detected!"): readonly string[] => {
    const told = cluster.told.of(namespace).filter((message) => !isOfTheMachine(message));
    return told.slice(told.findLastIndex((message) => message.startsWith(since)));
  };

  /** Generous: an open gate is asked about every second, and the machine may be busy. */
  const soonMs = 60_000;

  it("hold a release before it begins, before each share and before the promotion; opened, it goes on within an interval", async () => {
    const namespace = "held";
    const types = ["confirm-rollout", "confirm-traffic-increase", "confirm-promotion"] as const;
    const webhooks = [
      ...types.map((type) => hook(namespace, type, "/gate/check")),
      hook(namespace, "pre-rollout", "/gate/approve"),
      hook(namespace, "rollout", "/gate/approve"),
      hook(namespace, "post-rollout", "/gate/approve"),
    ];
    // An interval that nobody would wait for: what goes on sooner goes on because the gate opened.
    await cluster.bootstrap(aRelease(namespace, { interval: "5m", webhooks, stepWeight: 50 }));
    await cluster.setImage(namespace, "6.0.1");
    await cluster.untilPhase(namespace, "Waiting");
    assert.equal(cluster.deployment(namespace)["spec"].replicas, 0, "nothing is started before the gate");
    const opened = await turn(namespace, "/gate/open");
    await cluster.untilPhase(namespace, "Progressing");
    assert.ok(Date.now() - opened < soonMs);
    await turn(namespace, "/gate/close");
    await cluster.untilTold(namespace, "waiting for traffic increase");
    assert.equal(cluster.routed(namespace), 0, "nobody is sent before the gate");
    await turn(namespace, "/gate/open");
    await cluster.until("the share", () => cluster.routed(namespace) === 50, soonMs);
  });

  it("a closed promotion gate keeps the split, checks go on; opened, it promotes", async () => {
    const namespace = "standing";
    const webhooks = [
      hook(namespace, "confirm-promotion", "/gate/check"),
      hook(namespace, "post-rollout", "/gate/approve"),
    ];
    await cluster.bootstrap(aRelease(namespace, { webhooks }));
    await cluster.setImage(namespace, "6.0.1");
    const { status } = await cluster.untilPhase(namespace, "WaitingPromotion");
    assert.equal(status?.canaryWeight, 50);
    assert.equal(cluster.routed(namespace), 50);
    await turn(namespace, "/gate/open");
    await cluster.untilTold(namespace, "Promotion completed!");
    assert.deepEqual(story(namespace), [
      "New revision detected! Scaling up podinfo.standing",
      "Starting canary analysis for podinfo.standing",
      "Advance podinfo.standing canary weight 25",
      "Advance podinfo.standing canary weight 50",
      "Halt podinfo.standing advancement waiting for promotion approval confirm-promotion-hook",
      "Confirm-promotion check confirm-promotion-hook passed",
      "Copying podinfo.standing template spec to podinfo-primary.standing",
      "Routing all traffic to primary",
      "Post-rollout check post-rollout-hook passed",
      "Promotion completed! Scaling down podinfo.standing",
    ]);
  });

  const standing: Record<string, { webhooks: readonly CanaryHook[]; tag: string; phase: string; share: number }> = {
    "before it begins": {
      webhooks: [hook("early", "confirm-rollout", "/gate/halt")],
      tag: "6.0.1",
      phase: "Waiting",
      share: 0,
    },
    "before its pods are ready": { webhooks: [], tag: "6.0.1-fail-readiness", phase: "Progressing", share: 0 },
    "before its promotion": {
      webhooks: [hook("late", "confirm-promotion", "/gate/halt")],
      tag: "6.0.1",
      phase: "WaitingPromotion",
      share: 50,
    },
  };
  for (const [name, { webhooks, tag, phase, share }] of Object.entries(standing))
    it(`a rollback hook takes a release back ${name}`, async () => {
      const namespace = { Waiting: "early", Progressing: "unready", WaitingPromotion: "late" }[phase] ?? "";
      const hooks = [...webhooks, hook(namespace, "rollback", "/rollback/check")];
      await cluster.bootstrap(aRelease(namespace, { interval: "2s", webhooks: hooks }));
      const visitors = cluster.visit(`${namespace}.example.com`);
      const old = cluster.canary(namespace).status?.lastPromotedSpec;
      await cluster.setImage(namespace, tag);
      await cluster.untilPhase(namespace, phase);
      if (share > 0) await cluster.until("the share", () => cluster.routed(namespace) === share);
      await turn(namespace, "/rollback/open");
      const { status } = await cluster.untilPhase(namespace, "Failed");
      await cluster.untilTold(namespace, "Canary failed!");
      await cluster.until("all traffic on the primary", () => cluster.routed(namespace) === 0);
      await cluster.untilTargetIsEmpty(namespace);
      await visitors.stop();
      assert.deepEqual(story(namespace, "Rollback check"), [
        "Rollback check rollback-hook passed",
        `Rolling back podinfo.${namespace} manual webhook invoked`,
        `Canary failed! Scaling down podinfo.${namespace}`,
      ]);
      assert.equal(status?.lastPromotedSpec, old);
      assert.notEqual(status?.lastAppliedSpec, old, "what was called off does not come again by itself");
      assert.ok(visitors.hits.every(({ ok }) => ok));
    });

  it("a rollback hook takes a release back between two steps", async () => {
    const namespace = "midway";
    const webhooks = [hook(namespace, "rollback", "/rollback/check")];
    await cluster.bootstrap(aRelease(namespace, { webhooks, stepWeight: 1 }));
    await cluster.setImage(namespace, "6.0.1");
    await cluster.until("some share", () => (cluster.routed(namespace) ?? 0) >= 2);
    await turn(namespace, "/rollback/open");
    const { status } = await cluster.untilPhase(namespace, "Failed");
    assert.equal(status?.canaryWeight, 0);
    await cluster.until("all traffic on the primary", () => cluster.routed(namespace) === 0);
  });

  it("a pre-rollout hook that refuses counts as a failed check, and nobody is sent to the canary", async () => {
    const namespace = "smoked";
    await cluster.bootstrap(
      aRelease(namespace, { threshold: 2, webhooks: [hook(namespace, "pre-rollout", "/gate/halt")] }),
    );
    const visitors = cluster.visit(`${namespace}.example.com`);
    await cluster.setImage(namespace, "6.0.1");
    await cluster.untilPhase(namespace, "Failed");
    await cluster.untilTold(namespace, "Canary failed!");
    await visitors.stop();
    assert.deepEqual(
      story(namespace).filter((text) => text.includes("pre-rollout")),
      Array(2).fill("Halt podinfo.smoked advancement pre-rollout check pre-rollout-hook failed Forbidden"),
    );
    assert.deepEqual([...new Set(visitors.hits.map(({ version }) => version))], ["6.0.0"]);
  });
});
