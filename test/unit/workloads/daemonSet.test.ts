import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fieldsOf, isSameTemplate, knownKeys, type RawObject, revisionOf } from "../../../api/index.ts";
import { daemonSet } from "../../../controller/workloads/daemonSet.ts";
import { aCanary } from "../aCanary.ts";
import { aDeployment } from "./aDeployment.ts";

const mark = { [knownKeys.scaleToZeroNode]: "true" };
const options = { selectorLabels: ["app"], includeLabelPrefix: [] };

function aDaemonSet(more: Parameters<typeof aDeployment>[0] = {}): RawObject {
  const {
    replicas: _replicas,
    strategy: _strategy,
    progressDeadlineSeconds: _,
    ...spec
  } = fieldsOf(aDeployment(more)["spec"]);
  return { ...aDeployment(more), kind: "DaemonSet", spec };
}

describe("a parked DaemonSet", () => {
  const parked = aDaemonSet({ pods: { nodeSelector: mark } });

  it("has no replicas, and one when it may run", () => {
    assert.deepEqual(
      [parked, aDaemonSet()].map((set) => daemonSet.sizing?.replicas(set)),
      [0, 1],
    );
  });

  it("is of the revision that its user wrote", () => {
    const template = (object: RawObject) => fieldsOf(object["spec"])["template"];
    for (const nodeSelector of [undefined, {}, { disk: "ssd" }]) {
      const written = aDaemonSet({ pods: { nodeSelector } });
      const held = aDaemonSet({ pods: { nodeSelector: { ...nodeSelector, ...mark } } });
      assert.equal(daemonSet.revisionOfTarget(held), daemonSet.revisionOfTarget(written));
      assert.equal(isSameTemplate(template(held), template(written)), true);
    }
    const other = aDaemonSet({ pods: { nodeSelector: { disk: "hdd", ...mark } } });
    assert.notEqual(daemonSet.revisionOfTarget(other), daemonSet.revisionOfTarget(parked));
    assert.equal(revisionOf(template(aDaemonSet())), daemonSet.revisionOfTarget(parked));
  });

  it("makes a primary that runs, with everything else it has", () => {
    const target = aDaemonSet({
      spec: { updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 2 } }, minReadySeconds: 5 },
      pods: { nodeSelector: { disk: "ssd", ...mark } },
    });
    const spec = fieldsOf(daemonSet.primary(aCanary().build(), target, options)["spec"]);
    assert.deepEqual(fieldsOf(fieldsOf(spec["template"])["spec"])["nodeSelector"], { disk: "ssd" });
    const { selector: _selector, template: _template, ...rest } = spec;
    assert.deepEqual(rest, {
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 2 } },
      minReadySeconds: 5,
    });
    const empty = fieldsOf(daemonSet.primary(aCanary().build(), parked, options)["spec"]);
    assert.equal("nodeSelector" in fieldsOf(fieldsOf(empty["template"])["spec"]), false);
  });

  it("is parked and let go by one key", () => {
    const keyOf = (count: number) => ({
      patch: {
        spec: { template: { spec: { nodeSelector: { [knownKeys.scaleToZeroNode]: count > 0 ? null : "true" } } } },
      },
    });
    assert.deepEqual(daemonSet.sizing?.scaled(0), keyOf(0));
    assert.deepEqual(daemonSet.sizing?.scaled(7), keyOf(7));
  });
});

it("a DaemonSet whose pods are replaced by hand only is refused in the known words", () => {
  const onDelete = aDaemonSet({ spec: { updateStrategy: { type: "OnDelete" } } });
  assert.equal(
    daemonSet.obstacle(onDelete, options),
    "createPrimaryDaemonSet failed: daemonset shop.demo must have RollingUpdate strategy but have OnDelete",
  );
  assert.equal(daemonSet.obstacle(aDaemonSet(), options), undefined);
  assert.equal(
    daemonSet.obstacle(aDaemonSet({ spec: { updateStrategy: { type: "RollingUpdate" } } }), options),
    undefined,
  );
});

describe("a DaemonSet is ready when every node that fits runs the new pods", () => {
  const now = Date.parse("2026-01-01T00:10:00Z");
  const readiness = { name: "shop", thresholdPercent: 100, deadlineSeconds: 60, now, mustServe: false };
  const counts = (desired: number, updated: number, available: number) => ({
    observedGeneration: 2,
    desiredNumberScheduled: desired,
    updatedNumberScheduled: updated,
    numberAvailable: available,
  });
  const waiting = (why: string, more: object = {}) => ({
    ready: false,
    why: `waiting for rollout to finish: ${why}`,
    retriable: true,
    ...more,
  });
  const cases: Record<
    string,
    {
      status: object;
      pods?: object;
      more?: { thresholdPercent?: number; mustServe?: boolean; progressAt?: number };
      want: object;
    }
  > = {
    "on every node": { status: counts(3, 3, 3), want: { ready: true } },
    "not seen yet": {
      status: { ...counts(3, 3, 3), observedGeneration: 1 },
      want: waiting("observed daemonset generation less than desired generation", { settling: true }),
    },
    "old pods left": { status: counts(3, 1, 3), want: waiting("1 out of 3 new pods have been updated") },
    "pods starting": {
      status: counts(3, 3, 1),
      want: waiting("1 of 3 (readyThreshold 100%) updated pods are available"),
    },
    "half is enough": { status: counts(3, 3, 1), more: { thresholdPercent: 50 }, want: { ready: true } },
    "nowhere to run": { status: counts(0, 0, 0), want: waiting("no node fits its pods") },
    parked: { status: counts(0, 0, 0), pods: { nodeSelector: mark }, want: { ready: true } },
    "a parked primary": {
      status: counts(0, 0, 0),
      pods: { nodeSelector: mark },
      more: { mustServe: true },
      want: waiting("it is kept off its nodes"),
    },
    "before the deadline": {
      status: counts(3, 3, 0),
      more: { progressAt: now - 60_000 },
      want: waiting("0 of 3 (readyThreshold 100%) updated pods are available", { recheckAt: now + 1 }),
    },
    "past the deadline": {
      status: counts(3, 3, 0),
      more: { progressAt: now - 60_001 },
      want: { ready: false, why: "exceeded its progressDeadlineSeconds: 60", retriable: false },
    },
  };
  for (const [name, { status, pods, more, want }] of Object.entries(cases)) {
    it(name, () => {
      const set = { ...aDaemonSet({ pods: { ...pods } }), status };
      assert.deepEqual(daemonSet.readiness(set, { progressAt: undefined, ...readiness, ...more }), want);
    });
  }
});
