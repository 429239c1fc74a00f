import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Readiness } from "../../../api/index.ts";
import { deploymentReadiness } from "../../../controller/workloads/readiness.ts";
import { aDeployment } from "./aDeployment.ts";

const now = Date.parse("2026-01-01T00:10:00Z");
const options = {
  name: "shop",
  thresholdPercent: 100,
  deadlineSeconds: 60,
  now,
  mustServe: false,
  progressAt: undefined,
};
const counts = (updated: number, total: number, available: number) => ({
  observedGeneration: 2,
  updatedReplicas: updated,
  replicas: total,
  availableReplicas: available,
});
const unavailable = (lastUpdateTime: string) => [
  { type: "Progressing", status: "True", reason: "ReplicaSetUpdated" },
  { type: "Available", status: "False", reason: "MinimumReplicasUnavailable", lastUpdateTime },
];
const waiting = (why: string, more: object = {}) => ({
  ready: false,
  why: `waiting for rollout to finish: ${why}`,
  retriable: true,
  ...more,
});

interface Case {
  status: Record<string, unknown>;
  spec?: Record<string, unknown>;
  options?: Partial<typeof options>;
  want: object;
}

const cases: Record<string, Case> = {
  "all pods are there": { status: counts(2, 2, 2), want: { ready: true } },
  "the controller has not seen the change": {
    status: { ...counts(2, 2, 2), observedGeneration: 1 },
    want: waiting("observed deployment generation less than desired generation", { settling: true }),
  },
  "there is no status yet": {
    status: {},
    want: waiting("observed deployment generation less than desired generation", { settling: true }),
  },
  "the Deployment gave up": {
    status: {
      ...counts(1, 2, 1),
      conditions: [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" }],
    },
    want: { ready: false, why: 'deployment "shop" exceeded its progress deadline', retriable: false },
  },
  "new pods are missing": { status: counts(1, 1, 1), want: waiting("1 out of 2 new replicas have been updated") },
  "old pods are still there": { status: counts(2, 3, 2), want: waiting("1 old replicas are pending termination") },
  "pods are not available": {
    status: counts(2, 2, 1),
    want: waiting("1 of 2 (readyThreshold 100%) updated replicas are available"),
  },
  "half is enough": { status: counts(2, 2, 1), options: { thresholdPercent: 50 }, want: { ready: true } },
  "the share is cut to whole pods": {
    status: counts(3, 3, 1),
    spec: { replicas: 3 },
    options: { thresholdPercent: 50 },
    want: { ready: true },
  },
  "the deadline still runs": {
    status: { ...counts(2, 2, 0), conditions: unavailable("2026-01-01T00:09:30Z") },
    want: waiting("0 of 2 (readyThreshold 100%) updated replicas are available", { recheckAt: now + 30_001 }),
  },
  "the deadline is just reached": {
    status: { ...counts(2, 2, 0), conditions: unavailable("2026-01-01T00:09:00Z") },
    want: waiting("0 of 2 (readyThreshold 100%) updated replicas are available", { recheckAt: now + 1 }),
  },
  "the deadline is past": {
    status: { ...counts(2, 2, 0), conditions: unavailable("2026-01-01T00:08:59Z") },
    want: waiting("0 of 2 (readyThreshold 100%) updated replicas are available", { retriable: false }),
  },
  "a deadline without a time never passes": {
    status: { ...counts(2, 2, 0), conditions: unavailable("soon") },
    want: waiting("0 of 2 (readyThreshold 100%) updated replicas are available"),
  },
  "a target at rest": { status: { observedGeneration: 2 }, spec: { replicas: 0 }, want: { ready: true } },
  "a primary at zero": {
    status: { observedGeneration: 2 },
    spec: { replicas: 0 },
    options: { mustServe: true },
    want: waiting("it is scaled to zero"),
  },
};

describe("whether a Deployment has rolled out", () => {
  for (const [name, { status, spec, options: more, want }] of Object.entries(cases)) {
    it(name, () => {
      const deployment = aDeployment({ status, ...(spec === undefined ? {} : { spec }) });
      const seen: Readiness = deploymentReadiness(deployment, { ...options, ...more });
      assert.deepEqual(seen, want);
    });
  }

  it("looking again when told finds the deadline past", () => {
    const status = { ...counts(2, 2, 0), conditions: unavailable("2026-01-01T00:09:30Z") };
    const first = deploymentReadiness(aDeployment({ status }), options);
    assert.ok(!first.ready && first.recheckAt !== undefined);
    const second = deploymentReadiness(aDeployment({ status }), { ...options, now: first.recheckAt });
    assert.equal(!second.ready && second.retriable, false);
  });
});
