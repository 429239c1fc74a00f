import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Canary, RawObject } from "../../../api/index.ts";
import { istioRouter } from "../../../controller/routers/istio.ts";
import { aCanary } from "../aCanary.ts";
import { empty, holding, split } from "./world.ts";

const canary = aCanary().build();

const ownerReferences = [
  {
    apiVersion: "flagger.app/v1beta1",
    kind: "Canary",
    name: "shop",
    uid: "7f0c",
    controller: true,
    blockOwnerDeletion: true,
  },
];
const annotations = {
  "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
  "helm.toolkit.fluxcd.io/driftDetection": "disabled",
};

function virtualService(of: Canary, share: number, objects = empty, mirror = false): RawObject {
  const found = istioRouter.render(of, split(share, mirror), objects).find(({ kind }) => kind === "VirtualService");
  assert.ok(found);
  return found;
}

const specOf = (object: RawObject | undefined) => object?.["spec"] as Record<string, unknown>;

function to(primary: number, canaryShare: number, cookies: readonly (string | undefined)[] = []) {
  return [
    ["shop-primary", primary],
    ["shop-canary", canaryShare],
  ].map(([host, weight], index) => ({
    destination: { host },
    weight,
    ...(cookies[index] === undefined ? {} : { headers: { response: { add: { "Set-Cookie": cookies[index] } } } }),
  }));
}

const cookie = (regex: string) => ({ headers: { Cookie: { regex } } });

