/**
 * Replays which EndpointSlices a real controller manager was recorded making of a Service whose selector moves between
 * two Deployments (test/fixtures/kube/objects/service.json, condensed from the recording of v1.36). As the recorder did,
 * the test stands in for the scheduler and the kubelet.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import type { EndpointSlice } from "../../sandbox/controllers/endpoints.ts";
import { ENDPOINT_SLICES, type Pod } from "../../sandbox/controllers/kinds.ts";
import { timestamp } from "../../sandbox/controllers/metadata.ts";
import { aDeployment, aService, startWorkloadCluster, type WorkloadCluster } from "./workloadCluster.ts";

interface Step {
  readonly note: string;
  readonly action?: { readonly path: string; readonly body: object };
  readonly pods: readonly { readonly of: string; readonly address: string; readonly terminating: boolean }[];
  readonly slices: readonly object[];
}

const file = new URL("../fixtures/kube/objects/service.json", import.meta.url);
const { why, steps } = JSON.parse(readFileSync(file, "utf8")) as { why: string; steps: readonly Step[] };

describe(`recorded: ${why}`, () => {
  let cluster: WorkloadCluster;
  before(async () => {
    cluster = await startWorkloadCluster();
    const labels = { "topology.kubernetes.io/zone": "zone-a" };
    await cluster.api.create("nodes", { apiVersion: "v1", kind: "Node", metadata: { name: "node-a", labels } });
    for (const name of ["podinfo", "podinfo-primary"])
      await cluster.api.create("deployments.apps", aDeployment(name, "podinfo:6.0.0", 1));
    await cluster.api.create("services", aService("podinfo", { selector: { app: "podinfo-primary" } }));
  });
  after(async () => {
    await cluster.stop();
    assert.deepEqual(cluster.complaints, []);
  });

  for (const step of steps) {
    it(step.note, async () => {
      if (step.action !== undefined) await act(cluster, step.action);
      const wanted = { pods: step.pods, slices: sorted(step.slices) };
      let seen: unknown;
      try {
        await cluster.until(() => {
          seen = { pods: podsOf(cluster), slices: slicesOf(cluster) };
          if (JSON.stringify(sortKeys(seen)) === JSON.stringify(sortKeys(wanted))) return true;
          stage(cluster, step);
          return undefined;
        }, step.note);
      } catch (error) {
        assert.deepEqual(seen, wanted);
        throw error;
      }
    });
  }
});

async function act({ api }: WorkloadCluster, { path, body }: NonNullable<Step["action"]>): Promise<void> {
  const [plural = "", name = "", subresource] = path.split("/").slice(path.startsWith("/apis") ? 6 : 5);
  await api.patch(plural === "services" ? plural : `${plural}.apps`, "test", name, "merge", body, subresource);
}

/** Makes pods run at their recorded addresses, and those be gone that the recording no longer has. */
function stage({ api }: WorkloadCluster, step: Step): void {
  for (const pod of api.list("pods", "test") as Pod[]) {
    const { name = "", labels, deletionTimestamp } = pod.metadata;
    const recorded = step.pods.find(({ of }) => of === labels?.["app"]);
    // A write may lose against one of the controllers; there is another look after that.
    const lost = (): undefined => undefined;
    if (recorded === undefined && deletionTimestamp !== undefined)
      void api.delete("pods", "test", name, { gracePeriodSeconds: 0 }).catch(lost);
    else if (recorded !== undefined && pod.spec.nodeName === undefined)
      void api.patch("pods", "test", name, "merge", { spec: { nodeName: "node-a" } }, "binding").catch(lost);
    else if (recorded !== undefined && pod.status?.podIP === undefined)
      void api.patch("pods", "test", name, "merge", running(recorded.address), "status").catch(lost);
  }
}

function running(podIP: string): object {
  const conditions = [{ type: "Ready", status: "True", lastTransitionTime: timestamp(new Date()) }];
  return { status: { phase: "Running", podIP, conditions } };
}

function podsOf({ api }: WorkloadCluster): object[] {
  const pods = (api.list("pods", "test") as Pod[]).map(({ metadata, status }) => ({
    of: metadata.labels?.["app"] ?? "",
    address: status?.podIP ?? null,
    terminating: metadata.deletionTimestamp !== undefined,
  }));
  return pods.sort((a, b) => a.of.localeCompare(b.of));
}

function slicesOf({ api }: WorkloadCluster): object[] {
  const slices = (api.list(ENDPOINT_SLICES, "test") as EndpointSlice[]).map((slice) => ({
    labels: slice.metadata.labels,
    annotations: Object.keys(slice.metadata.annotations ?? {}),
    owner: (slice.metadata.ownerReferences ?? []).map(({ uid: _uid, ...reference }) => reference),
    addressType: slice.addressType,
    endpoints:
      slice.endpoints?.map(({ targetRef: { kind, name }, ...endpoint }) => ({
        ...endpoint,
        targetRef: { kind, name: name.replace(/-[a-z0-9]+-[a-z0-9]{5}$/, "") },
      })) ?? null,
    ports: slice.ports,
  }));
  return sorted(slices);
}

/** Their names are generated: those of the pods come before the mirrored ones. */
function sorted(slices: readonly object[]): object[] {
  const text = (slice: object): string => JSON.stringify(sortKeys(slice));
  return [...slices].sort((a, b) => text(a).localeCompare(text(b)));
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, sortKeys(member)]));
}
