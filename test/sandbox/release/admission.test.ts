import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fieldsOf, type RawObject, WeirError } from "../../../api/index.ts";
import type { KubeObject } from "../../../sandbox/apiserver/types.ts";
import { type ReleaseCluster, startReleaseCluster, startWeirCluster } from "./cluster.ts";
import { aRelease, podinfo, resourceOf } from "./manifests.ts";
import type { Stoppable } from "./weir.ts";

describe("admission on a cluster", { concurrency: true }, () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startWeirCluster();
  });
  after(() => cluster.stop());

  it("refuses a Canary with five mistakes with all five, and says where each is", async () => {
    await cluster.addNamespace("wrong");
    const canary = aRelease(
      "wrong",
      {
        interval: "soon",
        stepWeights: [10, 5],
        metrics: [{ name: "latency" }],
        webhooks: [{ name: "gate", url: "gate.demo" }],
      },
      { provider: "gatewayapi:v1", service: { port: 9898 } },
    );
    const { maxWeight: _, stepWeight: __, ...analysis } = canary.spec.analysis ?? {};
    const wrong = { ...canary, spec: { ...canary.spec, analysis } };
    const error = await cluster.apply(wrong).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof WeirError);
    assert.equal(error.answer?.status, 422);
    assert.equal(error.answer?.reason, "Invalid");
    assert.deepEqual(error.answer?.causes.map(({ field }) => field).toSorted(), [
      "spec.analysis.interval",
      "spec.analysis.metrics[0]",
      "spec.analysis.stepWeights",
      "spec.analysis.webhooks[0].url",
      "spec.service.gatewayRefs",
    ]);
    for (const { message } of error.answer?.causes ?? []) assert.ok(error.message.includes(message));
    assert.equal(cluster.look.get("canaries.flagger.app", "wrong", "podinfo"), undefined);
  });

  it("leaves a Deployment without a Canary untouched, byte for byte", async () => {
    await cluster.addNamespace("bare");
    // Weir's own namespace is never shown to its webhook: what comes out there is the API server's work alone.
    const [looked = "", spared = ""] = await Promise.all(["bare", "weir-system"].map(writesTo));
    assert.equal(looked, spared);
    assert.ok(looked.includes("podinfo:6.0.1"));
  });

  /** Create, update, scale, delete; everything that was answered but for names and times. */
  async function writesTo(namespace: string): Promise<string> {
    const [deployment] = (await podinfo(namespace, { paused: true, replicas: 0 })) as [RawObject];
    const resource = resourceOf(deployment);
    const ref = { resource, namespace, name: "podinfo" };
    const created = await cluster.api.create(resource, deployment);
    await cluster.setImage(namespace, "6.0.1");
    const scaled = await cluster.api.mergePatch(ref, { spec: { replicas: 0 } }, { subresource: "scale" });
    const updated = await cluster.api.get(ref);
    await cluster.api.delete(ref);
    return JSON.stringify([created, fieldsOf(scaled["spec"]), updated], (key, value) =>
      ["uid", "resourceVersion", "creationTimestamp", "time", "namespace", "status", "managedFields"].includes(key)
        ? undefined
        : value,
    );
  }

  it("makes one revision and no restarts of twenty identical applies", async () => {
    await cluster.bootstrap(aRelease("many"));
    const [deployment] = (await podinfo("many", { replicas: 3 })) as [RawObject];
    const next = JSON.parse(JSON.stringify(deployment).replace("6.0.0", "6.0.1")) as RawObject;
    const pods = () =>
      cluster.look
        .list("pods", "many")
        .filter(({ metadata }) => metadata.name?.startsWith("podinfo-primary"))
        .map(({ metadata, status }) => `${metadata.uid} ${status.containerStatuses[0].restartCount}`);
    await cluster.apply(deployment);
    await cluster.until("three primary pods", () => {
      return cluster.deployment("many", "podinfo-primary")["status"]?.readyReplicas === 3;
    });
    const running = pods();
    const { status } = cluster.canary("many");
    for (let round = 0; round < 20; round++) await cluster.apply(deployment);
    assert.deepEqual(cluster.canary("many").status, status);
    assert.deepEqual(pods(), running);
    assert.equal(cluster.deployment("many")["spec"].replicas, 0);

    for (let round = 0; round < 20; round++) await cluster.apply(next);
    assert.equal((await cluster.untilOver("many")).status?.phase, "Succeeded");
    await cluster.untilTold("many", "Promotion completed!");
    assert.equal(cluster.told.of("many").filter((message) => message.startsWith("New revision")).length, 1);
    const replicaSets = cluster.look.list("replicasets.apps", "many").map(({ metadata }) => metadata.name ?? "");
    assert.equal(replicaSets.filter((name) => !name.startsWith("podinfo-primary")).length, 2);
    assert.equal(cluster.deployment("many", "podinfo-primary")["spec"].replicas, 3);
  });

  it("pins replicas at rest and gives the wish to the primary without an analysis", async () => {
    await cluster.bootstrap(aRelease("wish"));
    const before = cluster.canary("wish").status?.phase;
    const warnings: string[] = [];
    const ref = { resource: resourceOf(cluster.deployment("wish") as RawObject), namespace: "wish", name: "podinfo" };
    const onWarning = (text: string): void => void warnings.push(text);
    const answer = await cluster.api.mergePatch(ref, { spec: { replicas: 2 } }, { onWarning });
    assert.equal(fieldsOf(answer["spec"])["replicas"], 0);
    assert.deepEqual(warnings, ["Weir: spec.replicas of podinfo stays 0: 2 goes to podinfo-primary, which serves"]);
    await cluster.until("the wish in the primary", () => {
      return cluster.deployment("wish", "podinfo-primary")["status"]?.readyReplicas === 2;
    });
    assert.equal(cluster.canary("wish").status?.phase, before);
    assert.equal(cluster.deployment("wish")["spec"].replicas, 0);

    await cluster.api.mergePatch(ref, { spec: { replicas: 3 } }, { subresource: "scale", onWarning });
    assert.match(warnings[1] ?? "", /podinfo is a canary: 3 goes to podinfo-primary/);
    await cluster.until("the scaled wish in the primary", () => {
      return cluster.deployment("wish", "podinfo-primary")["spec"].replicas === 3;
    });
    await cluster.untilTargetIsEmpty("wish");
    assert.equal(cluster.canary("wish").status?.phase, before);
  });

  it("says the same in a dry run and the whole plan, and changes nothing", async () => {
    await cluster.bootstrap(aRelease("dry"));
    const before = cluster.deployment("dry");
    const written = ({ metadata, ...object }: KubeObject) => [
      metadata.annotations,
      metadata.generation,
      object["spec"],
    ];
    const patch = { spec: { template: { metadata: { annotations: { note: "new" } } } } };
    const ref = { resource: resourceOf(before as RawObject), namespace: "dry", name: "podinfo" };
    const write = async (dryRun: boolean) => {
      const warnings: string[] = [];
      const object = await cluster.api.mergePatch(ref, patch, { dryRun, onWarning: (text) => warnings.push(text) });
      return { warnings, marks: Object.keys(object.metadata.annotations ?? {}) };
    };
    const tried = await write(true);
    assert.deepEqual(written(cluster.deployment("dry")), written(before));
    assert.equal(cluster.canary("dry").status?.phase, "Initialized");
    const [told = "", ...plan] = tried.warnings;
    assert.match(told, /^Weir: podinfo will be released 25% → 50% by 25 every 1s/);
    assert.deepEqual(plan, [
      "Weir: 1. podinfo is scaled up and must be ready",
      "Weir: 2. every 1s: nothing but its pods is checked; 3 failed take it back",
      "Weir: 3. 25% to podinfo for 1s",
      "Weir: 4. 50% to podinfo for 1s",
      "Weir: 5. podinfo-primary takes the revision over, traffic goes back, podinfo goes to 0",
    ]);
    assert.deepEqual({ ...tried, warnings: [told] }, await write(false));
    await cluster.untilPhase("dry", "Progressing");
  });

  it("holds a change back until the primary serves, and releases it then", async () => {
    await cluster.addNamespace("early");
    await cluster.apply(...(await podinfo("early")));
    await cluster.until("podinfo serving", () => cluster.deployment("early")["status"]?.readyReplicas > 0);
    const insiders = cluster.call("http://podinfo.early:9898/");
    await cluster.apply(aRelease("early"));
    await cluster.until("a primary", () => cluster.deployment("early", "podinfo-primary").metadata.name);
    const [warning] = await cluster.setImage("early", "6.0.1");
    assert.match(warning ?? "", /podinfo is paused with this change until podinfo-primary serves/);
    await cluster.untilPhase("early", "Succeeded");
    await cluster.untilTold("early", "Promotion completed!");
    await insiders.stop();
    assert.ok(cluster.told.of("early").includes("Advance podinfo.early canary weight 50"));
    assert.deepEqual(
      insiders.hits.filter(({ ok }) => !ok),
      [],
    );
  });
});

