import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { annotations, type Canary, keyOf, type ObjectRef, type RawObject, revisionOf } from "../../../api/index.ts";
import { decide } from "../../../controller/decide/decide.ts";
import type { Observation } from "../../../controller/decide/types.ts";
import { observe } from "../../../controller/observe/observe.ts";
import { aCanary } from "../aCanary.ts";

const template = { metadata: { labels: { app: "shop" } }, spec: { containers: [{ name: "shop", image: "shop:2" }] } };

function aTarget(kind: string, marks: Readonly<Record<string, string>>, spec: object = {}): RawObject {
  return {
    apiVersion: "apps/v1",
    kind,
    metadata: { name: "shop", namespace: "demo", annotations: marks },
    spec: { replicas: 0, selector: { matchLabels: { app: "shop" } }, template, ...spec },
  };
}

function look(canary: Canary, objects: readonly RawObject[], crossNamespaceRefs = true): Observation {
  const get = ({ resource, namespace, name }: ObjectRef) =>
    objects.find(({ kind, metadata }) => kind === resource.kind && keyOf(metadata) === keyOf({ namespace, name }));
  const seen = observe(canary, {
    caches: { get, ready: () => true, controlledBy: () => [], follow: () => true },
    configs: undefined,
    pods: { troubleOf: () => undefined, leave: () => undefined },
    meshProvider: "kubernetes",
    selectorLabels: ["app"],
    crossNamespaceRefs,
    drainMs: 0,
    now: Date.parse("2026-01-01T10:00:00Z"),
    lastRoundAt: undefined,
    answers: {},
  });
  assert.ok(seen !== undefined);
  return seen;
}

describe("a template that no webhook judged", () => {
  const judged = { [annotations.revision]: revisionOf(template) };
  const withoutAdmission: Canary = {
    ...aCanary().build(),
    metadata: { ...aCanary().build().metadata, annotations: { [annotations.admission]: "off" } },
  };
  const daemons = aCanary().spec({ targetRef: { apiVersion: "apps/v1", kind: "DaemonSet", name: "shop" } });
  const cases = [
    { of: "a Deployment without a stamp", target: aTarget("Deployment", {}), unjudged: true },
    { of: "a Deployment with the stamp of its template", target: aTarget("Deployment", judged), unjudged: false },
    {
      of: "a Deployment with the stamp of another template",
      target: aTarget("Deployment", { [annotations.revision]: "w1:another" }),
      unjudged: true,
    },
    {
      of: "a paused Deployment: it changes nothing",
      target: aTarget("Deployment", {}, { paused: true }),
      unjudged: false,
    },
    {
      of: "a Deployment whose Canary wants no admission",
      target: aTarget("Deployment", {}),
      canary: withoutAdmission,
      unjudged: false,
    },
    {
      of: "a DaemonSet: it cannot be paused",
      target: aTarget("DaemonSet", {}),
      canary: daemons.build(),
      unjudged: false,
    },
  ];
  for (const { of, target, canary = aCanary().build(), unjudged } of cases) {
    test(`${unjudged ? "is seen" : "is none"} in ${of}`, () => {
      assert.equal(look(canary, [target]).target?.unjudged, unjudged);
    });
  }
});

describe("references to other namespaces", () => {
  const metrics = [{ name: "mine", interval: "1m", templateRef: { name: "mine", namespace: "shared" } }];
  const canary = aCanary().analysis({ metrics }).build();
  const finalized = { ...canary, metadata: { ...canary.metadata, finalizers: ["finalizer.flagger.app"] } };

  test("stall a Canary where they are switched off, and nothing is asked", () => {
    const { actions, questions } = decide(look(finalized, [aTarget("Deployment", {})], false));
    assert.deepEqual(questions, []);
    assert.deepEqual(
      actions.map(({ kind }) => kind),
      ["status", "event"],
    );
    const why =
      "spec.analysis.metrics[0].templateRef refers to namespace shared: references to other namespaces are switched off here";
    assert.ok(JSON.stringify(actions).includes(why), JSON.stringify(actions));
  });

  test("are no obstacle elsewhere", () => {
    assert.equal(look(finalized, [aTarget("Deployment", {})]).obstacle, undefined);
  });
});
