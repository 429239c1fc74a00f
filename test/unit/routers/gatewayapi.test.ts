import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Canary, RawObject } from "../../../api/index.ts";
import { gatewayApiV1Beta1Router, gatewayApiV1Router } from "../../../controller/routers/gatewayapi.ts";
import { aCanary } from "../aCanary.ts";
import { empty, holding, rendered, split } from "./world.ts";

const v1 = gatewayApiV1Router;
const everyPath = { path: { type: "PathPrefix", value: "/" } };

function backend(name: string, weight: number) {
  return { group: "", kind: "Service", name, port: 8080, weight };
}

function spec(object: RawObject): { rules: Record<string, unknown>[]; [field: string]: unknown } {
  return object["spec"] as { rules: Record<string, unknown>[] };
}

describe("an HTTPRoute of a weighted canary", () => {
  it("is the known object, complete", () => {
    const canary = aCanary()
      .service({ hosts: ["shop.example.org"], timeout: "5s", backendTimeout: "1.5s", apex: { labels: { team: "a" } } })
      .build();
    assert.deepEqual(rendered(v1, canary, split(10)), {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: {
        name: "shop",
        namespace: "demo",
        labels: { team: "a" },
        annotations: {
          "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
          "helm.toolkit.fluxcd.io/driftDetection": "disabled",
        },
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
        parentRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", namespace: "infra", name: "edge" }],
        hostnames: ["shop.example.org"],
        rules: [
          {
            matches: [everyPath],
            backendRefs: [backend("shop-primary", 90), backend("shop-canary", 10)],
            timeouts: { request: "5s", backendRequest: "1s500ms" },
          },
        ],
      },
    });
  });

  it("has no timeouts in v1beta1, and its own apiVersion", () => {
    const route = rendered(gatewayApiV1Beta1Router, aCanary().service({ timeout: "5s" }).build(), split(0));
    assert.equal(route.apiVersion, "gateway.networking.k8s.io/v1beta1");
    assert.equal("timeouts" in (spec(route).rules[0] ?? {}), false);
  });

  it("states every default of the CRD, so that the server's copy is no change", () => {
    const canary = aCanary()
      .service({
        match: [{ headers: { "x-b": { exact: "2" }, "x-a": { regex: "1.*" } } }],
        corsPolicy: { allowOrigin: ["https://a.example"] },
        mirror: [{ backendRef: { name: "audit", port: 80 } }],
      })
      .build();
    const [rule] = spec(rendered(v1, canary, split(0))).rules;
    assert.deepEqual(rule?.["matches"], [
      {
        ...everyPath,
        headers: [
          { type: "RegularExpression", name: "x-a", value: "1.*" },
          { type: "Exact", name: "x-b", value: "2" },
        ],
      },
    ]);
    assert.deepEqual(rule?.["filters"], [
      {
        type: "RequestMirror",
        requestMirror: { backendRef: { group: "", kind: "Service", name: "audit", port: 80 } },
      },
      { type: "CORS", cors: { allowOrigins: ["https://a.example"], maxAge: 5 } },
    ]);
  });

  it("orders filters and sorts headers by name", () => {
    const canary = aCanary()
      .service({
        headers: {
          request: { add: { "x-b": "2", "x-a": "1" }, remove: ["x-z"] },
          response: { set: { "x-c": "3" } },
        },
        rewrite: { uri: "/new", authority: "other.example", type: "ReplacePrefixMatch" },
      })
      .build();
    assert.deepEqual(spec(rendered(v1, canary, split(0))).rules[0]?.["filters"], [
      {
        type: "RequestHeaderModifier",
        requestHeaderModifier: {
          add: [
            { name: "x-a", value: "1" },
            { name: "x-b", value: "2" },
          ],
          remove: ["x-z"],
        },
      },
      { type: "ResponseHeaderModifier", responseHeaderModifier: { set: [{ name: "x-c", value: "3" }] } },
      {
        type: "URLRewrite",
        urlRewrite: {
          hostname: "other.example",
          path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/new" },
        },
      },
    ]);
  });

  it("copies requests to the canary only while mirroring, as the last filter", () => {
    const canary = aCanary()
      .service({ headers: { request: { set: { "x-a": "1" } } } })
      .build();
    const filters = spec(rendered(v1, canary, split(0, true))).rules[0]?.["filters"] as { type: string }[];
    assert.deepEqual(
      filters.map((filter) => filter.type),
      ["RequestHeaderModifier", "RequestMirror"],
    );
    const backendRef = { group: "", kind: "Service", name: "shop-canary", port: 8080 };
    assert.deepEqual(filters[1], { type: "RequestMirror", requestMirror: { backendRef } });
  });
});

