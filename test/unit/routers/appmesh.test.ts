import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RawObject } from "../../../api/index.ts";
import { appmeshRouter } from "../../../controller/routers/appmesh.ts";
import { appmeshV1Beta2Router } from "../../../controller/routers/appmeshV1Beta2.ts";
import { aCanary as aPlainCanary } from "../aCanary.ts";
import { empty, holding, marks, owned, split } from "./world.ts";

const header = { "x-b": { prefix: "1" }, "x-a": { exact: "2" } };
const sorted = [
  { name: "x-a", match: { exact: "2" } },
  { name: "x-b", match: { prefix: "1" } },
];
const gateway = {
  "gateway.appmesh.k8s.aws/expose": "true",
  "gateway.appmesh.k8s.aws/domain": "a.example.org,b.example.org,",
  "gateway.appmesh.k8s.aws/timeout": "30s",
  "gateway.appmesh.k8s.aws/retries": "3",
};
const exposed = {
  hosts: ["a.example.org", "b.example.org"],
  timeout: "30s",
  retries: { attempts: 3, retryOn: "gateway-error,nonsense,server-error", perTryTimeout: "1.5s" },
};
function named(objects: readonly RawObject[], kind: string, name: string): RawObject {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  assert.ok(found, `no ${kind} ${name}`);
  return found;
}

describe("the objects for App Mesh, v1beta1", () => {
  const apiVersion = "appmesh.k8s.aws/v1beta1";
  const aCanary = () => aPlainCanary().service({ meshName: "global" });
  const listeners = [{ portMapping: { port: 8080, protocol: "http" } }];
  const targets = (canary: number, primary: number) => [
    { virtualNodeName: "shop-canary", weight: canary },
    { virtualNodeName: "shop-primary", weight: primary },
  ];
  const node = (name: string, hostName: string) => ({
    apiVersion,
    kind: "VirtualNode",
    metadata: { ...owned, name, annotations: marks },
    spec: { meshName: "global", listeners, serviceDiscovery: { dns: { hostName } } },
  });
  const service = (name: string, canary: number, primary: number) => ({
    apiVersion,
    kind: "VirtualService",
    metadata: { ...owned, name: `${name}.demo` },
    spec: {
      meshName: "global",
      virtualRouter: { name, listeners },
      routes: [{ name, http: { match: { prefix: "/" }, action: { weightedTargets: targets(canary, primary) } } }],
    },
  });

  it("are nodes for all three, and services for callers of the apex and of the canary", () => {
    assert.deepEqual(appmeshRouter.render(aCanary().build(), split(10), empty), [
      node("shop", "shop-primary.demo"),
      node("shop-primary", "shop-primary.demo"),
      node("shop-canary", "shop-canary.demo"),
      service("shop", 10, 90),
      service("shop-canary", 100, 0),
    ]);
  });

  it("carry backends, logs, retries and what gateways look at", () => {
    const canary = aCanary()
      .service({ ...exposed, backends: ["cart.demo"], portName: "grpc-web", match: [{ uri: { prefix: "/shop" } }] })
      .build();
    const logged = {
      ...canary,
      metadata: { ...canary.metadata, annotations: { "appmesh.flagger.app/accesslog": "enabled" } },
    };
    const made = appmeshRouter.render(logged, split(0), empty);
    assert.deepEqual(named(made, "VirtualNode", "shop-canary")["spec"], {
      meshName: "global",
      listeners: [{ portMapping: { port: 8080, protocol: "grpc" } }],
      serviceDiscovery: { dns: { hostName: "shop-canary.demo" } },
      backends: [{ virtualService: { virtualServiceName: "cart.demo" } }],
      logging: { accessLog: { file: { path: "/dev/stdout" } } },
    });
    const apex = named(made, "VirtualService", "shop.demo");
    assert.deepEqual(apex.metadata.annotations, gateway);
    assert.deepEqual((apex["spec"] as { routes: object[] }).routes, [
      {
        name: "shop",
        http: {
          match: { prefix: "/shop" },
          retryPolicy: {
            perRetryTimeoutMillis: 1500,
            maxRetries: 3,
            httpRetryEvents: ["gateway-error", "server-error"],
          },
          action: { weightedTargets: targets(0, 100) },
        },
      },
    ]);
    assert.equal(named(made, "VirtualService", "shop-canary.demo").metadata.annotations, undefined);
  });

  it("test the clients of any entry first, and send the others to the primary", () => {
    const test = aCanary()
      .analysis({ match: [{ headers: header }, { headers: { c: { suffix: "3" } } }] })
      .build();
    const action = { weightedTargets: targets(100, 0) };
    const made = named(appmeshRouter.render(test, split(100), empty), "VirtualService", "shop.demo");
    assert.deepEqual((made["spec"] as { routes: object[] }).routes, [
      { name: "shop-a", priority: 10, http: { match: { prefix: "/", headers: sorted }, action } },
      {
        name: "shop-a2",
        priority: 11,
        http: { match: { prefix: "/", headers: [{ name: "c", match: { suffix: "3" } }] }, action },
      },
      {
        name: "shop-b",
        priority: 20,
        http: {
          match: { prefix: "/" },
          action: { weightedTargets: [{ virtualNodeName: "shop-primary", weight: 100 }] },
        },
      },
    ]);
  });

  const obstacles: Record<string, { canary: ReturnType<typeof aPlainCanary>; want: RegExp }> = {
    "no mesh": { canary: aPlainCanary(), want: /^service\.meshName must name the mesh$/ },
    "a test by query": {
      canary: aCanary().analysis({ match: [{ queryParams: { q: { exact: "1" } } }] }),
      want: /queryParams\.q cannot/,
    },
  };
  for (const [name, { canary, want }] of Object.entries(obstacles)) {
    it(`are not made for ${name}`, () => {
      assert.match(appmeshRouter.obstacle(canary.build(), empty) ?? "", want);
      assert.deepEqual(appmeshRouter.render(canary.build(), split(0), empty), []);
    });
  }
});

