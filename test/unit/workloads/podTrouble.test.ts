import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RawObject } from "../../../api/index.ts";
import { creationTrouble, podSelector, podTrouble } from "../../../controller/workloads/podTrouble.ts";
import { aDeployment } from "./aDeployment.ts";

const aPod = (status: object, metadata: object = {}): RawObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "shop-5d9c-x2x4z", namespace: "demo", ...metadata },
  status,
});
/** A pod whose only container is like this. */
const withContainer = (container: object, metadata: object = {}): RawObject =>
  aPod(
    { containerStatuses: [{ name: "shop", image: "shop:2", ready: false, restartCount: 0, ...container }] },
    metadata,
  );
const waiting = (reason: string, message?: string) => ({ state: { waiting: { reason, message } } });
const oom = { terminated: { exitCode: 137, reason: "OOMKilled" } };

const cases: Record<string, { pod: RawObject; want: string | undefined }> = {
  "serves, and crashed once": {
    pod: withContainer({ ready: true, restartCount: 1, lastState: oom, state: { running: {} } }),
    want: undefined,
  },
  "has only begun": { pod: withContainer(waiting("ContainerCreating")), want: undefined },
  "runs and is not ready yet": { pod: withContainer({ state: { running: {} } }), want: undefined },
  "could not be pulled": {
    pod: withContainer(waiting("ErrImagePull", "rpc error: not found")),
    want: "ImagePullBackOff: container shop cannot pull shop:2",
  },
  "waits to be pulled again": {
    pod: withContainer(waiting("ImagePullBackOff", 'Back-off pulling image "shop:2"')),
    want: "ImagePullBackOff: container shop cannot pull shop:2",
  },
  "waits to be started again": {
    pod: withContainer({ ...waiting("CrashLoopBackOff", "back-off 20s"), restartCount: 3, lastState: oom }),
    want: "CrashLoopBackOff: container shop exits with code 137 (OOMKilled)",
  },
  "runs between two crashes": {
    pod: withContainer({ state: { running: {} }, restartCount: 2, lastState: oom }),
    want: "CrashLoopBackOff: container shop exits with code 137 (OOMKilled)",
  },
  "lacks a Secret": {
    pod: withContainer(waiting("CreateContainerConfigError", 'secret "login" not found')),
    want: 'CreateContainerConfigError: container shop: secret "login" not found',
  },
  "fails in an init container": {
    pod: aPod({
      initContainerStatuses: [
        { name: "init", ready: false, restartCount: 1, lastState: { terminated: { exitCode: 1, reason: "Error" } } },
      ],
      containerStatuses: [{ name: "shop", ready: false, restartCount: 0, ...waiting("PodInitializing") }],
    }),
    want: "CrashLoopBackOff: container init exits with code 1 (Error)",
  },
  "fits no node": {
    pod: aPod({
      conditions: [
        {
          type: "PodScheduled",
          status: "False",
          reason: "Unschedulable",
          message: "0/3 nodes are available: 3 Insufficient cpu.",
        },
      ],
    }),
    want: "Unschedulable: 0/3 nodes are available: 3 Insufficient cpu.",
  },
  "is on its way out": {
    pod: withContainer(waiting("ErrImagePull"), { deletionTimestamp: "2026-01-01T00:00:00Z" }),
    want: undefined,
  },
};

describe("what keeps a pod from serving that", () => {
  for (const [name, { pod, want }] of Object.entries(cases)) it(name, () => assert.equal(podTrouble([pod]), want));
});

it("the trouble of several pods is the same one, whatever their order", () => {
  const pods = [withContainer(waiting("ErrImagePull")), withContainer({ restartCount: 1, lastState: oom })];
  assert.equal(podTrouble(pods), "CrashLoopBackOff: container shop exits with code 137 (OOMKilled)");
  assert.equal(podTrouble(pods.toReversed()), podTrouble(pods));
  assert.equal(podTrouble([]), undefined);
});

it("pods that may not be made are a trouble of their Deployment, without the name that changes with every try", () => {
  const failure = (status: string) => ({
    type: "ReplicaFailure",
    status,
    reason: "FailedCreate",
    message:
      'pods "shop-5d9c-x2x4z" is forbidden: exceeded quota: team, requested: pods=1, used: pods=4, limited: pods=4',
  });
  const failing = (status: string) => aDeployment({ status: { conditions: [failure(status)] } });
  assert.equal(
    creationTrouble(failing("True")),
    "FailedCreate: forbidden: exceeded quota: team, requested: pods=1, used: pods=4, limited: pods=4",
  );
  assert.equal(creationTrouble(failing("False")), undefined);
  assert.equal(creationTrouble(aDeployment()), undefined);
});

it("pods are found by the labels that their workload selects", () => {
  const selector = { matchLabels: { app: "shop", tier: "web" } };
  assert.equal(podSelector(aDeployment({ spec: { selector } })), "app=shop,tier=web");
  assert.equal(podSelector(aDeployment({ spec: { selector: undefined } })), undefined);
});