describe("A/B testing", () => {
  const canary = aCanary()
    .analysis({ iterations: 5, match: [{ headers: { "x-tier": { exact: "beta" } } }] })
    .build();

  it("sends who matches to the canary and everybody else to the primary", () => {
    const headers = [{ type: "Exact", name: "x-tier", value: "beta" }];
    assert.deepEqual(spec(rendered(v1, canary, split(100))).rules, [
      {
        matches: [{ ...everyPath, headers }],
        backendRefs: [backend("shop-primary", 0), backend("shop-canary", 100)],
      },
      { matches: [everyPath], backendRefs: [backend("shop-primary", 100)] },
    ]);
  });

  it("keeps the header conditions of service.match, and lets the test's win for the same name", () => {
    const both = aCanary()
      .service({
        match: [{ uri: { prefix: "/shop" }, headers: { "x-a": { exact: "1" }, "X-Tier": { exact: "any" } } }],
      })
      .analysis({ match: [{ headers: { "x-tier": { exact: "beta" } } }] })
      .build();
    assert.deepEqual(spec(rendered(v1, both, split(0))).rules[0]?.["matches"], [
      {
        path: { type: "PathPrefix", value: "/shop" },
        headers: [
          { type: "Exact", name: "x-a", value: "1" },
          { type: "Exact", name: "x-tier", value: "beta" },
        ],
      },
    ]);
  });
});

describe("what an HTTPRoute cannot express", () => {
  const cases: Record<string, { canary: Canary; want: RegExp }> = {
    "no gateway": {
      canary: aCanary().service({ gatewayRefs: [] }).build(),
      want: /^GatewayRefs must be specified when using Gateway API as a provider\.$/,
    },
    "a header prefix in the A/B match": {
      canary: aCanary()
        .analysis({ match: [{ headers: { "x-a": { prefix: "b" } } }] })
        .build(),
      want: /analysis\.match\[0\]\.headers\.x-a must be exact or regex/,
    },
    "labels of the caller": {
      canary: aCanary()
        .analysis({ match: [{ sourceLabels: { app: "a" } }] })
        .build(),
      want: /sourceLabels cannot be expressed/,
    },
    "an A/B match without any condition": {
      canary: aCanary()
        .analysis({ match: [{}] })
        .build(),
      want: /would send every request to the canary/,
    },
    "a scheme and a path suffix": {
      canary: aCanary()
        .service({ match: [{ scheme: { exact: "https" }, uri: { suffix: ".php" } }] })
        .build(),
      want: /service\.match\[0\]\.scheme .*; service\.match\[0\]\.uri must be/,
    },
  };
  for (const [name, { canary, want }] of Object.entries(cases)) {
    it(`${name} is said, and no route is made of it`, () => {
      assert.match(v1.obstacle(canary, empty) ?? "", want);
      assert.deepEqual(v1.render(canary, split(50), empty), []);
    });
  }
});

