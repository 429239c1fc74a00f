/** What stands around a target, applied again from the files of its team: what docs/ADMISSION.md says of it, in each stage of its Canary. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { RawObject } from "../../../api/index.ts";
import { podinfo } from "./manifests.ts";
import { type Desk, openDesk, type Seen, type Stage, withoutKubectl } from "./writing.ts";

const stages: readonly Stage[] = ["resting", "running", "early"];

describe("what a chart applies again beside its Deployment", { skip: withoutKubectl }, () => {
  let desk: Desk;
  before(async () => {
    desk = await openDesk();
  });
  after(() => desk.stop());

  const apply = (stage: Stage, object: RawObject): Promise<Seen> =>
    desk.kubectl(stage, ["apply", "-f", "-"], { ...object, metadata: { ...object.metadata, namespace: stage } });
  const selector = (stage: Stage): object => desk.look.get("services", stage, "podinfo")?.["spec"].selector;

  it("the apex Service", async () => {
    const [, service] = await podinfo("any");
    assert.ok(service);
    const changed = { ...service, metadata: { ...service.metadata, labels: { chart: "podinfo-7" } } };
    const keeps = "Service podinfo keeps its selector: see spec.service of canary podinfo";
    for (const [stage, told, app] of [
      ["resting", [keeps], "podinfo-primary"],
      ["running", [keeps], "podinfo-primary"],
      ["early", [], "podinfo"],
    ] as const) {
      const seen = await apply(stage, changed);
      assert.equal(seen.exit, 0, seen.stderr);
      assert.deepEqual(seen.told, told);
      assert.deepEqual(selector(stage), { app });
      assert.equal(desk.look.get("services", stage, "podinfo")?.metadata.labels?.["chart"], "podinfo-7");
    }
  });

  it("an autoscaler of the target", async () => {
    const scaler: RawObject = {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "podinfo" },
      spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "podinfo" }, maxReplicas: 3 },
    };
    const advice = "podinfo is a canary: name HorizontalPodAutoscaler podinfo in spec.autoscalerRef of canary podinfo";
    for (const stage of stages) {
      assert.deepEqual((await apply(stage, scaler)).told, [advice]);
      assert.deepEqual((await apply(stage, scaler)).told, []);
    }
    // It leaves a target at 0 alone.
    assert.equal(desk.replicas("resting"), 0);
  });

  it("an HTTPRoute by the name of the generated one", async () => {
    const route: RawObject = {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "podinfo" },
      spec: {
        parentRefs: [{ name: "gateway", namespace: "istio-ingress" }],
        rules: [{ backendRefs: [{ name: "podinfo", port: 9898 }] }],
      },
    };
    for (const stage of ["resting", "running"] as const) {
      const share = desk.routed(stage);
      const { exit, stderr } = await apply(stage, route);
      assert.equal(exit, 1);
      assert.match(
        stderr,
        /spec\.rules: Forbidden: canary podinfo owns this field: change spec\.service or spec\.analysis/,
      );
      assert.equal(desk.routed(stage), share);
    }
    assert.equal((await apply("early", route)).exit, 0);
  });

  it("generated objects that are deleted", async () => {
    for (const stage of ["resting", "running"] as const)
      for (const object of ["deployment/podinfo-primary", "service/podinfo-canary", "httproute/podinfo"]) {
        const { exit, stderr } = await desk.kubectl(stage, ["delete", object]);
        assert.equal(exit, 1);
        assert.match(stderr, /canary podinfo owns \w+ podinfo(-\w+)?: delete the Canary instead/);
      }
    const { stderr } = await desk.kubectl("early", ["delete", "deployment/podinfo-primary"]);
    assert.match(stderr, /NotFound/);
  });
});
