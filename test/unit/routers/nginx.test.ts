import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AnalysisMatch, RawObject } from "../../../api/index.ts";
import { nginxRouter } from "../../../controller/routers/nginx.ts";
import { ingress, provided } from "./providers.ts";
import { holding as holdingOnly, rendered, split } from "./world.ts";

const { aCanary, holding } = provided(nginxRouter);
const canary = aCanary().build();
const prefix = "nginx.ingress.kubernetes.io";

const owner = {
  apiVersion: "flagger.app/v1beta1",
  kind: "Canary",
  name: "shop",
  uid: "7f0c",
  controller: true,
  blockOwnerDeletion: true,
};

const always = {
  "kubernetes.io/ingress.class": "nginx",
  [`${prefix}/proxy-body-size`]: "8m",
  "zalando.org/skipper-predicate": 'Host("shop.example.org") && Weight(100)',
  "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
  "helm.toolkit.fluxcd.io/driftDetection": "disabled",
  [`${prefix}/canary`]: "true",
};

function testing(...match: readonly AnalysisMatch[]) {
  return aCanary().analysis({ iterations: 3, match }).build();
}

function live(annotations: Readonly<Record<string, string>>): RawObject {
  const made = rendered(nginxRouter, canary, split(0), holding());
  return { ...made, metadata: { ...made.metadata, annotations } };
}

