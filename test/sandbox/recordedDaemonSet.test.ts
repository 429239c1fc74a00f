/**
 * Replays what a real controller manager was recorded doing with a DaemonSet on two nodes (test/fixtures/kube/objects/daemonset.json,
 * condensed from the recording of v1.36). As the recorder did, the test stands in for scheduler and kubelets.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import type { KubeObject } from "../../sandbox/apiserver/types.ts";
import type { Pod } from "../../sandbox/controllers/kinds.ts";
import { isReady } from "../../sandbox/controllers/metadata.ts";
import { startWorkloadCluster, type WorkloadCluster } from "./workloadCluster.ts";

interface RecordedPod {
  readonly node: string | null;
  readonly ready: boolean;
  readonly terminating: boolean;
  /** Of its template. The hashes themselves are Go's business. */
  readonly revision: number;
}

interface Step {
  readonly note: string;
  readonly write?: { readonly method: "POST" | "PATCH"; readonly body: KubeObject };
  readonly status: Record<string, number>;
  readonly pods: readonly RecordedPod[];
  readonly revisions: readonly number[];
}

const file = new URL("../fixtures/kube/objects/daemonset.json", import.meta.url);
const { why, steps } = JSON.parse(readFileSync(file, "utf8")) as { why: string; steps: readonly Step[] };
const KEY = "daemonsets.apps";

describe(`recorded: ${why}`, () => {
  let cluster: WorkloadCluster;
  before(async () => {
    cluster = await startWorkloadCluster();
    // Not ready, so that the sandbox's scheduler leaves the binding to the test.
    for (const name of ["node-a", "node-b"]) {
      await cluster.api.create("nodes", { apiVersion: "v1", kind: "Node", metadata: { name } });
    }
  });
  after(async () => {
    await cluster.stop();
    assert.deepEqual(cluster.complaints, []);
  });

  for (const step of steps) {
    it(step.note, async () => {
      const { api } = cluster;
      if (step.write?.method === "POST") {
        const { body } = step.write;
        await api.create(KEY, { ...body, metadata: { ...body.metadata, namespace: "test" } });
      } else if (step.write !== undefined) await api.patch(KEY, "test", "agent", "strategic", step.write.body);
      const bound = step.pods.every(({ node }) => node !== null);
      const expected = { status: step.status, pods: sorted(step.pods), revisions: step.revisions };
      let seen: unknown;
      try {
        await cluster.until(() => {
          seen = snapshot(cluster, bound);
          if (JSON.stringify(seen) === JSON.stringify(expected)) return true;
          for (const pod of api.list("pods", "test") as Pod[]) void attend(cluster, pod, step).catch(() => undefined);
          return undefined;
        }, step.note);
      } catch {
        assert.deepEqual(seen, expected);
      }
    });
  }
});

function snapshot(cluster: WorkloadCluster, bound: boolean): unknown {
  const { api } = cluster;
  const pods = (api.list("pods", "test") as Pod[]).map((pod) => ({
    node: bound ? (pod.spec.nodeName ?? null) : null,
    ready: isReady(pod),
    terminating: pod.metadata.deletionTimestamp !== undefined,
    revision: revisionOf(cluster, pod),
  }));
  const revisions = cluster.api.list("controllerrevisions.apps", "test").map((each) => Number(each["revision"]));
  return {
    status: api.get(KEY, "test", "agent")?.["status"],
    pods: sorted(pods),
    revisions: revisions.sort(),
  };
}

function revisionOf({ api }: WorkloadCluster, pod: Pod): number {
  const hash = pod.metadata.labels?.["controller-revision-hash"];
  return Number(api.get("controllerrevisions.apps", "test", `agent-${hash}`)?.["revision"]);
}

function sorted(pods: readonly RecordedPod[]): RecordedPod[] {
  return [...pods].sort((a, b) => (a.node ?? "").localeCompare(b.node ?? ""));
}

/** Takes a pod towards what was recorded of the pod of its node: bound, ready, gone. */
async function attend(cluster: WorkloadCluster, pod: Pod, step: Step): Promise<void> {
  const { api } = cluster;
  const { name = "", deletionTimestamp } = pod.metadata;
  const node = pod.spec.nodeName ?? wantedNode(pod);
  const revision = revisionOf(cluster, pod);
  const recorded = step.pods.find((each) => each.node === node && each.revision === revision);
  if (deletionTimestamp !== undefined) {
    if (recorded === undefined) await api.delete("pods", "test", name, { gracePeriodSeconds: 0 });
    return;
  }
  if (recorded === undefined) return;
  if (pod.spec.nodeName === undefined) {
    await api.patch("pods", "test", name, "merge", { spec: { nodeName: node } }, "binding");
  }
  if (!recorded.ready || isReady(pod)) return;
  const lastTransitionTime = new Date().toISOString().replace(/\.\d+Z/, "Z");
  const conditions = [{ type: "Ready", status: "True", lastTransitionTime }];
  await api.patch("pods", "test", name, "merge", { status: { phase: "Running", conditions } }, "status");
}

/** The one node that the controller has written into the pod's affinity. */
function wantedNode(pod: Pod): string | undefined {
  const required = pod.spec.affinity?.["nodeAffinity"]?.requiredDuringSchedulingIgnoredDuringExecution;
  return required?.nodeSelectorTerms[0]?.matchFields?.[0]?.values?.[0];
}
