import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RawObject } from "../../../api/index.ts";
import { apisixRouter } from "../../../controller/routers/apisix.ts";
import { apisixRoute, provided } from "./providers.ts";
import { holding as holdingOnly, marks, owned, rendered, split } from "./world.ts";

const { aCanary, holding } = provided(apisixRouter);
const canary = aCanary().build();

const rule = (...backends: readonly (readonly [string, number])[]) => ({
  name: "main",
  priority: 10000,
  websocket: false,
  match: { hosts: ["shop.example.org"], paths: ["/*"] },
  timeout: { read: "5s" },
  plugins: [{ name: "cors", enable: true }],
  backends: backends.map(([serviceName, weight]) => ({
    serviceName,
    servicePort: 8080,
    resolveGranularity: "service",
    weight,
  })),
});

describe("an ApisixRoute", () => {
  for (const share of [0, 10, 100]) {
    it(`takes the requests of the user's rule, ${share}% of them for the canary`, () => {
      assert.deepEqual(rendered(apisixRouter, canary, split(share), holding()), {
        apiVersion: "apisix.apache.org/v2",
        kind: "ApisixRoute",
        metadata: { ...owned, name: "shop-shop-canary", labels: { app: "shop" }, annotations: marks },
        spec: { ingressClassName: "apisix", http: [rule(["shop-primary", 100 - share], ["shop-canary", share])] },
      });
    });
  }

  const route = (...http: readonly object[]): RawObject => ({ ...apisixRoute, spec: { http } });
  const obstacles: Record<string, { objects: ReturnType<typeof holding>; want: string }> = {
    "no route": { objects: holdingOnly(), want: "ApisixRoute shop.demo not found" },
    "a route without rules": {
      objects: holdingOnly(route()),
      want: "ApisixRoute shop.demo has no http rule with backend shop",
    },
    "a rule that splits already": {
      objects: holdingOnly(route({ name: "x", backends: [{ serviceName: "a" }, { serviceName: "shop" }] })),
      want: "ApisixRoute shop.demo rule x must have one backend, shop",
    },
  };
  for (const [name, { objects, want }] of Object.entries(obstacles)) {
    it(`is not made of ${name}`, () => {
      assert.equal(apisixRouter.obstacle(canary, objects), want);
      assert.deepEqual(apisixRouter.render(canary, split(0), objects), []);
    });
  }

  it("follows the user's rule, and lets others have rules of their own", () => {
    const made = rendered(apisixRouter, canary, split(30), holding());
    const more = {
      ...made,
      spec: { ...(made["spec"] as object), http: [{ name: "x" }, rule(["shop-primary", 70], ["shop-canary", 30])] },
    };
    assert.equal(apisixRouter.fit(canary, holding(more)), "fits");
    const moved = route({
      name: "main",
      match: { paths: ["/new"] },
      backends: [{ serviceName: "shop", servicePort: 8080 }],
    });
    assert.equal(apisixRouter.fit(canary, holdingOnly(made, moved)), "differs");
  });

  it("leads to the apex Service when it is released, and goes with the Canary", () => {
    const [released] = apisixRouter.release(canary, holding(rendered(apisixRouter, canary, split(30), holding())));
    assert.deepEqual(released?.["spec"], { ingressClassName: "apisix", http: [rule(["shop", 100])] });
    assert.deepEqual(released?.metadata.ownerReferences, owned.ownerReferences);
  });
});
