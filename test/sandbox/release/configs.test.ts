import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { canaryResource, fieldsOf, knownKeys, type RawObject } from "../../../api/index.ts";
import type { KubeObject } from "../../../sandbox/apiserver/types.ts";
import { type ReleaseCluster, startReleaseCluster } from "./cluster.ts";
import { aRelease, podinfo, withEnvironment } from "./manifests.ts";

/** Known from Go: the first 8 bytes of the SHA-256 of {"color":"blue"}. */
const blue = "f234cb93c08ad64e";

describe("ConfigMaps and Secrets of a target", { concurrency: true }, () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startReleaseCluster();
    await Promise.all([cluster.startServer(), cluster.startController()]);
  });
  after(() => cluster.stop());

  const aMap = (namespace: string, name: string, color: string, annotations = {}): RawObject => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace, annotations },
    data: { color },
  });
  const aSecret = (namespace: string, name: string, password: string): RawObject => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace },
    type: "Opaque",
    data: { password: Buffer.from(password).toString("base64") },
  });
  const copyOf = (key: "configmaps" | "secrets", namespace: string, name: string): KubeObject | undefined =>
    cluster.look.get(key, namespace, `${name}-primary`);
  const environment = (namespace: string, name: string): unknown =>
    cluster.deployment(namespace, name)["spec"]?.template.spec.containers[0].envFrom;

  async function bootstrap(namespace: string, envFrom: readonly object[], ...configs: readonly RawObject[]) {
    await cluster.addNamespace(namespace);
    await cluster.apply(...configs);
    const [deployment] = (await podinfo(namespace)).filter(({ kind }) => kind === "Deployment");
    assert.ok(deployment);
    await cluster.bootstrap(aRelease(namespace), fieldsOf(withEnvironment(deployment, envFrom)["spec"]));
  }

  it("a change of one is released like a change of the template", async () => {
    const envFrom = [{ configMapRef: { name: "settings" } }, { secretRef: { name: "login" } }];
    await bootstrap("configs", envFrom, aMap("configs", "settings", "blue"), aSecret("configs", "login", "one"));
    assert.deepEqual(environment("configs", "podinfo-primary"), [
      { configMapRef: { name: "settings-primary" } },
      { secretRef: { name: "login-primary" } },
    ]);
    assert.deepEqual(environment("configs", "podinfo"), envFrom);
    const tracked = cluster.canary("configs").status?.trackedConfigs ?? {};
    assert.deepEqual(Object.keys(tracked).sort(), ["configmap/settings", "secret/login"]);
    assert.equal(copyOf("configmaps", "configs", "settings")?.metadata.ownerReferences?.[0]?.kind, "Canary");

    const visitors = cluster.visit("configs.example.com");
    const copiedWhile: unknown[] = [];
    const unfollow = cluster.look.watch("configmaps", ({ type, object: { metadata } }) => {
      const isCopy = metadata.namespace === "configs" && metadata.name === "settings-primary";
      if (isCopy && type === "MODIFIED") copiedWhile.push(cluster.canary("configs").status?.phase);
    });
    await cluster.apply(aMap("configs", "settings", "green"));
    await cluster.untilTold("configs", "canary weight 25");
    await cluster.untilPhase("configs", "Succeeded");
    unfollow();
    assert.deepEqual([...new Set(copiedWhile)], ["Promoting"]);
    assert.deepEqual(copyOf("configmaps", "configs", "settings")?.["data"], { color: "green" });
    assert.notEqual(
      cluster.canary("configs").status?.trackedConfigs?.["configmap/settings"],
      tracked["configmap/settings"],
    );

    await cluster.apply(aSecret("configs", "login", "two"));
    await cluster.untilPhase("configs", "Progressing");
    await cluster.untilPhase("configs", "Succeeded");
    await visitors.stop();
    assert.deepEqual(
      visitors.hits.filter(({ ok }) => !ok),
      [],
    );
    const password = Buffer.from("two").toString("base64");
    assert.deepEqual(copyOf("secrets", "configs", "login")?.["data"], { password });
  });

  it("one that is set back during its release ends the release", async () => {
    await bootstrap("configs-back", [{ configMapRef: { name: "settings" } }], aMap("configs-back", "settings", "blue"));
    await cluster.apply(aMap("configs-back", "settings", "red"));
    await cluster.untilTold("configs-back", "canary weight 25");
    await cluster.apply(aMap("configs-back", "settings", "blue"));
    await cluster.untilTold("configs-back", "Revision reverted!");
    assert.deepEqual(copyOf("configmaps", "configs-back", "settings")?.["data"], { color: "blue" });
  });

  it("one whose owner opted out is used by both, and one that may be missing holds up nobody", async () => {
    const optOut = { [knownKeys.configTracking]: "disabled" };
    const envFrom = [{ configMapRef: { name: "shared" } }, { configMapRef: { name: "maybe", optional: true } }];
    await bootstrap("configs-off", envFrom, aMap("configs-off", "shared", "blue", optOut));
    assert.deepEqual(environment("configs-off", "podinfo-primary"), envFrom);
    assert.deepEqual(cluster.canary("configs-off").status?.trackedConfigs, {});
    await cluster.setImage("configs-off", "6.0.1");
    await cluster.untilPhase("configs-off", "Succeeded");
    assert.equal(copyOf("configmaps", "configs-off", "shared"), undefined);
  });

  it("canaries that were looked after without tracking are taken over: no release, and the known checksum", async () => {
    await bootstrap("configs-old", [{ configMapRef: { name: "settings" } }], aMap("configs-old", "settings", "blue"));
    const { status } = cluster.canary("configs-old");
    const before = cluster.told.of("configs-old").length;
    const old = { lastAppliedSpec: "57c4b7b764", lastPromotedSpec: "57c4b7b764", trackedConfigs: null };
    const ref = { resource: canaryResource, namespace: "configs-old", name: "podinfo" };
    await cluster.api.mergePatch(ref, { status: old }, { subresource: "status" });
    await cluster.until(
      "the revision being known",
      () => cluster.canary("configs-old").status?.lastAppliedSpec === status?.lastAppliedSpec,
    );
    assert.deepEqual(cluster.canary("configs-old").status?.trackedConfigs, { "configmap/settings": blue });
    const plain = (status?.lastAppliedSpec ?? "").split(".")[0];
    const untracked = { lastAppliedSpec: plain, lastPromotedSpec: plain, trackedConfigs: null };
    await cluster.api.mergePatch(ref, { status: untracked }, { subresource: "status" });
    await cluster.until(
      "the revision being known",
      () => cluster.canary("configs-old").status?.lastAppliedSpec === status?.lastAppliedSpec,
    );
    assert.equal(cluster.canary("configs-old").status?.phase, "Initialized");
    assert.equal(cluster.told.of("configs-old").length, before);
  });
});
