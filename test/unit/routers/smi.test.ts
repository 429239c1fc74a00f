import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RawObject } from "../../../api/index.ts";
import { routerFor } from "../../../controller/routers/registry.ts";
import { aCanary } from "../aCanary.ts";
import { empty, holding, rendered, split } from "./world.ts";

const canary = aCanary().build();

const versions: Record<string, { apiVersion: string; weight: (share: number) => string | number }> = {
  linkerd: { apiVersion: "split.smi-spec.io/v1alpha1", weight: String },
  osm: { apiVersion: "split.smi-spec.io/v1alpha2", weight: Number },
  "smi:v1alpha1": { apiVersion: "split.smi-spec.io/v1alpha1", weight: String },
  "smi:v1alpha1:linkerd": { apiVersion: "split.smi-spec.io/v1alpha1", weight: String },
  "smi:v1alpha2": { apiVersion: "split.smi-spec.io/v1alpha2", weight: Number },
  "smi:v1alpha3": { apiVersion: "split.smi-spec.io/v1alpha3", weight: Number },
};

for (const [provider, { apiVersion, weight }] of Object.entries(versions)) {
  describe(`a TrafficSplit for ${provider}`, () => {
    const router = routerFor(provider);
    assert.ok(router);

    for (const share of [0, 10, 100]) {
      it(`gives ${share}% to the canary`, () => {
        assert.deepEqual(rendered(router, canary, split(share)), {
          apiVersion,
          kind: "TrafficSplit",
          metadata: {
            name: "shop",
            namespace: "demo",
            ownerReferences: [
              {
                apiVersion: "flagger.app/v1beta1",
                kind: "Canary",
                name: "shop",
                uid: "7f0c",
                controller: true,
                blockOwnerDeletion: true,
              },
            ],
          },
          spec: {
            service: "shop",
            backends: [
              { service: "shop-canary", weight: weight(share) },
              { service: "shop-primary", weight: weight(100 - share) },
            ],
          },
        });
      });
    }

    it("splits the calls of the first host", () => {
      const { spec } = rendered(
        router,
        aCanary()
          .service({ hosts: ["shop.mesh", "x"] })
          .build(),
        split(0),
      );
      assert.equal((spec as { service: string }).service, "shop.mesh");
    });

    const live = (backends: readonly object[], more: object = {}): RawObject => ({
      ...rendered(router, canary, split(0)),
      spec: { service: "shop", backends, ...more },
    });
    const backends = (canaryShare: number, primaryShare: number) => [
      { service: "shop-canary", weight: weight(canaryShare) },
      { service: "shop-primary", weight: weight(primaryShare) },
    ];

    it("is read in any scale; weights that are gone are none", () => {
      assert.deepEqual(router.read(canary, holding(live(backends(500, 500)))), split(50));
      assert.equal(router.read(canary, holding(live([]))), undefined);
      assert.equal(router.read(canary, holding(live([{ service: "shop-canary", weight: "much" }]))), undefined);
      assert.equal(router.read(canary, empty), undefined);
    });

    it("differs with a third backend, and fits with fields of somebody else", () => {
      assert.equal(
        router.fit(canary, holding(live([...backends(10, 90), { service: "x", weight: weight(0) }]))),
        "differs",
      );
      assert.equal(
        router.fit(canary, holding(live(backends(10, 90), { matches: [{ kind: "HTTPRouteGroup" }] }))),
        "fits",
      );
    });

    it("leads to the apex Service when it is released, and goes with the Canary", () => {
      const [released] = router.release(canary, holding(live(backends(10, 90))));
      assert.deepEqual(released?.["spec"], { service: "shop", backends: [{ service: "shop", weight: weight(100) }] });
      assert.equal(released?.metadata.ownerReferences?.length, 1);
    });

    it("stays when it was there before the Canary", () => {
      const users = { ...live(backends(10, 90)), metadata: { name: "shop", namespace: "demo" } };
      const [released] = router.release(canary, holding(users));
      assert.equal(released?.metadata.ownerReferences, undefined);
    });
  });
}
