import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { kumaRouter } from "../../../controller/routers/kuma.ts";
import { aCanary } from "../aCanary.ts";
import { empty, holding, marks, rendered, split } from "./world.ts";

const canary = aCanary().build();
const tag = "kuma.io/service";

const spec = (...split: readonly (readonly [string, number])[]) => ({
  sources: [{ match: { [tag]: "*" } }],
  destinations: [{ match: { [tag]: "shop_demo_svc_8080" } }],
  conf: { split: split.map(([name, weight]) => ({ weight, destination: { [tag]: `${name}_demo_svc_8080` } })) },
});

describe("a TrafficRoute", () => {
  for (const share of [0, 10, 100]) {
    it(`gives ${share}% to the canary; nothing in a namespace owns it`, () => {
      assert.deepEqual(rendered(kumaRouter, canary, split(share)), {
        apiVersion: "kuma.io/v1alpha1",
        kind: "TrafficRoute",
        metadata: { name: "shop", annotations: marks },
        mesh: "default",
        spec: spec(["shop-primary", 100 - share], ["shop-canary", share]),
      });
    });
  }

  it("is for the mesh that the Canary names, and stays in the one it was made in", () => {
    const meshed = { ...canary, metadata: { ...canary.metadata, annotations: { "kuma.io/mesh": "blue" } } };
    assert.equal(rendered(kumaRouter, meshed, split(0))["mesh"], "blue");
    const before = holding(rendered(kumaRouter, canary, split(0)));
    assert.equal(rendered(kumaRouter, meshed, split(0), before)["mesh"], "default");
  });

  it("of another namespace is left alone", () => {
    const elsewhere = { ...canary, metadata: { ...canary.metadata, namespace: "test" } };
    const objects = holding(rendered(kumaRouter, elsewhere, split(10)));
    assert.equal(
      kumaRouter.obstacle(canary, objects),
      "TrafficRoute shop leads to shop_test_svc_8080: set service.name to a name that is not taken",
    );
    assert.deepEqual([kumaRouter.render(canary, split(0), objects), kumaRouter.release(canary, objects)], [[], []]);
  });

  it("of an old port is brought up to date, with its weights", () => {
    const moved = aCanary().service({ port: 9090 }).build();
    const objects = holding(rendered(kumaRouter, canary, split(30)));
    assert.deepEqual([kumaRouter.read(moved, objects), kumaRouter.fit(moved, objects)], [split(30), "differs"]);
  });

  it("leads to the apex Service when it is released", () => {
    const released = kumaRouter.release(canary, holding(rendered(kumaRouter, canary, split(30))));
    assert.deepEqual(released, [
      {
        apiVersion: "kuma.io/v1alpha1",
        kind: "TrafficRoute",
        metadata: { name: "shop" },
        mesh: "default",
        spec: spec(["shop", 100]),
      },
    ]);
    assert.deepEqual(kumaRouter.release(canary, empty), []);
  });
});