describe("session affinity", () => {
  const canary = aCanary()
    .analysis({
      sessionAffinity: {
        cookieName: "sid",
        primaryCookieName: "psid",
        domain: "a.example",
        secure: true,
        sameSite: "Lax",
      },
    })
    .status({ sessionAffinityCookie: "sid=AbC", primarySessionAffinityCookie: "psid=XyZ" })
    .build();
  const cookie = (pattern: string) => [
    { ...everyPath, headers: [{ type: "RegularExpression", name: "Cookie", value: pattern }] },
  ];
  const sets = (value: string) => [
    { type: "ResponseHeaderModifier", responseHeaderModifier: { add: [{ name: "Set-Cookie", value }] } },
  ];
  const attributes = "; Domain=a.example; SameSite=Lax; Secure";

  it("keeps clients on both sides while traffic is split", () => {
    assert.deepEqual(spec(rendered(v1, canary, split(10))).rules, [
      { matches: cookie(".*sid.*AbC.*"), backendRefs: [backend("shop-primary", 0), backend("shop-canary", 100)] },
      { matches: cookie(".*psid.*XyZ.*"), backendRefs: [backend("shop-primary", 100), backend("shop-canary", 0)] },
      {
        matches: [everyPath],
        backendRefs: [
          { ...backend("shop-primary", 90), filters: sets(`psid=XyZ; Max-Age=60${attributes}`) },
          { ...backend("shop-canary", 10), filters: sets(`sid=AbC; Max-Age=86400${attributes}`) },
        ],
      },
    ]);
  });

  it("takes the cookie away when the release is over, and not the one of a release that has met nobody yet", () => {
    const affinity = aCanary().analysis({ sessionAffinity: { cookieName: "sid" } });
    const over = affinity.status({ sessionAffinityCookie: "", previousSessionAffinityCookie: "sid=AbC" }).build();
    const next = affinity
      .status({ sessionAffinityCookie: "sid=XyZ", previousSessionAffinityCookie: "sid=AbC" })
      .build();
    const first = affinity.status({ sessionAffinityCookie: "sid=XyZ" }).build();
    const { rules } = spec(rendered(v1, over, split(0)));
    assert.deepEqual(rules[0], {
      matches: cookie(".*sid.*AbC.*"),
      filters: sets("sid=AbC; Max-Age=-1"),
      backendRefs: [backend("shop-primary", 100), backend("shop-canary", 0)],
    });
    assert.equal(rules.length, 2);
    assert.deepEqual(spec(rendered(v1, next, split(0))).rules, rules);
    assert.equal(spec(rendered(v1, first, split(0))).rules.length, 1);
  });

  it("keeps the cookie as long as there is a share, also when the status has called it over already", () => {
    const affinity = aCanary().analysis({ sessionAffinity: { cookieName: "sid" } });
    const before = affinity.status({ sessionAffinityCookie: "sid=AbC" }).build();
    const after = affinity.status({ sessionAffinityCookie: "", previousSessionAffinityCookie: "sid=AbC" }).build();
    assert.equal(v1.fit(after, holding(rendered(v1, before, split(30)))), "fits");
  });

  it("knows no cookie of the primary in v1beta1", () => {
    assert.equal(spec(rendered(gatewayApiV1Beta1Router, canary, split(10))).rules.length, 2);
  });
});

describe("fit", () => {
  const canary = aCanary().service({ timeout: "5s" }).build();
  const live = rendered(v1, canary, split(30));
  const changed = (change: (route: { metadata: Record<string, unknown>; spec: Record<string, unknown> }) => void) => {
    const copy = structuredClone(live) as unknown as RawObject & {
      metadata: Record<string, unknown>;
      spec: Record<string, unknown>;
    };
    change(copy);
    return copy;
  };
  const withoutTimeout = aCanary().build();

  it("is absent when there is no route", () => {
    assert.equal(v1.fit(canary, empty), "absent");
  });
  const same: Record<string, RawObject> = {
    "what was rendered": live,
    "other weights": rendered(v1, canary, split(70)),
    "labels and annotations of others": changed((route) => {
      route.metadata["labels"] = { mine: "yes" };
      route.metadata["annotations"] = { ...(route.metadata["annotations"] as object), note: "keep" };
    }),
    "a field of the spec that we do not know": changed((route) => {
      route.spec["useDefaultGateways"] = "All";
    }),
  };
  for (const [name, object] of Object.entries(same)) {
    it(`is kept by ${name}`, () => assert.equal(v1.fit(canary, holding(object)), "fits"));
  }
  const differs: Record<string, RawObject> = {
    "another host": changed((route) => {
      route.spec["hostnames"] = ["evil.example"];
    }),
    "a filter that somebody added": changed((route) => {
      (route.spec["rules"] as Record<string, unknown>[])[0] = {
        ...(route.spec["rules"] as Record<string, unknown>[])[0],
        filters: [{ type: "RequestHeaderModifier", requestHeaderModifier: { remove: ["x-a"] } }],
      };
    }),
    "a lost mark for GitOps tools": changed((route) => {
      route.metadata["annotations"] = {};
    }),
    "one backend only": changed((route) => {
      route.spec["rules"] = [{ backendRefs: [backend("shop", 1)] }];
    }),
  };
  for (const [name, object] of Object.entries(differs)) {
    it(`is broken by ${name}`, () => assert.equal(v1.fit(canary, holding(object)), "differs"));
  }
  it("is broken by a timeout that the Canary no longer has", () => {
    assert.equal(v1.fit(withoutTimeout, holding(live)), "differs");
  });
});