describe("with the webhook server gone", () => {
  let cluster: ReleaseCluster;
  let server: Stoppable;
  before(async () => {
    cluster = await startReleaseCluster();
    [server] = await Promise.all([cluster.startServer(), cluster.startController()]);
    await cluster.bootstrap(aRelease("open"));
    const url = "http://flagger-loadtester.routed/gate/check";
    await cluster.bootstrap(aRelease("routed", { webhooks: [{ name: "gate", type: "confirm-promotion", url }] }));
    await server.stop();
  });
  after(() => cluster.stop());

  /** What the status announced last has been done: what differs from here on, others did. */
  async function untilSettled(namespace: string): Promise<void> {
    const moved = Date.parse(cluster.canary(namespace).status?.lastTransitionTime ?? "");
    await setTimeout(Math.max(0, moved + 3_500 - Date.now()));
  }

  it("Deployments are writable and their releases safe", async () => {
    const visitors = cluster.visit("open.example.com");
    const insiders = cluster.call("http://podinfo.open:9898/");
    assert.deepEqual(await cluster.setImage("open", "6.0.1"), []);
    assert.equal((await cluster.untilOver("open")).status?.phase, "Succeeded");
    await cluster.untilTargetIsEmpty("open");
    await Promise.all([visitors.stop(), insiders.stop()]);
    assert.deepEqual(
      [visitors, insiders].flatMap(({ hits }) => hits.filter(({ ok }) => !ok)),
      [],
    );
    const ref = { resource: resourceOf(cluster.deployment("open") as RawObject), namespace: "open", name: "podinfo" };
    await cluster.api.mergePatch(ref, { spec: { replicas: 2 } });
    await cluster.until("the target taken back to zero", () => cluster.deployment("open")["spec"].replicas === 0);
  });

  it("what was changed at rest is put right and told, and a tool that does it again and again is told of once", async () => {
    const service = { resource: { group: "", version: "v1", plural: "services", kind: "Service" }, namespace: "open" };
    const selector = () => cluster.look.get("services", "open", "podinfo")?.["spec"].selector.app;
    const isOurs = () => selector() === "podinfo-primary";
    await untilSettled("open");
    for (let round = 0; round < 5; round++) {
      await cluster.api.mergePatch({ ...service, name: "podinfo" }, { spec: { selector: { app: "podinfo" } } });
      await cluster.until("the selector put back", isOurs);
    }
    const text = "Service podinfo.open was changed: put back (last written by kubectl)";
    await cluster.untilTold("open", text);
    const ref = { resource: resourceOf(cluster.deployment("open") as RawObject), namespace: "open", name: "podinfo" };
    await cluster.api.mergePatch(ref, { spec: { replicas: 3 } });
    await cluster.untilTold("open", "podinfo.open was scaled to 3 at rest: that goes to podinfo-primary");
    await cluster.untilTargetIsEmpty("open");
    assert.equal(cluster.told.of("open").filter((message) => message === text).length, 1);
  });

  /** Edits the weights of the route, and follows what becomes of them: the share of the canary in every version of its spec. */
  async function sharesAfterEdit(share: number, planned: number): Promise<readonly (number | undefined)[]> {
    const shares = new Map<number, number | undefined>();
    const before = cluster.canary("routed").metadata.resourceVersion;
    const unfollow = cluster.look.watch("httproutes.gateway.networking.k8s.io", ({ object: { metadata } }) => {
      if (metadata.namespace === "routed") shares.set(metadata.generation ?? 0, cluster.routed("routed"));
    });
    shares.clear();
    const route = cluster.look.get("httproutes.gateway.networking.k8s.io", "routed", "podinfo") as RawObject;
    const edited = JSON.parse(JSON.stringify(fieldsOf(route["spec"])["rules"]), (key, value) =>
      key === "backendRefs"
        ? value.map((each: { name: string }) => ({
            ...each,
            weight: each.name === "podinfo-canary" ? share : 100 - share,
          }))
        : value,
    );
    const ref = { resource: resourceOf(route), namespace: "routed", name: "podinfo" };
    await cluster.api.mergePatch(ref, { spec: { rules: edited } });
    const text = `The route of podinfo.routed gave the canary ${share}% where ${planned}% is planned: put back`;
    await cluster.untilTold("routed", `${text} (last written by kubectl)`);
    await cluster.until("the weights put back", () => cluster.routed("routed") === planned);
    unfollow();
    // Nothing waited for the router, which would stand in the status.
    assert.equal(cluster.canary("routed").metadata.resourceVersion, before);
    return [...shares.values()];
  }

  it("weights of a route are put back at once, at rest and while a release runs", async () => {
    await untilSettled("routed");
    assert.deepEqual(await sharesAfterEdit(40, 0), [40, 0]);
    await cluster.setImage("routed", "6.0.1");
    await cluster.untilPhase("routed", "WaitingPromotion");
    await untilSettled("routed");
    assert.deepEqual(await sharesAfterEdit(90, 50), [90, 50]);
    assert.equal(cluster.canary("routed").status?.phase, "WaitingPromotion");
  });

  it("ports of a Service are put back, though the API server would not merge them with ours, and it is told who", async () => {
    const resource = { group: "", version: "v1", plural: "services", kind: "Service" };
    const spec = () => JSON.stringify(cluster.look.get("services", "open", "podinfo-canary")?.["spec"]);
    const before = spec();
    const ports = [{ name: "http", port: 81, targetPort: 81 }];
    await cluster.api.mergePatch({ resource, namespace: "open", name: "podinfo-canary" }, { spec: { ports } });
    await cluster.untilTold("open", "Service podinfo-canary.open was changed: put back (last written by kubectl)");
    await cluster.until("the ports put back", () => spec() === before);
  });

  describe("the primary's template", () => {
    const primary = () => ({
      resource: resourceOf(cluster.deployment("open") as RawObject),
      namespace: "open",
      name: "podinfo-primary",
    });
    const template = () => JSON.stringify(cluster.deployment("open", "podinfo-primary")["spec"].template);
    /** What a patch can change, add and take away. */
    const edited = (image: string) => ({
      metadata: { annotations: { note: "by hand" } },
      spec: { nodeSelector: { disk: "fast" }, containers: [{ name: "podinfod", image }] },
    });

    it("is put back when somebody else changes it, and it is told who", async () => {
      const before = template();
      await cluster.api.mergePatch(primary(), { spec: { template: edited("ghcr.io/stefanprodan/podinfo:9") } });
      await cluster.until("the template put back", () => template() === before);
      const text = "The template of podinfo-primary.open was changed: put back to the promoted revision";
      await cluster.untilTold("open", `${text} (last written by kubectl)`);
      assert.equal(cluster.canary("open").status?.phase, "Succeeded");
    });

    it("stays as who may change it says, until that is taken back", async () => {
      const before = template();
      const metadata = { annotations: { "weir.sh/bypass": "an incident" } };
      await cluster.api.mergePatch(primary(), {
        metadata,
        spec: { template: edited("ghcr.io/stefanprodan/podinfo:9") },
      });
      // A later change that is answered: by then the controller has looked at the primary.
      const service = {
        resource: { group: "", version: "v1", plural: "services", kind: "Service" },
        namespace: "open",
      };
      await cluster.api.mergePatch({ ...service, name: "podinfo" }, { spec: { selector: { app: "podinfo" } } });
      await cluster.until("the selector put back", () => {
        return cluster.look.get("services", "open", "podinfo")?.["spec"].selector.app === "podinfo-primary";
      });
      assert.match(template(), /podinfo:9/);
      await cluster.api.mergePatch(primary(), { metadata: { annotations: { "weir.sh/bypass": null } } });
      await cluster.until("the template put back", () => template() === before);
    });
  });

  it("Canaries are refused, and the answer names the webhook", async () => {
    await assert.rejects(cluster.apply(aRelease("open", { threshold: 7 })), (error: WeirError) => {
      assert.match(error.message, /failed calling webhook "mutate-canaries\.weir\.sh".*connect/);
      assert.equal(error.answer?.status, 500);
      return true;
    });
    assert.equal(cluster.canary("open").spec.analysis?.threshold, 3);
  });
});

