import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { annotations, fieldsOf, type RawObject, revisionOf } from "../../../api/index.ts";
import { minReplicasOf, primaryHpa } from "../../../controller/scalers/hpa.ts";
import { scalerKindOf } from "../../../controller/scalers/registry.ts";
import { aCanary } from "../aCanary.ts";

const ref = { apiVersion: "autoscaling/v2beta2", kind: "HorizontalPodAutoscaler", name: "shop" } as const;
const canary = aCanary().spec({ autoscalerRef: ref }).build();
const source: RawObject = {
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata: {
    name: "shop",
    namespace: "demo",
    labels: { team: "a", "kustomize.toolkit.fluxcd.io/name": "x" },
    annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}" },
  },
  spec: {
    scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "shop" },
    minReplicas: 2,
    maxReplicas: 4,
    metrics: [{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 99 } } }],
    behavior: { scaleDown: { stabilizationWindowSeconds: 60 } },
    somethingNew: true,
  },
};

describe("U-12: the primary's autoscaler", () => {
  it("is the source's, pointed at the primary", () => {
    const hpa = primaryHpa(canary, source);
    assert.equal(hpa.apiVersion, "autoscaling/v2");
    assert.equal(hpa.metadata.name, "shop-primary");
    assert.deepEqual(hpa.metadata.labels, { team: "a" });
    assert.deepEqual(hpa.metadata.annotations, { [annotations.revision]: revisionOf(hpa["spec"]) });
    assert.equal(hpa.metadata.ownerReferences?.[0]?.uid, "7f0c");
    assert.deepEqual(hpa["spec"], {
      ...fieldsOf(source["spec"]),
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "shop-primary" },
    });
  });

  it("has the Canary's own bounds where it gives them, one by one", () => {
    const bounded = aCanary()
      .spec({ autoscalerRef: { ...ref, primaryScalerReplicas: { maxReplicas: 9 } } })
      .build();
    const spec = fieldsOf(primaryHpa(bounded, source)["spec"]);
    assert.deepEqual([spec["minReplicas"], spec["maxReplicas"]], [2, 9]);
  });

  it("has both bounds of the Canary where it gives both", () => {
    const bounded = aCanary()
      .spec({ autoscalerRef: { ...ref, primaryScalerReplicas: { minReplicas: 2, maxReplicas: 15 } } })
      .build();
    const changed = { ...source, spec: { ...fieldsOf(source["spec"]), minReplicas: 4, maxReplicas: 10 } };
    for (const each of [source, changed]) {
      const { minReplicas, maxReplicas } = fieldsOf(primaryHpa(bounded, each)["spec"]);
      assert.deepEqual([minReplicas, maxReplicas], [2, 15]);
    }
  });

  it("does not go below a floor, as far as its maximum allows", () => {
    const least = (floor: number) => fieldsOf(primaryHpa(canary, source, floor)["spec"])["minReplicas"];
    assert.deepEqual([1, 3, 9].map(least), [2, 3, 4]);
  });

  it("states no minimum where the source has none", () => {
    const { minReplicas: _none, ...spec } = fieldsOf(source["spec"]);
    assert.equal("minReplicas" in fieldsOf(primaryHpa(canary, { ...source, spec })["spec"]), false);
  });

  const least: Record<string, { spec: unknown; want: number }> = {
    "its minimum": { spec: { minReplicas: 3 }, want: 3 },
    "one, without a minimum": { spec: {}, want: 1 },
    "one, even where zero is allowed": { spec: { minReplicas: 0 }, want: 1 },
    "one, for nonsense": { spec: "x", want: 1 },
  };
  for (const [name, { spec, want }] of Object.entries(least)) {
    it(`starts a canary with ${name}`, () => assert.equal(minReplicasOf({ ...source, spec }), want));
  }

  it("is chosen by kind", () => {
    assert.equal(scalerKindOf(ref)?.resource.version, "v2");
    assert.equal(scalerKindOf({ ...ref, kind: "ScaledObject" })?.resource.group, "keda.sh");
    assert.equal(scalerKindOf(undefined), undefined);
  });
});
