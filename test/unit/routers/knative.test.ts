import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RawObject } from "../../../api/index.ts";
import { knativeRouter } from "../../../controller/routers/knative.ts";
import { knativeService, provided } from "./providers.ts";
import { empty, holding as holdingOnly, rendered, split } from "./world.ts";

const { aCanary, holding } = provided(knativeRouter);
const canary = aCanary().build();
const key = "flagger.app/primary-revision";

/** The user's Service with this traffic, while `revision` is promoted. */
function live(revision: string, traffic: readonly object[]): RawObject {
  const { metadata } = knativeService;
  return {
    ...knativeService,
    metadata: { ...metadata, annotations: { [key]: revision, mine: "1" } },
    spec: { ...(knativeService["spec"] as object), traffic },
    status: { latestCreatedRevisionName: "shop-00002" },
  };
}

const entries = (newest: number, promoted: number) => [
  { latestRevision: true, percent: newest },
  { revisionName: "shop-00001", percent: promoted },
];

describe("the traffic of a Knative Service", () => {
  for (const share of [0, 10, 100]) {
    it(`gives ${share}% to the newest revision; nothing else of the Service is written`, () => {
      assert.deepEqual(rendered(knativeRouter, canary, split(share), holding()), {
        apiVersion: "serving.knative.dev/v1",
        kind: "Service",
        metadata: { name: "shop", namespace: "demo", annotations: { [key]: "shop-00001" } },
        spec: { traffic: entries(share, 100 - share) },
      });
    });
  }

  it("keeps the promoted revision while a newer one is there", () => {
    const made = rendered(knativeRouter, canary, split(10), holdingOnly(live("shop-00001", [])));
    assert.deepEqual(made["spec"], { traffic: entries(10, 90) });
  });

  const reads: Record<string, { traffic: readonly object[]; want: ReturnType<typeof split> | undefined }> = {
    "a split": { traffic: entries(30, 70), want: split(30) },
    "the promoted revision, named as the newest too": {
      traffic: [{ latestRevision: true, revisionName: "shop-00001", percent: 20 }, entries(0, 80)[1] ?? {}],
      want: split(20),
    },
    "traffic of the user": { traffic: [{ latestRevision: true, percent: 100 }], want: undefined },
    "another revision": {
      traffic: [entries(0, 0)[0] ?? {}, { revisionName: "shop-00000", percent: 100 }],
      want: undefined,
    },
  };
  for (const [name, { traffic, want }] of Object.entries(reads)) {
    it(`is read: ${name}`, () => {
      assert.deepEqual(knativeRouter.read(canary, holdingOnly(live("shop-00001", traffic))), want);
    });
  }

  it("waits for the first primary", () => {
    const young = { ...knativeService, metadata: { name: "shop", namespace: "demo" } };
    assert.deepEqual(knativeRouter.render(canary, split(0), holdingOnly(young)), []);
    assert.equal(knativeRouter.fit(canary, empty), "absent");
  });

  it("is the newest revision's when it is released", () => {
    const [released] = knativeRouter.release(canary, holdingOnly(live("shop-00001", entries(30, 70))));
    assert.deepEqual(released?.["spec"], { traffic: [{ latestRevision: true, percent: 100 }] });
  });
});
