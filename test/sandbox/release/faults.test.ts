import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { canaryResource, metricTemplateResource } from "../../../api/index.ts";
import type { Traffic } from "../../../examples/demo/traffic.ts";
import { type ReleaseCluster, startWeirCluster } from "./cluster.ts";
import { aRelease } from "./manifests.ts";
import { runController } from "./weir.ts";

/** Nothing listens there. */
const nowhere = "http://127.0.0.1:9";

describe("when something around a release breaks", { concurrency: true }, () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startWeirCluster();
  });
  after(() => cluster.stop());

  const errors = async (...traffic: readonly Traffic[]): Promise<readonly unknown[]> => {
    await Promise.all(traffic.map((each) => each.stop()));
    return traffic.flatMap(({ hits }) => hits.filter(({ ok }) => !ok));
  };

  it("a hook that hangs is a failed check after its timeout, and holds up nobody else", async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    cluster.atEnd.push(
      async () => silent.closeAllConnections(),
      async () => silent.close(),
    );
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    const hooks = [{ name: "silent", url, timeout: "2s" }];
    await Promise.all([
      cluster.bootstrap(aRelease("hang", { threshold: 2, webhooks: hooks })),
      cluster.bootstrap(aRelease("beside")),
    ]);
    const visitors = cluster.visit("hang.example.com");
    await Promise.all([cluster.setImage("hang", "6.0.1"), cluster.setImage("beside", "6.0.1")]);
    assert.equal((await cluster.untilOver("beside")).status?.phase, "Succeeded");
    assert.equal(cluster.canary("hang").status?.phase, "Progressing", "the other one waited for this one");
    assert.equal((await cluster.untilOver("hang")).status?.phase, "Failed");
    await cluster.untilTold("hang", "Canary failed!");
    await cluster.untilTargetIsEmpty("hang");
    assert.deepEqual(await errors(visitors), []);
    const story = cluster.told.of("hang");
    assert.match(
      story.find((message) => message.includes("external check silent failed")) ?? "",
      /^Halt podinfo\.hang advancement external check silent failed POST http.* giving up after 1 attempt\(s\).*2/,
    );
    assert.ok(story.includes("Rolling back podinfo.hang failed checks threshold reached 2"));
  });

  it("an unreachable Prometheus fails every check, is told, and ends in a rollback", async () => {
    await cluster.addNamespace("dark");
    await cluster.apply({
      apiVersion: "flagger.app/v1beta1",
      kind: metricTemplateResource.kind,
      metadata: { name: "lost", namespace: "dark" },
      spec: { provider: { type: "prometheus", address: nowhere }, query: "vector(1)" },
    });
    const metrics = [
      { name: "lost", templateRef: { name: "lost" }, thresholdRange: { max: 1 }, interval: "3s" },
      { name: "request-success-rate", thresholdRange: { min: 99 }, interval: "3s" },
    ];
    await cluster.bootstrap(aRelease("dark", { threshold: 2, metrics }, { metricsServer: nowhere }));
    const visitors = cluster.visit("dark.example.com");
    await cluster.setImage("dark", "6.0.1");
    assert.equal((await cluster.untilOver("dark")).status?.phase, "Failed");
    await cluster.untilTold("dark", "Canary failed!");
    await cluster.untilTargetIsEmpty("dark");
    assert.deepEqual(await errors(visitors), []);
    const story = cluster.told.of("dark");
    for (const text of [
      /^Error checking metric providers: /,
      /^Metric query failed for lost: /,
      /^Prometheus query failed: /,
    ])
      assert.ok(
        story.some((message) => text.test(message)),
        `nothing like ${text} in:\n${story.join("\n")}`,
      );
    assert.ok(story.includes("Rolling back podinfo.dark failed checks threshold reached 2"));
  });

  it("the Canary is deleted at rest: the target takes over, and nobody notices", async () => {
    await cluster.bootstrap(aRelease("leave"));
    const visitors = cluster.visit("leave.example.com");
    const insiders = cluster.call("http://podinfo.leave:9898/");
    await cluster.api.delete({ resource: canaryResource, namespace: "leave", name: "podinfo" });
    await cluster.until("the primary being gone", () => names("leave", "deployments.apps").join() === "podinfo");
    await cluster.until("its pods being gone", () => {
      return !names("leave", "pods").some((name) => name.startsWith("podinfo-primary"));
    });
    const last = visitors.hits.length;
    await cluster.setImage("leave", "6.0.9");
    await cluster.until("the target rolled out by itself", () => {
      const { metadata, status } = cluster.deployment("leave");
      return status.observedGeneration === metadata.generation && status.updatedReplicas === 1 && status.replicas === 1;
    });
    assert.deepEqual(await errors(visitors, insiders), []);
    assert.ok(visitors.hits.length > last);
    assert.deepEqual(names("leave", "services"), ["flagger-loadtester", "podinfo"]);
    assert.deepEqual(names("leave", "canaries.flagger.app"), []);
    const kept = cluster.look.get("services", "leave", "podinfo");
    assert.deepEqual(kept?.["spec"].selector, { app: "podinfo" });
    assert.equal(kept?.metadata.ownerReferences, undefined);
  });

  it("the Canary is deleted in the middle of a release: the primary goes on serving, unowned", async () => {
    await cluster.bootstrap(aRelease("quit"));
    const visitors = cluster.visit("quit.example.com");
    const insiders = cluster.call("http://podinfo.quit:9898/");
    await cluster.setImage("quit", "6.0.1");
    await cluster.until("a share for the canary", () => cluster.routed("quit") === 25);
    await cluster.api.delete({ resource: canaryResource, namespace: "quit", name: "podinfo" });
    await cluster.until("the canary being gone", () => names("quit", "canaries.flagger.app").length === 0);
    assert.deepEqual(await errors(visitors, insiders), []);
    assert.equal(cluster.routed("quit") ?? 0, 0);
    const primary = cluster.deployment("quit", "podinfo-primary");
    assert.equal(primary["spec"].template.spec.containers[0].image, "stefanprodan/podinfo:6.0.0");
    assert.equal(primary.metadata.ownerReferences, undefined);
  });

  it("a port in use is told in words, and nothing is left running", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    cluster.atEnd.push(async () => taken.close());
    const { port } = taken.address() as AddressInfo;
    const kubeconfig = cluster.sandbox.kubeconfigPath;
    await assert.rejects(runController(kubeconfig, {}, { port }), /it is in use: choose another one with --port/);
  });

  const names = (namespace: string, key: string): readonly string[] =>
    cluster.look.list(key, namespace).map(({ metadata }) => metadata.name ?? "");
});