describe("an Ingress for nginx", () => {
  it("is the user's, with the apex Service replaced by the canary's", () => {
    assert.deepEqual(rendered(nginxRouter, canary, split(0), holding()), {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata: {
        name: "shop-canary",
        namespace: "demo",
        ownerReferences: [owner],
        labels: { app: "shop" },
        annotations: { ...always, [`${prefix}/canary-weight`]: "0" },
      },
      spec: {
        tls: [{ hosts: ["shop.example.org"], secretName: "shop-tls" }],
        rules: [
          {
            host: "shop.example.org",
            http: {
              paths: [
                {
                  path: "/",
                  pathType: "Prefix",
                  backend: { service: { name: "shop-canary", port: { number: 8080 } } },
                },
                { path: "/docs", pathType: "Prefix", backend: { service: { name: "docs", port: { name: "http" } } } },
              ],
            },
          },
          { host: "empty.example.org" },
        ],
      },
    });
  });

  const header = { headers: { "x-tier": { exact: "beta" } } };
  const cookie = { headers: { cookie: { exact: "insider" } } };
  const annotated: Record<
    string,
    { canary?: ReturnType<typeof testing>; share: number; want: Record<string, string> }
  > = {
    "a share": { share: 10, want: { "canary-weight": "10" } },
    everybody: { share: 100, want: { "canary-weight": "100" } },
    "a test that has not begun": { canary: testing(header), share: 0, want: { "canary-weight": "0" } },
    "a test by the value of a header": {
      canary: testing(header),
      share: 100,
      want: { "canary-weight": "0", "canary-by-header": "x-tier", "canary-by-header-value": "beta" },
    },
    "a test by the pattern of a header": {
      canary: testing({ headers: { "x-tier": { regex: "b.*" } } }),
      share: 100,
      want: { "canary-weight": "0", "canary-by-header": "x-tier", "canary-by-header-pattern": "b.*" },
    },
    "a test by a header or a cookie": {
      canary: testing(header, cookie),
      share: 100,
      want: {
        "canary-weight": "0",
        "canary-by-header": "x-tier",
        "canary-by-header-value": "beta",
        "canary-by-cookie": "insider",
      },
    },
  };
  for (const [name, { canary: asked = canary, share, want }] of Object.entries(annotated)) {
    it(`says by annotations: ${name}`, () => {
      const wanted = Object.fromEntries(Object.entries(want).map(([key, value]) => [`${prefix}/${key}`, value]));
      const made = rendered(nginxRouter, asked, split(share), holding());
      assert.deepEqual(made.metadata.annotations, { ...always, ...wanted });
    });
  }

  const obstacles: Record<
    string,
    { canary?: ReturnType<typeof testing>; objects?: ReturnType<typeof holding>; want: RegExp }
  > = {
    "no Ingress": { objects: holdingOnly(), want: /^Ingress shop\.demo not found$/ },
    "an Ingress of something else": {
      canary: aCanary().service({ name: "cart" }).build(),
      want: /^Ingress shop\.demo has no path with backend cart$/,
    },
    "two headers": {
      canary: testing(header, { headers: { "x-b": { exact: "1" } } }),
      want: /one header and one cookie/,
    },
    "a header and a cookie at once": {
      canary: testing({ headers: { ...header.headers, ...cookie.headers } }),
      want: /one header or one cookie per entry/,
    },
    "a cookie by a pattern": {
      canary: testing({ headers: { Cookie: { regex: ".*" } } }),
      want: /the name of the cookie/,
    },
    "the prefix of a header": {
      canary: testing({ headers: { a: { prefix: "b" } } }),
      want: /a must be exact or regex/,
    },
    "labels of the caller": { canary: testing({ ...header, sourceLabels: { app: "x" } }), want: /sourceLabels cannot/ },
    "a query parameter": { canary: testing({ queryParams: { q: { exact: "1" } } }), want: /queryParams\.q cannot/ },
    nothing: { canary: testing({}), want: /would send every request to the canary/ },
  };
  for (const [name, { canary: asked = canary, objects = holding(), want }] of Object.entries(obstacles)) {
    it(`is not made for ${name}`, () => {
      assert.match(nginxRouter.obstacle(asked, objects) ?? "", want);
      assert.deepEqual(nginxRouter.render(asked, split(100), objects), []);
    });
  }

  const reads: Record<string, { annotations: Record<string, string>; want: ReturnType<typeof split> | undefined }> = {
    "a weight": { annotations: { "canary-weight": "30" }, want: split(30) },
    "a test that runs": { annotations: { "canary-weight": "0", "canary-by-cookie": "insider" }, want: split(100) },
    "no weight": { annotations: {}, want: undefined },
    "a weight in words": { annotations: { "canary-weight": "ten" }, want: undefined },
    "a weight beyond all": { annotations: { "canary-weight": "101" }, want: undefined },
  };
  for (const [name, { annotations, want }] of Object.entries(reads)) {
    it(`is read: ${name}`, () => {
      const keyed = Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`${prefix}/${key}`, value]));
      assert.deepEqual(nginxRouter.read(canary, holding(live(keyed))), want);
    });
  }

  it("follows the user's Ingress, and keeps the weight", () => {
    const before = rendered(nginxRouter, canary, split(30), holding());
    const moved = { ...ingress, spec: { ...(ingress["spec"] as object), tls: [] } };
    const objects = holdingOnly(moved, before);
    assert.equal(nginxRouter.fit(canary, objects), "differs");
    assert.deepEqual(
      nginxRouter.read(canary, holdingOnly(...nginxRouter.render(canary, split(30), objects))),
      split(30),
    );
  });

  const fits: Record<string, { change: (made: RawObject) => RawObject; want: string }> = {
    "an annotation of somebody else": {
      change: (made) => ({
        ...made,
        metadata: { ...made.metadata, annotations: { ...made.metadata.annotations, a: "b" } },
      }),
      want: "fits",
    },
    "a mark that is gone": {
      change: (made) => ({
        ...made,
        metadata: { ...made.metadata, annotations: { [`${prefix}/canary-weight`]: "10" } },
      }),
      want: "differs",
    },
    "a rule more": {
      change: (made) => {
        const { rules, ...spec } = made["spec"] as { rules: object[] };
        return { ...made, spec: { ...spec, rules: [...rules, { host: "x" }] } };
      },
      want: "differs",
    },
  };
  for (const [name, { change, want }] of Object.entries(fits)) {
    it(`${want} with ${name}`, () => {
      assert.equal(nginxRouter.fit(canary, holding(change(rendered(nginxRouter, canary, split(10), holding())))), want);
    });
  }

  it("is not owned where a user had one of that name", () => {
    const users = { ...ingress, metadata: { name: "shop-canary", namespace: "demo" } };
    const made = rendered(nginxRouter, canary, split(10), holding(users));
    assert.equal(made.metadata.ownerReferences, undefined);
  });
});
