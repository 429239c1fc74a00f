import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Canary, RawObject } from "../../../api/index.ts";
import { contourRouter } from "../../../controller/routers/contour.ts";
import { aCanary } from "../aCanary.ts";
import { empty, holding, marks, owned, rendered, split } from "./world.ts";

const canary = aCanary().build();
const routes = (object: RawObject | undefined) => (object?.["spec"] as { routes: object[] } | undefined)?.routes;

function service(name: string, weight: number) {
  const value = `${name}.demo.svc.cluster.local:8080`;
  return { name, port: 8080, weight, requestHeadersPolicy: { set: [{ name: "l5d-dst-override", value }] } };
}

const services = (primary: number, share: number) => [service("shop-primary", primary), service("shop-canary", share)];

describe("an HTTPProxy", () => {
  it("splits everything below the path", () => {
    assert.deepEqual(rendered(contourRouter, canary, split(10)), {
      apiVersion: "projectcontour.io/v1",
      kind: "HTTPProxy",
      metadata: { ...owned, name: "shop", annotations: marks },
      spec: { routes: [{ conditions: [{ prefix: "/" }], services: services(90, 10) }] },
    });
  });

  it("says 0 out loud", () => {
    assert.deepEqual(routes(rendered(contourRouter, canary, split(100)))?.[0], {
      conditions: [{ prefix: "/" }],
      services: services(0, 100),
    });
  });

  const policies: Record<string, { service: Parameters<ReturnType<typeof aCanary>["service"]>[0]; want: object }> = {
    "the first path": {
      service: { match: [{ uri: { prefix: "/shop" } }, { uri: { prefix: "/x" } }] },
      want: { conditions: [{ prefix: "/shop" }] },
    },
    "a time limit": { service: { timeout: "15s" }, want: { timeoutPolicy: { response: "15s", idle: "5m" } } },
    "a time limit that is none": { service: { timeout: "soon" }, want: {} },
    retries: {
      service: { retries: { attempts: 3, perTryTimeout: "5s", retryOn: "5xx, reset,nonsense" } },
      want: { retryPolicy: { count: 3, perTryTimeout: "5s", retryOn: ["5xx", "reset"] } },
    },
    "retries without a word more": { service: { retries: {} }, want: { retryPolicy: { count: 1 } } },
  };
  for (const [name, { service, want }] of Object.entries(policies)) {
    it(`has ${name}`, () => {
      const made = rendered(contourRouter, aCanary().service(service).build(), split(0));
      const expected = { conditions: [{ prefix: "/" }], services: services(100, 0), ...want };
      assert.deepEqual(routes(made), [expected]);
    });
  }

  it("tests the clients of each entry, and sends the others to the primary", () => {
    const test = aCanary()
      .analysis({
        match: [
          { headers: { "x-b": { prefix: "1" }, "x-a": { exact: "2" } } },
          { headers: { c: { regex: "3.*" }, d: { suffix: "4" } }, queryParams: { q: { prefix: "5" } } },
        ],
      })
      .build();
    assert.deepEqual(routes(rendered(contourRouter, test, split(100))), [
      {
        conditions: [
          { prefix: "/" },
          { header: { name: "x-a", exact: "2" } },
          { header: { name: "x-b", contains: "1" } },
        ],
        services: services(0, 100),
      },
      {
        conditions: [
          { prefix: "/" },
          { header: { name: "c", regex: "3.*" } },
          { header: { name: "d", contains: "4" } },
          { queryParameter: { name: "q", prefix: "5" } },
        ],
        services: services(0, 100),
      },
      { conditions: [{ prefix: "/" }], services: services(100, 0) },
    ]);
  });

  const unclear: Record<string, Canary> = {
    everybody: aCanary()
      .analysis({ match: [{}] })
      .build(),
    "callers by label": aCanary()
      .analysis({ match: [{ sourceLabels: { a: "b" } }] })
      .build(),
  };
  for (const [name, asked] of Object.entries(unclear)) {
    it(`is not made for a test of ${name}`, () => {
      assert.match(contourRouter.obstacle(asked, empty) ?? "", /analysis\.match\[0\]/);
      assert.deepEqual(contourRouter.render(asked, split(100), empty), []);
    });
  }

  it("is read where a weight of 0 is left out", () => {
    const live = {
      ...rendered(contourRouter, canary, split(0)),
      spec: { routes: [{ services: [{ name: "shop-canary" }, { name: "shop-primary", weight: 5 }] }] },
    };
    assert.deepEqual(contourRouter.read(canary, holding(live)), split(0));
    assert.equal(contourRouter.fit(canary, holding(live)), "differs");
  });

  it("keeps its virtual host when a user gave it one", () => {
    const made = rendered(contourRouter, canary, split(30));
    const live = { ...made, spec: { ...(made["spec"] as object), virtualhost: { fqdn: "shop.example.org" } } };
    assert.equal(contourRouter.fit(canary, holding(live)), "fits");
  });

  it("leads to the apex Service when it is released", () => {
    const [released] = contourRouter.release(canary, holding(rendered(contourRouter, canary, split(30))));
    assert.deepEqual(routes(released), [{ conditions: [{ prefix: "/" }], services: [service("shop", 100)] }]);
    assert.deepEqual(released?.metadata, { name: "shop", namespace: "demo" });
  });
});
