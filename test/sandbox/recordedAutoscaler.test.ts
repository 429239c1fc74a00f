/**
 * Replays what a real controller manager was recorded doing with autoscalers where there is no metrics API
 * (test/fixtures/kube/objects/hpa-without-metrics.json, condensed from the recording of v1.36). A real autoscaler looks every
 * 15 seconds, so the recording shows it in the middle of bringing a target back; here it looks again at once, and every
 * recorded status must have been seen on the way.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import type { KubeObject } from "../../sandbox/apiserver/types.ts";
import type { Condition } from "../../sandbox/controllers/kinds.ts";
import { aDeployment, startWorkloadCluster, type WorkloadCluster } from "./workloadCluster.ts";

type Status = Record<string, unknown>;

interface Step {
  readonly note: string;
  readonly scale?: number;
  /** Of the Deployments, by name. */
  readonly replicas: Readonly<Record<string, number>>;
  /** Of the autoscalers, by name, without times. */
  readonly statuses: Readonly<Record<string, Status>>;
}

interface Told {
  readonly about: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

const file = new URL("../fixtures/kube/objects/hpa-without-metrics.json", import.meta.url);
const recorded: { why: string; steps: readonly Step[]; events: readonly Told[] } = JSON.parse(
  readFileSync(file, "utf8"),
);
const KEY = "horizontalpodautoscalers.autoscaling";
/** Who scales what. The target of `lost` is never made. */
const TARGETS: Readonly<Record<string, string>> = {
  podinfo: "podinfo",
  lost: "nope",
  second: "second",
  "second-too": "second",
};

describe(`recorded: ${recorded.why}`, () => {
  let cluster: WorkloadCluster;
  before(async () => {
    cluster = await startWorkloadCluster();
    await cluster.addNode("node-a");
  });
  after(async () => {
    await cluster.stop();
    assert.deepEqual(cluster.complaints, []);
  });

  for (const step of recorded.steps) {
    it(step.note, async () => {
      const { api } = cluster;
      const seen = new Map<string, string[]>();
      const look = (): void => {
        for (const each of api.list(KEY, "test")) note(seen, each);
      };
      await prepare(cluster, step, look);
      if (step.scale !== undefined) {
        await api.patch("deployments.apps", "test", "podinfo", "merge", { spec: { replicas: step.scale } }, "scale");
      }
      const wanted = Object.entries(step.statuses).map(
        ([name, status]) => [name, JSON.stringify(canonical(status))] as const,
      );
      try {
        await cluster.until(() => {
          look();
          const sized = Object.entries(step.replicas).every(
            ([name, count]) => api.get("deployments.apps", "test", name)?.["spec"].replicas === count,
          );
          return sized && wanted.every(([name, status]) => seen.get(name)?.includes(status));
        }, step.note);
      } catch {
        assert.deepEqual(Object.fromEntries(seen), Object.fromEntries(wanted));
      }
    });
  }

  it("tells of it in the recorded events", async () => {
    const wanted = recorded.events.map(line).sort();
    let told: string[] = [];
    try {
      await cluster.until(() => {
        const events = cluster.api
          .list("events", "test")
          .filter((each) => each["source"]?.component === "horizontal-pod-autoscaler");
        told = events.map((each) => line({ ...each, about: each["involvedObject"].name } as unknown as Told));
        return wanted.every((each) => told.includes(each));
      }, "the events");
    } catch {
      assert.deepEqual(told.sort(), wanted);
    }
  });
});

/** Makes what the step has and the one before had not. */
async function prepare({ api, until }: WorkloadCluster, step: Step, look: () => void): Promise<void> {
  for (const [name, count] of Object.entries(step.replicas)) {
    if (api.get("deployments.apps", "test", name) === undefined) {
      await api.create("deployments.apps", aDeployment(name, "podinfo:6.0.0", count));
    }
  }
  for (const name of Object.keys(step.statuses)) {
    if (api.get(KEY, "test", name) !== undefined) continue;
    const target = { type: "Utilization", averageUtilization: 80 };
    await api.create(KEY, {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name, namespace: "test" },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: TARGETS[name] },
        minReplicas: 2,
        maxReplicas: 4,
        metrics: [{ type: "Resource", resource: { name: "cpu", target } }],
      },
    });
    // One after the other, as recorded: the first of two for one target has looked before the second is there.
    await until(() => {
      look();
      return api.get(KEY, "test", name)?.["status"]?.conditions?.length > 0;
    }, `a look of ${name}`);
  }
}

function note(seen: Map<string, string[]>, { metadata: { name = "" }, ...object }: KubeObject): void {
  const status = object["status"] as Status | undefined;
  if (status === undefined) return;
  seen.set(name, [...(seen.get(name) ?? []), JSON.stringify(canonical(status))]);
}

/** Without times, the fields in one order. */
function canonical({ lastScaleTime: _, conditions, ...status }: Status): Status {
  const told = ((conditions ?? []) as Condition[]).map(({ type, status: holds, reason, message }) => [
    type,
    holds,
    reason,
    message,
  ]);
  return { ...Object.fromEntries(Object.entries(status).sort()), conditions: told };
}

function line({ about, type, reason, message }: Told): string {
  return `${about} ${type} ${reason} ${message}`;
}
