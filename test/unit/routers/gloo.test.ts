import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { glooRouter } from "../../../controller/routers/gloo.ts";
import { aCanary as aPlainCanary } from "../aCanary.ts";
import { provided } from "./providers.ts";
import { empty, holding as holdingOnly, marks, owned, split } from "./world.ts";

const { aCanary, holding } = provided(glooRouter);
const canary = aCanary().build();
const upstreamName = (side: string) => `demo-shop-${side}upstream-8080`;

function route(primary: number, share: number) {
  const destinations = [
    ["primary", primary],
    ["canary", share],
  ].map(([side, weight]) => ({
    destination: { upstream: { name: upstreamName(String(side)), namespace: "demo" } },
    weight,
  }));
  return { inheritablePathMatchers: true, routeAction: { multi: { destinations } } };
}

const table = (of: ReturnType<typeof glooRouter.render>) => of.find(({ kind }) => kind === "RouteTable");

describe("the objects for Gloo", () => {
  it("are an Upstream for each side, with the user's settings, and the split between them", () => {
    const upstream = (side: string, selector: object) => ({
      apiVersion: "gloo.solo.io/v1",
      kind: "Upstream",
      metadata: { ...owned, name: upstreamName(side) },
      spec: {
        useHttp2: true,
        connectionConfig: { connectTimeout: "5s" },
        kube: { serviceName: `shop-${side}`, serviceNamespace: "demo", servicePort: 8080, ...selector },
      },
    });
    assert.deepEqual(glooRouter.render(canary, split(10), holding()), [
      upstream("primary", {}),
      upstream("canary", { selector: { app: "shop" } }),
      {
        apiVersion: "gateway.solo.io/v1",
        kind: "RouteTable",
        metadata: { ...owned, name: "shop", annotations: marks },
        spec: { routes: [route(90, 10)] },
      },
    ]);
  });

  it("say 0 out loud", () => {
    assert.deepEqual(table(glooRouter.render(canary, split(100), holding()))?.["spec"], { routes: [route(0, 100)] });
  });

  it("need no settings", () => {
    const [first] = glooRouter.render(aPlainCanary().build(), split(0), empty);
    assert.deepEqual(first?.["spec"], {
      kube: { serviceName: "shop-primary", serviceNamespace: "demo", servicePort: 8080 },
    });
  });

  it("wait for the Upstream that the Canary names", () => {
    assert.equal(glooRouter.obstacle(canary, holdingOnly()), "Upstream settings.infra not found");
  });

  it("test the clients of any entry, and keep a route for the others", () => {
    const test = aCanary()
      .analysis({
        match: [
          { headers: { b: { regex: "1.*" }, a: { exact: "2" } } },
          { headers: { c: { prefix: "a.b" }, d: { suffix: "z" } }, queryParams: { q: { exact: "5" } } },
        ],
      })
      .build();
    assert.deepEqual(table(glooRouter.render(test, split(100), holding()))?.["spec"], {
      routes: [
        {
          matchers: [
            {
              headers: [
                { name: "a", value: "2" },
                { name: "b", value: "1.*", regex: true },
              ],
            },
            {
              headers: [
                { name: "c", value: "a\\.b.*", regex: true },
                { name: "d", value: ".*z", regex: true },
              ],
              queryParameters: [{ name: "q", value: "5" }],
            },
          ],
          ...route(0, 100),
        },
        route(100, 0),
      ],
    });
  });

  it("are not made for a test of everybody", () => {
    const test = aCanary()
      .analysis({ match: [{}] })
      .build();
    assert.match(glooRouter.obstacle(test, holding()) ?? "", /every request to the canary/);
    assert.deepEqual(glooRouter.render(test, split(100), holding()), []);
  });

  it("lead to the apex Service when they are released; the Upstreams go with the Canary", () => {
    const released = glooRouter.release(canary, holding(...glooRouter.render(canary, split(40), holding())));
    assert.deepEqual(released, [
      {
        apiVersion: "gateway.solo.io/v1",
        kind: "RouteTable",
        metadata: { name: "shop", namespace: "demo" },
        spec: {
          routes: [
            {
              inheritablePathMatchers: true,
              routeAction: { single: { kube: { ref: { name: "shop", namespace: "demo" }, port: 8080 } } },
            },
          ],
        },
      },
    ]);
  });

  it("follow the selector of the Service and the user's settings", () => {
    const live = glooRouter.render(canary, split(30), holding());
    assert.equal(glooRouter.fit(canary, holding(...live)), "fits");
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "shop-primary", namespace: "demo" },
      spec: { selector: { app: "shop-primary" } },
    };
    assert.equal(glooRouter.fit(canary, holding(...live, service)), "differs");
  });
});
