import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KubeObject } from "../../../../sandbox/apiserver/types.ts";
import { deletionOrder } from "../../../../sandbox/controllers/deletionOrder.ts";
import type { Pod } from "../../../../sandbox/controllers/kinds.ts";
import { isWantedBy } from "../../../../sandbox/controllers/scheduler.ts";
import { templateHash } from "../../../../sandbox/controllers/templateHash.ts";

const now = new Date("2026-01-01T01:00:00Z");

interface Traits {
  node?: string;
  phase?: string;
  readyFor?: number;
  cost?: string;
  restarts?: number;
  age?: number;
}

function aPod(name: string, { node = "n1", phase = "Running", readyFor, cost, restarts = 0, age = 0 }: Traits): Pod {
  const since = (seconds: number): string => new Date(now.getTime() - seconds * 1000).toISOString();
  const ready = { type: "Ready", status: "True" as const, lastTransitionTime: since(readyFor ?? 0) };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      creationTimestamp: since(age),
      ...(cost && { annotations: { "controller.kubernetes.io/pod-deletion-cost": cost } }),
    },
    spec: { containers: [], ...(node !== "" && { nodeName: node }) },
    status: {
      phase,
      conditions: readyFor === undefined ? [] : [ready],
      containerStatuses: [
        { name: "c", state: {}, lastState: {}, ready: true, restartCount: restarts, image: "", imageID: "" },
      ],
    },
  };
}

describe("a ReplicaSet gives up first", () => {
  const cases: { name: string; first: Traits; second: Traits }[] = [
    { name: "a pod without a node", first: { node: "", readyFor: 100 }, second: {} },
    { name: "a pending pod", first: { phase: "Pending" }, second: {} },
    { name: "an unready pod", first: {}, second: { readyFor: 10 } },
    { name: "a pod with a lower deletion cost", first: { readyFor: 99, cost: "-5" }, second: { readyFor: 1 } },
    { name: "a pod that is ready for a shorter time", first: { readyFor: 10 }, second: { readyFor: 1000 } },
    { name: "a pod that restarted more often", first: { readyFor: 9, restarts: 2 }, second: { readyFor: 9 } },
    { name: "the younger pod", first: { readyFor: 9, age: 10 }, second: { readyFor: 9, age: 20 } },
  ];
  for (const { name, first, second } of cases) {
    it(name, () => {
      const pods = [aPod("second", second), aPod("first", first)];
      assert.deepEqual(
        deletionOrder(pods, pods, now).map(({ metadata }) => metadata.name),
        ["first", "second"],
      );
    });
  }

  it("a pod on the node with most siblings", () => {
    const pods = [aPod("alone", { node: "n2", readyFor: 9 }), aPod("a", { readyFor: 9 }), aPod("b", { readyFor: 9 })];
    assert.equal(deletionOrder(pods, pods, now).at(-1)?.metadata.name, "alone");
  });
});

describe("a node is wanted by a pod", () => {
  const node = { apiVersion: "v1", kind: "Node", metadata: { name: "n1", labels: { disk: "ssd" } } } as KubeObject;
  const required = (term: object): object => ({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } } },
  });
  const cases: { name: string; spec: object; wanted: boolean }[] = [
    { name: "that asks for nothing", spec: {}, wanted: true },
    { name: "whose nodeSelector it has", spec: { nodeSelector: { disk: "ssd" } }, wanted: true },
    { name: "not when the nodeSelector differs", spec: { nodeSelector: { disk: "hdd" } }, wanted: false },
    {
      name: "that names it",
      spec: required({ matchFields: [{ key: "metadata.name", operator: "In", values: ["n1"] }] }),
      wanted: true,
    },
    {
      name: "not when its labels are excluded",
      spec: required({ matchExpressions: [{ key: "disk", operator: "NotIn", values: ["ssd"] }] }),
      wanted: false,
    },
  ];
  for (const { name, spec, wanted } of cases) {
    it(name, () => assert.equal(isWantedBy({ spec: { containers: [], ...spec } }, node), wanted));
  }
});

describe("the hash of a template", () => {
  it("is the same for any order of keys, and looks like the real one", () => {
    const hash = templateHash({ a: 1, b: { c: [1, 2], d: "x" } });
    assert.equal(hash, templateHash({ b: { d: "x", c: [1, 2] }, a: 1 }));
    assert.match(hash, /^[4-9bcdf]{1,10}$/);
  });

  it("changes with the value and with collisions", () => {
    const hashes = new Set([templateHash({ a: 1 }), templateHash({ a: 2 }), templateHash({ a: 1 }, 1)]);
    assert.equal(hashes.size, 3);
  });
});
