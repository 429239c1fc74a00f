import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { KubeObject } from "../../sandbox/apiserver/types.ts";
import { createNamespace, startWorkloadCluster, type WorkloadCluster } from "./workloadCluster.ts";

let cluster: WorkloadCluster;

before(async () => {
  cluster = await startWorkloadCluster();
});
after(() => cluster.stop());

describe("dependents of a deleted owner (as recorded in http/garbage-collection.json)", () => {
  it("go after it: Background", async () => {
    const owner = await create("owner-bg");
    await create("child-bg", { owners: [owner] });
    await remove("owner-bg", "Background");
    await gone("child-bg");
  });

  it("go before it: Foreground", async () => {
    const owner = await create("owner-fg");
    await create("child-fg", { owners: [owner], block: true, finalizers: ["example.com/hold"] });
    await remove("owner-fg", "Foreground");
    await cluster.until(() => find("child-fg")?.metadata.deletionTimestamp, "the child to be deleted");
    assert.deepEqual(find("owner-fg")?.metadata.finalizers, ["foregroundDeletion"], "the owner waits");
    await cluster.api.patch("configmaps", "test", "child-fg", "merge", { metadata: { finalizers: null } });
    await gone("owner-fg");
  });

  it("stay and lose their reference: Orphan", async () => {
    const owner = await create("owner-or");
    await create("child-or", { owners: [owner] });
    await remove("owner-or", "Orphan");
    await gone("owner-or");
    assert.equal(find("child-or")?.metadata.ownerReferences, undefined);
  });

  it("stay while another owner is there", async () => {
    const owner = await create("first");
    const other = await create("second");
    await create("child-two", { owners: [owner, other] });
    await remove("first", "Background");
    const names = await cluster.until(() => {
      const references = find("child-two")?.metadata.ownerReferences ?? [];
      return references.length === 1 ? references.map(({ name }) => name) : undefined;
    }, "one reference left");
    assert.deepEqual(names, ["second"]);
  });

  it("are collected when their owner never existed", async () => {
    await create("child-absent", {
      owners: [{ ...(await create("gone-soon")), metadata: { name: "absent", uid: "no-such-uid" } }],
    });
    await gone("child-absent");
  });
});

describe("a namespace", () => {
  it("has a default service account and the cluster's CA, and gets them again", async () => {
    await createNamespace(cluster.api, "fresh");
    const account = await cluster.until(() => cluster.api.get("serviceaccounts", "fresh", "default"), "the account");
    await cluster.until(() => cluster.api.get("configmaps", "fresh", "kube-root-ca.crt"), "the CA");
    await cluster.api.delete("serviceaccounts", "fresh", "default");
    await cluster.until(() => {
      const uid = cluster.api.get("serviceaccounts", "fresh", "default")?.metadata.uid;
      return uid !== undefined && uid !== account.metadata.uid;
    }, "another account");
  });

  it("goes with its content, and says what it waits for", async () => {
    await createNamespace(cluster.api, "leaving");
    const held = { name: "held", namespace: "leaving", finalizers: ["example.com/hold"] };
    await cluster.api.create("configmaps", { apiVersion: "v1", kind: "ConfigMap", metadata: held });
    await cluster.api.delete("namespaces", "", "leaving");
    const message = await cluster.until(() => {
      const conditions: { type: string; message: string; status: string }[] =
        cluster.api.get("namespaces", "", "leaving")?.["status"]?.conditions ?? [];
      return conditions.find(({ type, status }) => type === "NamespaceFinalizersRemaining" && status === "True")
        ?.message;
    }, "the condition");
    assert.equal(
      message,
      "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
    );
    await cluster.api.patch("configmaps", "leaving", "held", "merge", { metadata: { finalizers: null } });
    await cluster.until(() => cluster.api.get("namespaces", "", "leaving") === undefined, "the namespace to go");
  });

  it("leaves nobody complaining", () => {
    assert.deepEqual(cluster.complaints, []);
  });
});

function find(name: string): KubeObject | undefined {
  return cluster.api.get("configmaps", "test", name);
}

function create(
  name: string,
  options: { owners?: KubeObject[]; block?: boolean; finalizers?: string[] } = {},
): Promise<KubeObject> {
  const { owners, block, finalizers } = options;
  const ownerReferences = owners?.map(({ metadata }) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    name: metadata.name ?? "",
    uid: metadata.uid ?? "",
    ...(block && { blockOwnerDeletion: true }),
  }));
  return cluster.api.create("configmaps", {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name,
      namespace: "test",
      ...(ownerReferences && { ownerReferences }),
      ...(finalizers && { finalizers }),
    },
  });
}

function remove(name: string, propagationPolicy: "Background" | "Foreground" | "Orphan"): Promise<void> {
  return cluster.api.delete("configmaps", "test", name, { propagationPolicy });
}

async function gone(name: string): Promise<void> {
  await cluster.until(() => find(name) === undefined, `${name} to go`);
}