describe("the objects for App Mesh, v1beta2", () => {
  const apiVersion = "appmesh.k8s.aws/v1beta2";
  const canary = aPlainCanary().service({ timeout: "30s", targetPort: 9090 }).build();
  const perRequest = { unit: "ms", value: 30000 };
  const serviceOf = (name: string, app: string): RawObject => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "demo" },
    spec: { selector: { app } },
  });
  const services = [serviceOf("shop-primary", "shop-primary"), serviceOf("shop-canary", "shop")];
  const targets = (share: number, primary: number) => [
    { virtualNodeRef: { name: "shop-canary" }, weight: share },
    { virtualNodeRef: { name: "shop-primary" }, weight: primary },
  ];
  const node = (name: string, app: string) => ({
    apiVersion,
    kind: "VirtualNode",
    metadata: { ...owned, name, annotations: marks },
    spec: {
      podSelector: { matchLabels: { app } },
      listeners: [{ portMapping: { port: 8080, protocol: "http" }, timeout: { http: { perRequest } } }],
      serviceDiscovery: { dns: { hostname: `${name}.demo.svc.cluster.local.` } },
    },
  });
  const routed = (name: string, share: number, primary: number) => [
    {
      apiVersion,
      kind: "VirtualRouter",
      metadata: { ...owned, name },
      spec: {
        listeners: [{ portMapping: { port: 9090, protocol: "http" } }],
        routes: [
          {
            name,
            httpRoute: {
              match: { prefix: "/" },
              timeout: { perRequest },
              action: { weightedTargets: targets(share, primary) },
            },
          },
        ],
      },
    },
    {
      apiVersion,
      kind: "VirtualService",
      metadata: { ...owned, name },
      spec: { provider: { virtualRouter: { virtualRouterRef: { name } } } },
    },
  ];

  it("are nodes for both sides, and a router and a service for callers of the apex and of the canary", () => {
    assert.deepEqual(appmeshV1Beta2Router.render(canary, split(10), holding(...services)), [
      node("shop-primary", "shop-primary"),
      node("shop-canary", "shop"),
      ...routed("shop", 10, 90),
      ...routed("shop-canary", 100, 0),
    ]);
  });

  it("carry backends by name or ARN, retries and what gateways look at", () => {
    const full = aPlainCanary()
      .service({ ...exposed, backends: ["cart", "arn:aws:appmesh:x"], targetPort: "http" })
      .build();
    const made = appmeshV1Beta2Router.render(full, split(0), empty);
    const { backends } = named(made, "VirtualNode", "shop-primary")["spec"] as { backends: object[] };
    assert.deepEqual(backends, [
      { virtualService: { virtualServiceRef: { name: "cart" } } },
      { virtualService: { virtualServiceARN: "arn:aws:appmesh:x" } },
    ]);
    assert.deepEqual(named(made, "VirtualService", "shop").metadata.annotations, gateway);
    const { listeners, routes } = named(made, "VirtualRouter", "shop")["spec"] as Record<string, unknown>;
    assert.deepEqual(listeners, [{ portMapping: { port: 8080, protocol: "http" } }]);
    assert.deepEqual(routes, [
      {
        name: "shop",
        httpRoute: {
          match: { prefix: "/" },
          timeout: { perRequest },
          retryPolicy: {
            httpRetryEvents: ["gateway-error", "server-error"],
            maxRetries: 3,
            perRetryTimeout: { unit: "ms", value: 1500 },
          },
          action: { weightedTargets: targets(0, 100) },
        },
      },
    ]);
  });

  it("retry as App Mesh does where the Canary is silent", () => {
    const made = appmeshV1Beta2Router.render(aPlainCanary().service({ retries: {} }).build(), split(0), empty);
    const { routes } = named(made, "VirtualRouter", "shop")["spec"] as {
      routes: { httpRoute: { retryPolicy: object } }[];
    };
    assert.deepEqual(routes[0]?.httpRoute.retryPolicy, {
      httpRetryEvents: ["gateway-error"],
      maxRetries: 1,
      perRetryTimeout: { unit: "ms", value: 250 },
    });
  });

  it("keep what the mesh's own controller notes in them", () => {
    const live = appmeshV1Beta2Router.render(canary, split(30), holding(...services)).map((object) => ({
      ...object,
      spec: { ...(object["spec"] as object), awsName: "x", meshRef: { name: "m", uid: "u" } },
    }));
    assert.equal(appmeshV1Beta2Router.fit(canary, holding(...live, ...services)), "fits");
  });
});
