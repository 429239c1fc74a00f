import assert from "node:assert/strict";
import { test } from "node:test";
import { keyOf, type RawObject } from "../../../api/index.ts";
import type { ApiRequest, Transport } from "../../../controller/kube/transport.ts";
import { createPods } from "../../../controller/observe/pods.ts";
import { aCanary } from "../aCanary.ts";
import { fakeClock } from "../fakeClock.ts";
import { aDeployment } from "../workloads/aDeployment.ts";

const broken: RawObject = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "shop-1", namespace: "demo", resourceVersion: "7" },
  status: { containerStatuses: [{ name: "shop", image: "shop:2", state: { waiting: { reason: "ErrImagePull" } } }] },
};

/** An API server with one broken pod, whose watches stay silent until they are ended. */
function withOnePod() {
  const asked: string[] = [];
  let open = 0;
  const transport: Transport = {
    async request({ path, query }: ApiRequest) {
      asked.push(`${path}?${query?.["labelSelector"]}`);
      return { status: 200, body: { metadata: { resourceVersion: "9" }, items: [broken] }, warnings: [] };
    },
    async stream({ signal }) {
      open += 1;
      return (async function* () {
        await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
        open -= 1;
        yield* [];
      })();
    },
    close: async () => undefined,
  };
  return { transport, asked, open: () => open };
}

test("pods are watched while their workload cannot serve, and no longer", async () => {
  const { transport, asked, open } = withOnePod();
  const woken = Promise.withResolvers<string>();
  const pods = createPods({ transport, clock: fakeClock(), onChange: woken.resolve, onIncident: () => undefined });
  const canary = aCanary().build();
  assert.equal(pods.troubleOf(canary, "target", aDeployment()), undefined, "not known yet");
  assert.equal(await woken.promise, keyOf(canary.metadata));
  assert.equal(pods.troubleOf(canary, "target", aDeployment()), "ImagePullBackOff: container shop cannot pull shop:2");
  assert.deepEqual(asked, ["/api/v1/namespaces/demo/pods?app=shop"]);
  pods.troubleOf(canary, "primary", aDeployment({ spec: { selector: { matchLabels: { app: "shop-primary" } } } }));
  assert.equal(asked.length, 2);
  pods.leave(canary, "target");
  pods.forget(keyOf(canary.metadata));
  await pods.stop();
  assert.equal(open(), 0);
  assert.deepEqual(asked.slice(1), ["/api/v1/namespaces/demo/pods?app=shop-primary"]);
});

test("a kind without labels of pods is not looked into", async () => {
  const { transport, asked } = withOnePod();
  const pods = createPods({ transport, clock: fakeClock(), onChange: () => undefined, onIncident: () => undefined });
  assert.equal(pods.troubleOf(aCanary().build(), "target", aDeployment({ spec: { selector: {} } })), undefined);
  await pods.stop();
  assert.deepEqual(asked, []);
});
