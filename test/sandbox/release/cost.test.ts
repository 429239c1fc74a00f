import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { canaryResource, fieldsOf, type RawObject, type Resource } from "../../../api/index.ts";
import { type SkippingClock, skippingClock } from "../../unit/skippingClock.ts";
import { controllerUser, type ReleaseCluster, startReleaseCluster } from "./cluster.ts";
import { aRelease, podinfo, withEnvironment } from "./manifests.ts";
import { releaseInTenSteps, since } from "./wholeRelease.ts";

/** What the controller costs the API server, as the API server counts it. */
describe("the cost of a canary", () => {
  let cluster: ReleaseCluster;
  let clock: SkippingClock;
  let queries = 0;

  before(async () => {
    cluster = await startReleaseCluster();
    clock = skippingClock();
    // Without a Lease, whose renewals are no canary's doing, every request that is left is counted.
    await cluster.startController({ clock, flags: ["--enable-leader-election=false"] });
    const prometheus = createServer((_request, response) => {
      queries += 1;
      response.end('{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"100"]}]}}');
    });
    await new Promise<void>((resolve) => prometheus.listen(0, "127.0.0.1", resolve));
    cluster.atEnd.push(async () => {
      prometheus.closeAllConnections();
      await new Promise((resolve) => prometheus.close(resolve));
    });
    const { port } = prometheus.address() as AddressInfo;
    await cluster.addNamespace("cost");
    const template: RawObject = {
      apiVersion: "flagger.app/v1beta1",
      kind: "MetricTemplate",
      metadata: { name: "always-good", namespace: "cost" },
      spec: { provider: { type: "prometheus", address: `http://127.0.0.1:${port}` }, query: "vector(100)" },
    };
    await cluster.apply(template);
    const metrics = [{ name: "good", templateRef: { name: "always-good" }, thresholdRange: { min: 99 } }];
    await cluster.apply(aSecret("login"));
    const [target] = await podinfo("cost");
    assert.equal(target?.kind, "Deployment");
    const { spec } = withEnvironment(target, [{ secretRef: { name: "login" } }]);
    await cluster.bootstrap(aRelease("cost", { stepWeight: 10, maxWeight: 60, metrics }), fieldsOf(spec));
  });
  after(() => cluster.stop());

  /** Requests of the controller so far, by verb and resource. */
  const count = (): Record<string, number> => ({ ...cluster.sandbox.apiServer.requests()[controllerUser] });

  const glance = () => cluster.api.get({ resource: canaryResource, namespace: "cost", name: "podinfo" });
  const aSecret = (name: string): RawObject => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: "cost" },
    type: "Opaque",
    data: { password: "YQ==" },
  });

  it("idle for five minutes: not one request", async () => {
    const { resourceVersion } = cluster.canary("cost").metadata;
    // Round trips of our own give the controller's the time to arrive: first the last ones of the bootstrap, then any that a timer sets off.
    for (let turn = 0; turn < 30; turn++) await glance();
    const before = count();
    for (let second = 0; second < 300; second++) {
      clock.skip(990);
      await glance();
    }
    assert.deepEqual(since(before, count()), {});
    assert.equal(cluster.canary("cost").metadata.resourceVersion, resourceVersion);
  });

  it("a Secret that nobody refers to: not one request, for a watch of metadata shows that it is another", async () => {
    const before = count();
    await cluster.apply(aSecret("other"));
    for (let turn = 0; turn < 30; turn++) await glance();
    assert.deepEqual(since(before, count()), {});
  });

  it("a step: the status, the route, an event, and one query for the metric", async () => {
    await cluster.setImage("cost", "6.0.1");
    await cluster.untilTold("cost", "canary weight 20");
    await cluster.until("the weight being in the route", () => cluster.routed("cost") === 20);
    const before = count();
    const asked = queries;
    await cluster.untilTold("cost", "canary weight 50");
    await cluster.until("the weight being in the route", () => cluster.routed("cost") === 50);
    assert.deepEqual(since(before, count()), {
      "create events": 3,
      "patch canaries/status": 3,
      "patch httproutes": 3,
    });
    assert.equal(queries - asked, 3);
    await cluster.untilPhase("cost", "Succeeded");
    await cluster.untilTargetIsEmpty("cost");
  });

  const services: Resource = { group: "", version: "v1", plural: "services", kind: "Service" };
  const routes = { group: "gateway.networking.k8s.io", version: "v1", plural: "httproutes", kind: "HTTPRoute" };
  const isPutBack = () => cluster.look.get("services", "cost", "podinfo")?.["spec"].selector.app === "podinfo-primary";
  /** As a tool does that holds the chart for the truth. */
  const resetService = () =>
    cluster.api.mergePatch(
      { resource: services, namespace: "cost", name: "podinfo" },
      { spec: { selector: { app: "podinfo" } } },
    );

  it("a tool that resets Service and route again and again: a request for each of its writes, an event for each object", async () => {
    // The end of the release has settled, and what was put right in it counts no more.
    clock.skip(15_000);
    await cluster.untilTold("cost", "Promotion completed!");
    const spec = cluster.look.get("httproutes.gateway.networking.k8s.io", "cost", "podinfo")?.["spec"];
    for (let turn = 0; turn < 30; turn++) await glance();
    const weighted = (name: string, weight: number) => ({ name, port: 9898, weight });
    const backendRefs = [weighted("podinfo-primary", 0), weighted("podinfo-canary", 100)];
    const rules = spec.rules.map((rule: object) => ({ ...rule, backendRefs }));
    const { resourceVersion } = cluster.canary("cost").metadata;
    const before = count();
    for (let round = 0; round < 10; round++) {
      await resetService();
      await cluster.until("the Service put back", isPutBack);
      await cluster.api.mergePatch({ resource: routes, namespace: "cost", name: "podinfo" }, { spec: { rules } });
      await cluster.until("the route put back", () => cluster.routed("cost") === 0);
    }
    await cluster.untilTold("cost", "Service podinfo.cost was changed: put back");
    await cluster.untilTold("cost", "The route of podinfo.cost gave the canary 100% where 0% is planned: put back");
    // The skipped time may have ended a watch, which begins again.
    const spent = Object.entries(since(before, count())).filter(([what]) => !what.startsWith("watch "));
    assert.deepEqual(Object.fromEntries(spent), {
      // Who did it is looked up once.
      "list services": 1,
      "list httproutes": 1,
      "patch services": 10,
      "patch httproutes": 10,
      "create events": 2,
    });
    assert.equal(cluster.canary("cost").metadata.resourceVersion, resourceVersion);
  });

  it("a tool that answers each repair at once: twenty repairs, then two a second", async () => {
    clock.skip(10_000);
    const before = count();
    const began = clock.monotonicMs();
    const writes: Promise<unknown>[] = [];
    const unfollow = cluster.look.watch("services", ({ object: { metadata } }) => {
      if (metadata.namespace === "cost" && metadata.name === "podinfo" && isPutBack()) writes.push(resetService());
    });
    const repairs = () => since(before, count())["patch services"] ?? 0;
    await cluster.until("twenty repairs", () => repairs() >= 20);
    for (let turn = 0; turn < 300; turn++) await glance();
    const allowed = 21 + (clock.monotonicMs() - began) / 500;
    assert.ok(repairs() <= allowed, `${repairs()} repairs, ${allowed} allowed`);
    unfollow();
    await cluster.until("the Service put back once more", isPutBack);
    await Promise.all(writes);
  });

  it("a whole release in ten steps with an autoscaler: at most 60 requests", async () => {
    const { requests } = await releaseInTenSteps(cluster, "whole", count);
    const total = Object.values(requests).reduce((sum, each) => sum + each, 0);
    assert.ok(total <= 60, `${total} requests: ${JSON.stringify(requests)}`);
  });
});
