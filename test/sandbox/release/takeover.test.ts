import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Canary, canaryResource, fieldsOf, type RawObject, revisionOf } from "../../../api/index.ts";
import type { Traffic } from "../../../examples/demo/traffic.ts";
import { type ReleaseCluster, startReleaseCluster } from "./cluster.ts";
import { aRelease, podinfo, resourceOf } from "./manifests.ts";

/** What it calls revisions; nobody else can compute them. */
const [older, newer] = ["57c4b7b764", "6b8f9d5c4f"];

/** Canaries as another system leaves them behind: made by `POST` and `PUT`, nothing on them is ours. */
describe("canaries that another system looked after", { concurrency: true }, () => {
  let cluster: ReleaseCluster;
  const visitors = new Map<string, Traffic>();
  const pods = new Map<string, readonly string[]>();

  const primaryPods = (namespace: string): readonly string[] =>
    cluster.look
      .list("pods", namespace)
      .filter(({ metadata }) => metadata.labels?.["app"] === "podinfo-primary")
      .map(({ metadata }) => metadata.name ?? "")
      .sort();
  const primaryImage = (namespace: string): string =>
    cluster.deployment(namespace, "podinfo-primary")["spec"].template.spec.containers[0].image;

  before(async () => {
    cluster = await startReleaseCluster();
    await Promise.all([
      leave("rested", "6.0.0", { phase: "Succeeded", lastAppliedSpec: older, lastPromotedSpec: older }),
      leave("refused", "6.0.1", { phase: "Failed", lastAppliedSpec: newer, lastPromotedSpec: older }),
      leave("missed", "6.0.1", { phase: "Initialized", lastAppliedSpec: older, lastPromotedSpec: older }),
    ]);
    for (const namespace of ["rested", "refused", "missed"]) {
      visitors.set(namespace, cluster.visit(`${namespace}.example.com`));
      pods.set(namespace, primaryPods(namespace));
    }
    await Promise.all([cluster.startServer(), cluster.startController()]);
  });
  after(() => cluster.stop());

  /** Its primary runs 6.0.0, the target has `tag`. */
  async function leave(namespace: string, tag: string, status: NonNullable<Canary["status"]>): Promise<void> {
    await cluster.bootstrapTarget(namespace);
    const create = (object: RawObject) => cluster.api.create(resourceOf(object), object, { fieldManager: "flagger" });
    const canary = (await create(aRelease(namespace))) as Canary;
    const { uid = "" } = canary.metadata;
    const owner = {
      apiVersion: canary.apiVersion,
      kind: "Canary",
      name: "podinfo",
      uid,
      controller: true,
      blockOwnerDeletion: true,
    };
    const mine = (name: string, labels = {}) => ({ name, namespace, labels, ownerReferences: [owner] });
    const [target] = (await podinfo(namespace)) as [RawObject];
    const spec = fieldsOf(target["spec"]);
    const template = fieldsOf(spec["template"]);
    const { annotations, labels } = fieldsOf(template["metadata"]);
    const app = "podinfo-primary";
    const id = { "flagger-id": "c0a1f8de-2b5b-4b6e-9b0f-7d3f2f6a0c11" };
    await create({
      ...target,
      metadata: mine("podinfo-primary", { app }),
      spec: {
        ...spec,
        replicas: 1,
        selector: { matchLabels: { app } },
        template: {
          ...template,
          metadata: { labels: { ...fieldsOf(labels), app }, annotations: { ...fieldsOf(annotations), ...id } },
        },
      },
    });
    for (const [name, selected] of [
      ["podinfo-canary", "podinfo"],
      ["podinfo-primary", app],
    ] as const)
      await create({
        apiVersion: "v1",
        kind: "Service",
        metadata: mine(name, { app: name }),
        spec: { selector: { app: selected }, ports: [{ name: "http", port: 9898, targetPort: 9898, protocol: "TCP" }] },
      });
    const backend = (name: string, weight: number) => ({ group: "", kind: "Service", name, port: 9898, weight });
    await create({
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: mine("podinfo"),
      spec: {
        hostnames: [`${namespace}.example.com`],
        parentRefs: [{ name: "gateway", namespace: "istio-ingress" }],
        rules: [
          {
            matches: [{ path: { type: "PathPrefix", value: "/" } }],
            backendRefs: [backend("podinfo-primary", 100), backend("podinfo-canary", 0)],
          },
        ],
      },
    });
    await cluster.until("the primary", () => cluster.deployment(namespace, app)["status"]?.readyReplicas === 1);
    const at = (resource: ReturnType<typeof resourceOf>) => ({ resource, namespace, name: "podinfo" });
    await cluster.api.mergePatch(at({ group: "", version: "v1", kind: "Service", plural: "services" }), {
      spec: { selector: { app } },
    });
    await cluster.api.mergePatch(at(resourceOf(target)), { spec: { replicas: 0 } });
    await cluster.setImage(namespace, tag);
    const written = {
      ...status,
      canaryWeight: 0,
      failedChecks: 0,
      iterations: 0,
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    await cluster.api.mergePatch(at(canaryResource), { status: written }, { subresource: "status" });
  }

  const revision = (namespace: string): string => revisionOf(cluster.deployment(namespace)["spec"].template);

  async function untilKnown(namespace: string): Promise<void> {
    await cluster.until(
      "the revision being known",
      () => cluster.canary(namespace).status?.lastAppliedSpec === revision(namespace),
    );
  }

  /** Nobody noticed, no pod of the primary was replaced, and no release was begun. */
  async function assertUntouched(namespace: string): Promise<void> {
    assert.deepEqual(primaryPods(namespace), pods.get(namespace));
    assert.ok(!cluster.told.of(namespace).some((message) => message.startsWith("New revision detected!")));
    assert.equal(cluster.deployment(namespace)["spec"].replicas, 0);
  }

  async function assertNobodyNoticed(namespace: string): Promise<void> {
    const traffic = visitors.get(namespace);
    await traffic?.stop();
    assert.ok((traffic?.hits.length ?? 0) > 0);
    assert.deepEqual(
      traffic?.hits.filter(({ ok }) => !ok),
      [],
    );
  }

  it("at rest: taken over as they are, and the next change is released", async () => {
    await untilKnown("rested");
    const { status } = cluster.canary("rested");
    assert.deepEqual([status?.phase, status?.lastPromotedSpec], ["Succeeded", revision("rested")]);
    await assertUntouched("rested");
    await cluster.setImage("rested", "6.0.1");
    assert.equal((await cluster.untilOver("rested")).status?.phase, "Succeeded");
    await cluster.untilTargetIsEmpty("rested");
    assert.equal(primaryImage("rested"), "stefanprodan/podinfo:6.0.1");
    await assertNobodyNoticed("rested");
  });

  it("after a failed release: what was refused stays refused", async () => {
    await untilKnown("refused");
    const { status } = cluster.canary("refused");
    assert.deepEqual([status?.phase, status?.lastPromotedSpec], ["Failed", older]);
    await assertUntouched("refused");
    assert.equal(primaryImage("refused"), "stefanprodan/podinfo:6.0.0");
    await assertNobodyNoticed("refused");
  });

  it("a change that was made while nobody looked is released, not taken for what runs", async () => {
    assert.equal((await cluster.untilOver("missed")).status?.phase, "Succeeded");
    await cluster.untilTargetIsEmpty("missed");
    assert.ok(cluster.told.of("missed").includes("New revision detected! Scaling up podinfo.missed"));
    assert.equal(primaryImage("missed"), "stefanprodan/podinfo:6.0.1");
    await assertNobodyNoticed("missed");
  });
});
