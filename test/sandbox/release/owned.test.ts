import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fieldsOf, type RawObject, type Resource, WeirError } from "../../../api/index.ts";
import { type ReleaseCluster, startWeirCluster } from "./cluster.ts";
import { aRelease } from "./manifests.ts";

const deployments: Resource = { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" };
const services: Resource = { group: "", version: "v1", plural: "services", kind: "Service" };
const httpRoutes: Resource = {
  group: "gateway.networking.k8s.io",
  version: "v1",
  plural: "httproutes",
  kind: "HTTPRoute",
};
const autoscalers: Resource = {
  group: "autoscaling",
  version: "v2",
  plural: "horizontalpodautoscalers",
  kind: "HorizontalPodAutoscaler",
};

describe("what a Canary owns, written by somebody else", () => {
  let cluster: ReleaseCluster;
  const namespace = "owned";
  const named = (resource: Resource, name = "podinfo") => ({ resource, namespace, name });
  before(async () => {
    cluster = await startWeirCluster();
    await cluster.bootstrap(aRelease(namespace));
  });
  after(() => cluster.stop());

  async function refused(write: Promise<unknown>, field: string, sentence: RegExp): Promise<void> {
    await assert.rejects(write, (error: unknown) => {
      assert.ok(error instanceof WeirError);
      assert.equal(error.answer?.status, 422);
      assert.deepEqual(
        error.answer.causes.map((cause) => cause.field),
        [field],
      );
      assert.match(error.message, sentence);
      return true;
    });
  }

  it("the template of the primary stays, and the writer learns what to change instead", async () => {
    const patch = { spec: { template: { metadata: { annotations: { restarted: "now" } } } } };
    const write = cluster.api.mergePatch(named(deployments, "podinfo-primary"), patch);
    await refused(
      write,
      "spec.template",
      /canary podinfo owns this field: change spec\.template of Deployment podinfo/,
    );
  });

  it("labels of the primary are free", async () => {
    const patch = { metadata: { labels: { team: "blue" } } };
    const answer = await cluster.api.mergePatch(named(deployments, "podinfo-primary"), patch);
    assert.equal(answer.metadata.labels?.["team"], "blue");
  });

  it("generated workloads and Services are not deleted", async () => {
    for (const ref of [named(deployments, "podinfo-primary"), named(services, "podinfo-canary")]) {
      await refused(cluster.api.delete(ref), "metadata.name", /delete the Canary instead/);
      assert.ok(await cluster.api.get(ref));
    }
  });

  it("selector and ports of generated Services stay", async () => {
    const write = cluster.api.mergePatch(named(services, "podinfo-primary"), {
      spec: { selector: { app: "podinfo" } },
    });
    await refused(write, "spec.selector", /change spec\.service of canary podinfo instead/);
  });

  it("weights of the route stay", async () => {
    const route = await cluster.api.get(named(httpRoutes));
    const write = cluster.api.mergePatch(named(httpRoutes), { spec: { rules: [] } });
    await refused(write, "spec.rules", /spec\.service or spec\.analysis of canary podinfo/);
    assert.deepEqual((await cluster.api.get(named(httpRoutes)))?.["spec"], route?.["spec"]);
  });

  it("an apex Service that is applied again keeps selector and ports in the same request, and takes the rest", async () => {
    const stored = await cluster.api.get(named(services));
    const warnings: string[] = [];
    const patch = {
      metadata: { labels: { chart: "podinfo-7" } },
      spec: {
        selector: { app: "podinfo" },
        ports: [{ name: "http", port: 80, targetPort: 9898 }],
        sessionAffinity: "ClientIP",
      },
    };
    const answer = await cluster.api.mergePatch(named(services), patch, { onWarning: (text) => warnings.push(text) });
    const { selector, ports, sessionAffinity } = fieldsOf(answer["spec"]);
    const { selector: turned, ports: ours } = fieldsOf((stored as RawObject)["spec"]);
    assert.deepEqual([selector, ports], [turned, ours]);
    assert.deepEqual(selector, { app: "podinfo-primary" });
    assert.equal(sessionAffinity, "ClientIP");
    assert.equal(answer.metadata.labels?.["chart"], "podinfo-7");
    assert.deepEqual(warnings, [
      "Weir: Service podinfo keeps its selector and ports: see spec.service of canary podinfo",
    ]);
  });

  it("an autoscaler of the target that the Canary does not name is accepted with advice", async () => {
    const warnings: string[] = [];
    const scaler = {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "stray", namespace },
      spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "podinfo" }, maxReplicas: 3 },
    };
    await cluster.api.create(autoscalers, scaler, { onWarning: (text) => warnings.push(text) });
    assert.deepEqual(warnings, [
      "Weir: podinfo is a canary: name HorizontalPodAutoscaler stray in spec.autoscalerRef of canary podinfo",
    ]);
  });

  it("scaling the primary is admitted, and the writer told where the number belongs", async () => {
    const warnings: string[] = [];
    const write = { subresource: "scale" as const, onWarning: (text: string) => warnings.push(text) };
    await cluster.api.mergePatch(named(deployments, "podinfo-primary"), { spec: { replicas: 2 } }, write);
    assert.match(warnings[0] ?? "", /canary podinfo owns podinfo-primary: scale podinfo instead/);
  });
});

describe("what a Canary owned, when the Canary is gone", () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startWeirCluster();
    await cluster.bootstrap(aRelease("going"));
  });
  after(() => cluster.stop());

  it("goes with its namespace", async () => {
    const resource: Resource = { group: "", version: "v1", plural: "namespaces", kind: "Namespace" };
    await cluster.api.delete({ resource, namespace: "", name: "going" });
    await cluster.until("an empty namespace", () => cluster.look.list("deployments.apps", "going").length === 0);
  });
});
