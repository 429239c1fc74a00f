import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { KubeObject } from "../../sandbox/apiserver/types.ts";
import { ENDPOINT_SLICES } from "../../sandbox/controllers/kinds.ts";
import { startWorkloadCluster, type WorkloadCluster } from "./workloadCluster.ts";

const manager = "endpointslicemirroring-controller.k8s.io";

/** Endpoints written by hand, as for a database outside of the cluster. */
function endpointsOf(subsets: readonly object[], metadata: object = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { name: "db", namespace: "test", labels: { team: "data" }, ...metadata },
    subsets,
  };
}

describe("Endpoints of a Service without a selector", () => {
  let cluster: WorkloadCluster;
  before(async () => {
    cluster = await startWorkloadCluster();
    const ports = [{ port: 5432 }];
    const metadata = { name: "db", namespace: "test" };
    await cluster.api.create("services", { apiVersion: "v1", kind: "Service", metadata, spec: { ports } });
  });
  after(async () => {
    await cluster.stop();
    assert.deepEqual(cluster.complaints, []);
  });

  const slices = () =>
    cluster.api
      .list(ENDPOINT_SLICES, "test")
      .filter(({ metadata }) => metadata.labels?.["endpointslice.kubernetes.io/managed-by"] === manager);
  const shown = () =>
    slices().map((slice) => [
      slice["addressType"],
      ...slice["endpoints"].map(
        (endpoint: { addresses: string[]; conditions: { ready: boolean } }) =>
          `${endpoint.addresses} ${endpoint.conditions.ready}`,
      ),
      ...slice["ports"].map(({ port }: { port: number }) => port),
    ]);
  const until = (wanted: unknown[]) =>
    cluster.until(() => JSON.stringify(shown().sort()) === JSON.stringify(wanted), JSON.stringify(wanted));
  const write = (subsets: readonly object[], metadata: object = {}) =>
    cluster.api.update("endpoints", endpointsOf(subsets, metadata));

  it("are mirrored, one slice for each kind of address", async () => {
    const subset = { addresses: [{ ip: "10.0.0.1" }, { ip: "fd00::1" }], ports: [{ port: 5432 }] };
    await cluster.api.create("endpoints", endpointsOf([subset]));
    await until([
      ["IPv4", "10.0.0.1 true", 5432],
      ["IPv6", "fd00::1 true", 5432],
    ]);
    assert.deepEqual(slices()[0]?.metadata.labels, {
      team: "data",
      "kubernetes.io/service-name": "db",
      "endpointslice.kubernetes.io/managed-by": manager,
    });
  });

  it("take their slices along when they change: the same slice says what is new", async () => {
    const before = slices().map(({ metadata }) => metadata.uid);
    const subset = {
      addresses: [{ ip: "10.0.0.1" }],
      notReadyAddresses: [{ ip: "10.0.0.2" }],
      ports: [{ port: 6000 }],
    };
    await write([subset]);
    await until([["IPv4", "10.0.0.1 true", "10.0.0.2 false", 6000]]);
    assert.ok(before.includes(slices()[0]?.metadata.uid));
  });

  it("are left alone when they say so, or are a record of who leads", async () => {
    const subsets = [{ addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 5432 }] }];
    await write(subsets, { labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } });
    await until([]);
    await write(subsets);
    await until([["IPv4", "10.0.0.1 true", 5432]]);
    await write(subsets, { annotations: { "control-plane.alpha.kubernetes.io/leader": "{}" } });
    await until([]);
  });

  it("leave no slice behind when they or their Service go", async () => {
    const subsets = [{ addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 5432 }] }];
    await write(subsets);
    await until([["IPv4", "10.0.0.1 true", 5432]]);
    await cluster.api.delete("services", "test", "db");
    await until([]);
  });
});
