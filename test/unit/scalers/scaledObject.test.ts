import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { annotations, type CanarySpec, fieldsOf, knownKeys, type RawObject, revisionOf } from "../../../api/index.ts";
import { primaryScaledObject, scaledObject } from "../../../controller/scalers/scaledObject.ts";
import { aCanary } from "../aCanary.ts";

const ref = { apiVersion: "keda.sh/v1alpha1", kind: "ScaledObject", name: "shop-so" } as const;
const aCopier = (more: Partial<NonNullable<CanarySpec["autoscalerRef"]>> = {}) =>
  aCanary()
    .spec({ autoscalerRef: { ...ref, ...more } })
    .build();

function aSource(spec: Readonly<Record<string, unknown>> = {}): RawObject {
  return {
    apiVersion: "keda.sh/v1alpha1",
    kind: "ScaledObject",
    metadata: {
      name: "shop-so",
      namespace: "demo",
      labels: { team: "a", "scaledobject.keda.sh/name": "shop-so", "kustomize.toolkit.fluxcd.io/name": "x" },
      annotations: {
        "scaledobject.keda.sh/transfer-hpa-ownership": "true",
        [knownKeys.kedaPausedReplicas]: "0",
        [knownKeys.lastApplied]: "{}",
      },
    },
    spec: {
      scaleTargetRef: { name: "shop", envSourceContainerName: "shop" },
      pollingInterval: 10,
      minReplicaCount: 1,
      maxReplicaCount: 3,
      advanced: { horizontalPodAutoscalerConfig: { name: "shop", behavior: { scaleDown: {} } } },
      triggers: [aTrigger('sum(rate(requests{app="shop-canary", svc="shop", live="shop-primary"}[1m]))')],
      ...spec,
    },
  };
}

function aTrigger(query: unknown, name?: string) {
  return {
    type: "prometheus",
    ...(name === undefined ? {} : { name }),
    metadata: { serverAddress: "http://p", query },
  };
}

const queriesOf = (object: RawObject): unknown[] =>
  (fieldsOf(object["spec"])["triggers"] as { metadata: { query: unknown } }[]).map(({ metadata }) => metadata.query);

describe("U-12: the primary's ScaledObject", () => {
  it("is the source's, pointed at the primary, without what only the source is told", () => {
    const copy = primaryScaledObject(aCopier(), aSource());
    assert.equal(copy.metadata.name, "shop-so-primary");
    assert.deepEqual(copy.metadata.labels, { team: "a" });
    assert.deepEqual(copy.metadata.annotations, {
      "scaledobject.keda.sh/transfer-hpa-ownership": "true",
      [annotations.revision]: revisionOf(copy["spec"]),
    });
    assert.deepEqual(copy["spec"], {
      ...fieldsOf(aSource()["spec"]),
      scaleTargetRef: { name: "shop-primary", envSourceContainerName: "shop" },
      advanced: { horizontalPodAutoscalerConfig: { name: "shop-primary", behavior: { scaleDown: {} } } },
      triggers: [aTrigger('sum(rate(requests{app="shop-primary", svc="shop-primary", live="shop-primary"}[1m]))')],
    });
  });

  it("has other bounds where the Canary gives them", () => {
    const bounded = aCopier({ primaryScalerReplicas: { minReplicas: 2, maxReplicas: 15 } });
    const { minReplicaCount, maxReplicaCount } = fieldsOf(primaryScaledObject(bounded, aSource())["spec"]);
    assert.deepEqual([minReplicaCount, maxReplicaCount], [2, 15]);
  });

  it("has the Canary's query for a trigger of that name, and leaves the others alone", () => {
    const triggers = [aTrigger("shop", "one"), aTrigger("shop", "two"), aTrigger("shop")];
    const named = aCopier({ primaryScalerQueries: { one: "mine" } });
    assert.deepEqual(queriesOf(primaryScaledObject(named, aSource({ triggers }))), ["mine", "shop", "shop"]);
  });

  it("leaves a trigger alone that has no query", () => {
    const triggers = [{ type: "cpu", metadata: { value: "50" } }];
    const copy = primaryScaledObject(aCopier(), aSource({ triggers }));
    assert.deepEqual(fieldsOf(copy["spec"])["triggers"], triggers);
  });

  it("loses what its source no longer states: it is another revision then", () => {
    const { pollingInterval: _, ...rest } = fieldsOf(aSource()["spec"]);
    const [before, after] = [aSource(), { ...aSource(), spec: rest }].map((source) =>
      primaryScaledObject(aCopier(), source),
    );
    assert.notEqual(
      before?.metadata.annotations?.[annotations.revision],
      after?.metadata.annotations?.[annotations.revision],
    );
  });

  it("does not go below a floor, as far as its maximum allows", () => {
    const least = (floor: number) =>
      fieldsOf(primaryScaledObject(aCopier(), aSource(), floor)["spec"])["minReplicaCount"];
    assert.deepEqual([1, 2, 9].map(least), [1, 2, 3]);
  });
});

it("U-12: a source is paused by one annotation, and only by a zero of ours", () => {
  const { pausing } = scaledObject;
  assert.ok(pausing);
  const told = (value: string) => ({
    ...aSource(),
    metadata: { name: "shop-so", annotations: { [knownKeys.kedaPausedReplicas]: value } },
  });
  assert.deepEqual([pausing.isPaused(told("0")), pausing.isPaused(told("4"))], [true, false]);
  assert.deepEqual(pausing.patch(true), { metadata: { annotations: { [knownKeys.kedaPausedReplicas]: "0" } } });
  assert.deepEqual(pausing.patch(false), { metadata: { annotations: { [knownKeys.kedaPausedReplicas]: null } } });
});