describe("with the webhook server gone before the primary serves", () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startReleaseCluster();
    const server = await cluster.startServer();
    await cluster.addNamespace("gone");
    // The primary takes as long to serve: on any machine there is time to write before it does.
    await cluster.apply(...(await podinfo("gone", { minReadySeconds: 5 })));
    await cluster.until("podinfo serving", () => cluster.deployment("gone")["status"]?.availableReplicas > 0);
    await cluster.apply(aRelease("gone"));
    await server.stop();
    await cluster.startController();
  });
  after(() => cluster.stop());

  it("a change is held back by the controller, and goes through the release", async () => {
    const insiders = cluster.call("http://podinfo.gone:9898/");
    await cluster.until("a primary", () => cluster.deployment("gone", "podinfo-primary").metadata.name);
    assert.deepEqual(await cluster.setImage("gone", "6.0.1"), []);
    await cluster.until("the target paused", () => cluster.deployment("gone")["spec"].paused === true);
    const text = "podinfo.gone was changed before podinfo-primary serves: paused until it does";
    await cluster.until("the hold told", () => cluster.told.of("gone").some((message) => message.startsWith(text)));
    await cluster.untilPhase("gone", "Succeeded");
    await cluster.untilTold("gone", "Promotion completed!");
    await insiders.stop();
    assert.equal(cluster.deployment("gone")["spec"].paused, undefined);
    assert.ok(cluster.told.of("gone").includes("Advance podinfo.gone canary weight 50"));
    assert.deepEqual(
      insiders.hits.filter(({ ok }) => !ok),
      [],
    );
  });
});