describe("acceptance by the Gateway", () => {
  const canary = aCanary().build();
  const parentRef = { group: "gateway.networking.k8s.io", kind: "Gateway", name: "edge", namespace: "infra" };
  const route = (parent: object, status: string, observedGeneration: number): RawObject => {
    const object = rendered(v1, canary, split(10));
    const conditions = [{ type: "Accepted", status, observedGeneration }];
    return {
      ...object,
      metadata: { ...object.metadata, generation: 3 },
      status: { parents: [{ parentRef: parent, controllerName: "example.org/gateway", conditions }] },
    };
  };
  const waits: Record<string, { route: RawObject; text: string }> = {
    "a refusal": {
      route: route(parentRef, "False", 3),
      text: "status: False, observed generation: 3, current generation: 3",
    },
    "an older generation": {
      route: route(parentRef, "True", 2),
      text: "status: True, observed generation: 2, current generation: 3",
    },
    "a parent written without defaults": {
      route: route({ name: "edge", namespace: "infra" }, "True", 1),
      text: "status: True, observed generation: 1, current generation: 3",
    },
  };
  for (const [name, { route: live, text }] of Object.entries(waits)) {
    it(`is waited for after ${name}, in the known words`, () => {
      const notAccepted = `HTTPRoute shop.demo parent edge is not ready (${text})`;
      const pending = text.startsWith("status: True") ? { pending: true } : {};
      assert.deepEqual(v1.read(canary, holding(live)), { notAccepted, ...pending, written: split(10) });
    });
  }
  const goes: Record<string, RawObject> = {
    "the newest generation": route(parentRef, "True", 3),
    "another section of the same Gateway": route({ ...parentRef, sectionName: "http" }, "False", 1),
    "no status at all": rendered(v1, canary, split(10)),
  };
  for (const [name, live] of Object.entries(goes)) {
    it(`is given by ${name}`, () => assert.deepEqual(v1.read(canary, holding(live)), split(10)));
  }
  it("is not asked of v1beta1, whose meshes do not say it", () => {
    assert.deepEqual(gatewayApiV1Beta1Router.read(canary, holding(route(parentRef, "True", 1))), split(10));
  });
});

describe("a route of somebody else", () => {
  const canary = aCanary().build();
  const users: RawObject = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "shop", namespace: "demo" },
    spec: { rules: [{ backendRefs: [{ name: "shop", port: 80 }] }] },
  };
  it("is taken over without an owner, so that it outlives the Canary", () => {
    assert.equal(v1.read(canary, holding(users)), undefined);
    assert.equal(v1.fit(canary, holding(users)), "differs");
    assert.equal("ownerReferences" in rendered(v1, canary, split(0), holding(users)).metadata, false);
  });
  it("does not make reading throw, whatever is in it", () => {
    for (const odd of [null, 7, "x", [], { rules: 1 }, { rules: [null, { backendRefs: "no" }] }]) {
      assert.equal(v1.read(canary, holding({ ...users, spec: odd, status: odd })), undefined);
    }
  });
});

describe("release on deletion", () => {
  it("leaves one backend, the apex Service, and no owner", () => {
    const canary = aCanary().service({ timeout: "5s" }).build();
    const [route] = v1.release(canary, holding(rendered(v1, canary, split(50))));
    assert.deepEqual(route?.metadata, { name: "shop", namespace: "demo" });
    assert.deepEqual(route === undefined ? [] : spec(route).rules, [
      { matches: [everyPath], backendRefs: [backend("shop", 1)], timeouts: { request: "5s" } },
    ]);
  });
  it("makes no route where there was none", () => {
    assert.deepEqual(v1.release(aCanary().build(), empty), []);
  });
});
