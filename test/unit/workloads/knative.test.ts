import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { knownKeys, type RawObject, revisionOf } from "../../../api/index.ts";
import { knativeService } from "../../../controller/workloads/knative.ts";
import { workloadKindOf } from "../../../controller/workloads/registry.ts";
import { aCanary } from "../aCanary.ts";

const template = { spec: { containers: [{ image: "shop:2" }] } };

function aService(newest?: string, promoted?: string): RawObject {
  return {
    apiVersion: "serving.knative.dev/v1",
    kind: "Service",
    metadata: {
      name: "shop",
      namespace: "demo",
      ...(promoted === undefined ? {} : { annotations: { [knownKeys.primaryRevision]: promoted } }),
    },
    spec: { template },
    ...(newest === undefined ? {} : { status: { latestCreatedRevisionName: newest } }),
  };
}

function aRevision(...conditions: readonly object[]): RawObject {
  return {
    apiVersion: "serving.knative.dev/v1",
    kind: "Revision",
    metadata: { name: "shop-00002" },
    status: { conditions },
  };
}

describe("a Service of Knative as target", () => {
  const target = { apiVersion: "serving.knative.dev/v1", kind: "Service", name: "shop" } as const;

  it("is not taken for a Service of Kubernetes, nor is one of a version that is unknown", () => {
    assert.equal(workloadKindOf(target), knativeService);
    assert.equal(workloadKindOf({ ...target, apiVersion: "serving.knative.dev/v2" }), undefined);
  });

  it("waits for its first revision", () => {
    const options = { selectorLabels: [] };
    assert.equal(knativeService.obstacle(aService(), options), "Service shop.demo has no revision yet");
    assert.equal(knativeService.obstacle(aService("shop-00001"), options), undefined);
  });

  it("holds two: the newest revision, and the one that is promoted, if one is", () => {
    const both = aService("shop-00002", "shop-00001");
    assert.equal(knativeService.revisionOfTarget(both), revisionOf("shop-00002"));
    assert.equal(knativeService.revisionOfPrimary(both), revisionOf("shop-00001"));
    assert.equal(knativeService.revisionOfPrimary(aService("shop-00002")), undefined);
    assert.equal(
      knativeService.stamp?.(both),
      revisionOf(template),
      "admission sees the template before there is a name",
    );
    assert.deepEqual(
      (["target", "primary"] as const).map((side) => knativeService.teller?.(both, side)?.name),
      ["shop-00002", "shop-00001"],
    );
  });

  it("is promoted by one annotation", () => {
    const options = { selectorLabels: [], includeLabelPrefix: [] };
    assert.deepEqual(knativeService.primary(aCanary().build(), aService("shop-00002", "shop-00001"), options), {
      apiVersion: "serving.knative.dev/v1",
      kind: "Service",
      metadata: { name: "shop", namespace: "demo", annotations: { [knownKeys.primaryRevision]: "shop-00002" } },
    });
  });

  it("is promoted in one write with the share of the primary", () => {
    const options = { selectorLabels: [], includeLabelPrefix: [] };
    const newest = { latestRevision: true, percent: 50 };
    const target = {
      ...aService("shop-00002", "shop-00001"),
      spec: { template, traffic: [newest, { revisionName: "shop-00001", percent: 50 }] },
    };
    assert.deepEqual(knativeService.primary(aCanary().build(), target, options)["spec"], {
      traffic: [newest, { revisionName: "shop-00002", percent: 50 }],
    });
  });

  const now = Date.parse("2026-01-01T00:10:00Z");
  const options = { name: "shop", thresholdPercent: 100, deadlineSeconds: 60, now, mustServe: false };
  const unready = { type: "Ready", status: "False", reason: "ExitCode1", message: "boom" };
  const why = "waiting for rollout to finish: revision shop-00002 is not ready";
  const cases: Record<string, { revision: RawObject; since: number; want: object }> = {
    ready: { revision: aRevision({ type: "Ready", status: "True" }), since: 0, want: { ready: true } },
    young: {
      revision: aRevision(),
      since: 10_000,
      want: { ready: false, why, retriable: true, recheckAt: now + 50_001 },
    },
    broken: {
      revision: aRevision({ type: "Active", status: "True" }, unready),
      since: 60_000,
      want: { ready: false, why: `${why}: ExitCode1: boom`, retriable: true, recheckAt: now + 1 },
    },
    "broken for too long": {
      revision: aRevision(unready),
      since: 60_001,
      want: { ready: false, why: `${why}: ExitCode1: boom`, retriable: false },
    },
  };
  for (const [name, { revision, since, want }] of Object.entries(cases))
    it(`follows its revision's own word: ${name}`, () => {
      assert.deepEqual(knativeService.readiness(revision, { ...options, progressAt: now - since }), want);
      assert.equal(knativeService.available(revision), "why" in want ? 0 : 1);
    });
});