describe("the objects for Istio", () => {
  it("are a rule for each destination and the split between them", () => {
    const rule = (name: string) => ({
      apiVersion: "networking.istio.io/v1beta1",
      kind: "DestinationRule",
      metadata: { name, namespace: "demo", ownerReferences },
      spec: { host: name, trafficPolicy: { tls: { mode: "ISTIO_MUTUAL" } } },
    });
    const mutual = aCanary()
      .service({ trafficPolicy: { tls: { mode: "ISTIO_MUTUAL" } } })
      .build();
    assert.deepEqual(istioRouter.render(mutual, split(10), empty), [
      rule("shop-canary"),
      rule("shop-primary"),
      {
        apiVersion: "networking.istio.io/v1beta1",
        kind: "VirtualService",
        metadata: { name: "shop", namespace: "demo", annotations, ownerReferences },
        spec: { hosts: ["shop"], gateways: ["mesh"], http: [{ route: to(90, 10) }] },
      },
    ]);
  });

  it("say 0 out loud", () => {
    assert.deepEqual(specOf(virtualService(canary, 0))["http"], [{ route: to(100, 0) }]);
    assert.deepEqual(specOf(virtualService(canary, 100))["http"], [{ route: to(0, 100) }]);
  });

  const attached: Record<string, { service: Parameters<ReturnType<typeof aCanary>["service"]>[0]; want: object }> = {
    "a host and a gateway": {
      service: { hosts: ["shop.example.org"], gateways: ["istio-system/public"] },
      want: { hosts: ["shop.example.org", "shop"], gateways: ["istio-system/public"] },
    },
    "every host": { service: { hosts: ["*"] }, want: { hosts: ["*"], gateways: ["mesh"] } },
    "its own name": { service: { hosts: ["shop"] }, want: { hosts: ["shop"], gateways: ["mesh"] } },
    "another route that delegates": { service: { delegation: true }, want: { hosts: [] } },
  };
  for (const [name, { service, want }] of Object.entries(attached)) {
    it(`hang on ${name}`, () => {
      const { http, ...rest } = specOf(virtualService(aCanary().service(service).build(), 0));
      assert.deepEqual(rest, want);
      assert.ok(http);
    });
  }

  it("carry all that the Canary says about requests on their way", () => {
    const full = aCanary()
      .service({
        match: [
          { uri: { prefix: "/shop" }, name: "shop" },
          { authority: { suffix: ".org" }, port: 80 },
        ],
        rewrite: { uri: "/", authority: "shop.internal", type: "ReplacePrefixMatch" },
        timeout: "15s",
        retries: { attempts: 3, perTryTimeout: "1s", retryOn: "5xx" },
        corsPolicy: {
          allowOrigins: [{ exact: "https://a.example" }, { suffix: "b" }],
          allowCredentials: false,
          maxAge: "24h",
        },
        headers: { request: { add: { a: "1" } }, response: { remove: ["b"] } },
      })
      .build();
    assert.deepEqual(specOf(virtualService(full, 10))["http"], [
      {
        match: [
          { uri: { prefix: "/shop" }, name: "shop" },
          { authority: { regex: ".*\\.org" }, port: 80 },
        ],
        rewrite: { uri: "/", authority: "shop.internal" },
        timeout: "15s",
        retries: { attempts: 3, perTryTimeout: "1s", retryOn: "5xx" },
        corsPolicy: { allowOrigins: [{ exact: "https://a.example" }], allowCredentials: false, maxAge: "24h" },
        headers: { request: { add: { a: "1" } }, response: { remove: ["b"] } },
        route: to(90, 10),
      },
    ]);
  });

  it("leave out what Istio would refuse: durations that are none", () => {
    const odd = aCanary().service({ timeout: "soon", retries: { perTryTimeout: "0s" }, corsPolicy: { maxAge: "1d" } });
    assert.deepEqual(specOf(virtualService(odd.build(), 0))["http"], [{ route: to(100, 0) }]);
  });

  it("copy requests to the canary, or a share of them", () => {
    const mirror = (percent: object) => [{ route: to(100, 0), mirror: { host: "shop-canary" }, ...percent }];
    const some = aCanary().analysis({ mirrorWeight: 20 }).build();
    assert.deepEqual(specOf(virtualService(canary, 0, empty, true))["http"], mirror({}));
    assert.deepEqual(specOf(virtualService(some, 0, empty, true))["http"], mirror({ mirrorPercentage: { value: 20 } }));
  });

  it("name the port where Istio cannot tell it", () => {
    const port = (service: object) => {
      const made = virtualService(
        aCanary()
          .service({ portDiscovery: true, ...service })
          .build(),
        0,
      );
      const [rule] = specOf(made)["http"] as { route: { destination: object }[] }[];
      return rule?.route[0]?.destination;
    };
    const stated = { host: "shop-primary", port: { number: 8080 } };
    assert.deepEqual(port({ gateways: ["public"] }), stated);
    assert.deepEqual(port({ delegation: true }), stated);
    assert.deepEqual(port({ gateways: ["mesh", "public"] }), { host: "shop-primary" });
    assert.deepEqual(port({ portDiscovery: false, gateways: ["public"] }), { host: "shop-primary" });
  });

  it("split connections of a TCP service", () => {
    const tcp = aCanary()
      .service({ appProtocol: "TCP", match: [{ port: 5432 }], timeout: "1s" })
      .build();
    const { http, tcp: rules } = specOf(virtualService(tcp, 10));
    assert.deepEqual([http, rules], [undefined, [{ match: [{ port: 5432 }], route: to(90, 10) }]]);
    assert.deepEqual(istioRouter.read(tcp, holding(virtualService(tcp, 10))), split(10));
  });

  it("send the clients of an A/B test to the canary, and nobody else", () => {
    const test = aCanary()
      .service({ match: [{ uri: { prefix: "/a" }, headers: { b: { exact: "1" } } }, { uri: { prefix: "/c" } }] })
      .analysis({ match: [{ headers: { "x-tier": { suffix: "eta" } } }, { sourceLabels: { app: "cart" } }] })
      .build();
    const everybody = [{ uri: { prefix: "/a" }, headers: { b: { exact: "1" } } }, { uri: { prefix: "/c" } }];
    const tier = { "x-tier": { regex: ".*eta" } };
    assert.deepEqual(specOf(virtualService(test, 100))["http"], [
      {
        match: [
          { uri: { prefix: "/a" }, headers: { b: { exact: "1" }, ...tier } },
          { uri: { prefix: "/c" }, headers: tier },
          { uri: { prefix: "/a" }, headers: { b: { exact: "1" } }, sourceLabels: { app: "cart" } },
          { uri: { prefix: "/c" }, sourceLabels: { app: "cart" } },
        ],
        route: to(0, 100),
      },
      { match: everybody, route: [{ destination: { host: "shop-primary" }, weight: 100 }] },
    ]);
  });

  describe("with session affinity", () => {
    const sticky = aCanary()
      .analysis({ sessionAffinity: { cookieName: "sid", primaryCookieName: "psid", secure: true } })
      .status({ sessionAffinityCookie: "sid=AbC", primarySessionAffinityCookie: "psid=XyZ" });

    it("keep clients where they are", () => {
      assert.deepEqual(specOf(virtualService(sticky.build(), 10))["http"], [
        { match: [cookie(".*sid.*AbC.*")], route: to(0, 100) },
        { match: [cookie(".*psid.*XyZ.*")], route: to(100, 0) },
        { route: to(90, 10, ["psid=XyZ; Max-Age=60; Secure", "sid=AbC; Max-Age=86400; Secure"]) },
      ]);
    });

    it("take the cookie away when the release is over, and leave other headers to the others", () => {
      const over = sticky
        .service({ headers: { response: { add: { a: "1" } } } })
        .status({ sessionAffinityCookie: "", previousSessionAffinityCookie: "sid=AbC" })
        .build();
      assert.deepEqual(specOf(virtualService(over, 0))["http"], [
        {
          match: [cookie(".*sid.*AbC.*")],
          headers: { response: { add: { a: "1", "Set-Cookie": "sid=AbC; Max-Age=-1" } } },
          route: to(100, 0),
        },
        { headers: { response: { add: { a: "1" } } }, route: to(100, 0) },
      ]);
    });
  });

  const obstacles: Record<string, { canary: ReturnType<typeof aCanary>; want: RegExp }> = {
    "delegation with a host": {
      canary: aCanary().service({ delegation: true, hosts: ["a"] }),
      want: /must be empty with service\.delegation/,
    },
    "a test of connections": {
      canary: aCanary()
        .service({ appProtocol: "tcp" })
        .analysis({ match: [{ headers: { a: { exact: "b" } } }] }),
      want: /appProtocol tcp/,
    },
    "a mirror of connections": {
      canary: aCanary().service({ appProtocol: "tcp" }).analysis({ mirror: true }),
      want: /appProtocol tcp/,
    },
    "a test of everybody": { canary: aCanary().analysis({ match: [{}] }), want: /match\[0\] needs a condition/ },
    "a header that may be anything": {
      canary: aCanary().analysis({ match: [{ headers: { a: {} } }] }),
      want: /match\[0\]: a must be exact, prefix, suffix or regex/,
    },
  };
  for (const [name, { canary: asked, want }] of Object.entries(obstacles)) {
    it(`are not made for ${name}`, () => {
      assert.match(istioRouter.obstacle(asked.build(), empty) ?? "", want);
      assert.deepEqual(istioRouter.render(asked.build(), split(50), empty), []);
    });
  }
});

describe("a VirtualService that a user had before", () => {
  const theirs = {
    hosts: ["shop.example.org"],
    exportTo: ["."],
    http: [{ route: [{ destination: { host: "shop" } }] }],
  };
  const before: RawObject = {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: "shop", namespace: "demo", annotations: { mine: "1" } },
    spec: theirs,
  };
  const key = "flagger.kubernetes.io/original-configuration";
  const taken = virtualService(canary, 10, holding(before));
  const live = { ...taken, spec: { ...theirs, ...specOf(taken) } };

  it("is led by us, but not owned; what it said is noted, once", () => {
    assert.equal(taken.metadata.ownerReferences, undefined);
    assert.equal(taken.metadata.annotations?.[key], JSON.stringify(theirs));
    const again = virtualService(canary, 20, holding(live));
    assert.equal(again.metadata.annotations?.[key], JSON.stringify(theirs));
  });

  it("is given back as it was", () => {
    const [released] = istioRouter.release(canary, holding(live));
    assert.deepEqual(specOf(released), { ...theirs, gateways: null });
  });

  it("is given back as kubectl last applied it", () => {
    const applied = { spec: { hosts: ["new"], http: [] } };
    const kept = { "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify(applied) };
    const byKubectl = { ...before, metadata: { ...before.metadata, annotations: kept } };
    assert.equal(virtualService(canary, 10, holding(byKubectl)).metadata.annotations?.[key], undefined);
    const [released] = istioRouter.release(canary, holding({ ...byKubectl, spec: live.spec }));
    assert.deepEqual(specOf(released), { hosts: ["new"], http: [], gateways: null, exportTo: null });
  });

  it("leads to the apex Service when nobody knows any more what it said", () => {
    const broken = { ...live, metadata: { ...live.metadata, annotations: { [key]: "{" } } };
    const [released] = istioRouter.release(canary, holding(broken));
    assert.deepEqual(specOf(released)["http"], [{ route: [{ destination: { host: "shop" } }] }]);
  });
});

describe("drift in a VirtualService", () => {
  const made = istioRouter.render(canary, split(30), empty);
  const changed = (spec: object) =>
    holding(
      ...made.map((object) =>
        object.kind === "VirtualService" ? { ...object, spec: { ...specOf(object), ...spec } } : object,
      ),
    );
  const cases: Record<string, { objects: ReturnType<typeof holding>; want: string }> = {
    "a field of somebody else": { objects: changed({ exportTo: ["."] }), want: "fits" },
    "other weights": { objects: changed({ http: [{ route: to(20, 80) }] }), want: "fits" },
    "another host": { objects: changed({ hosts: ["shop", "x"] }), want: "differs" },
    "a rule that narrows": {
      objects: changed({ http: [{ match: [cookie("x")], route: to(70, 30) }] }),
      want: "differs",
    },
    "no weights": { objects: changed({ http: [{ route: to(0, 0) }] }), want: "differs" },
    "no rule for a destination": { objects: holding(...made.slice(1)), want: "absent" },
  };
  for (const [name, { objects, want }] of Object.entries(cases)) {
    it(`${want} with ${name}`, () => assert.equal(istioRouter.fit(canary, objects), want));
  }
});
