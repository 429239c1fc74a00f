import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RawObject } from "../../../api/index.ts";
import { skipperRouter } from "../../../controller/routers/skipper.ts";
import { ingress, provided } from "./providers.ts";
import { holding as holdingOnly, marks, owned, rendered, split } from "./world.ts";

const { aCanary, holding } = provided(skipperRouter);
const canary = aCanary().build();
const weights = "zalando.org/backend-weights";
const predicate = "zalando.org/skipper-predicate";

describe("an Ingress for Skipper", () => {
  it("leads each path to the primary and to the canary, and is preferred", () => {
    const path = (name: string) => ({
      path: "/",
      pathType: "Prefix",
      backend: { service: { name, port: { number: 8080 } } },
    });
    assert.deepEqual(rendered(skipperRouter, canary, split(10), holding()), {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata: {
        ...owned,
        name: "shop-canary",
        labels: { app: "shop" },
        annotations: {
          ...marks,
          "kubernetes.io/ingress.class": "nginx",
          "nginx.ingress.kubernetes.io/canary-weight-total": "1000",
          "nginx.ingress.kubernetes.io/proxy-body-size": "8m",
          [weights]: '{"shop-canary":10,"shop-primary":90}',
          [predicate]: 'Weight(100) && Host("shop.example.org")',
        },
      },
      spec: {
        tls: [{ hosts: ["shop.example.org"], secretName: "shop-tls" }],
        rules: [
          {
            host: "shop.example.org",
            http: {
              paths: [
                path("shop-primary"),
                { path: "/docs", pathType: "Prefix", backend: { service: { name: "docs", port: { name: "http" } } } },
                path("shop-canary"),
              ],
            },
          },
          { host: "empty.example.org" },
        ],
      },
    });
  });

  const users = (value?: string): RawObject => ({
    ...ingress,
    metadata: {
      name: "shop",
      namespace: "demo",
      ...(value === undefined ? {} : { annotations: { [predicate]: value } }),
    },
  });
  const predicates: Record<string, { users?: string; share: number; want: string }> = {
    "no share": { share: 0, want: "False()" },
    everybody: { share: 100, want: "Weight(100)" },
    "no share, and the user's": { users: "Method(`GET`)", share: 0, want: "False() && Method(`GET`)" },
    "a share, and a mess": { users: " && False() &&A()&& Weight(100)", share: 1, want: "Weight(100) && A()" },
  };
  for (const [name, { users: value, share, want }] of Object.entries(predicates)) {
    it(`is switched by its predicate: ${name}`, () => {
      const made = rendered(skipperRouter, canary, split(share), holdingOnly(users(value)));
      assert.equal(made.metadata.annotations?.[predicate], want);
    });
  }

  const live = (annotations: Record<string, string>): RawObject => ({
    ...users(),
    metadata: { ...users().metadata, name: "shop-canary", annotations },
  });
  const reads: Record<string, { annotations: Record<string, string>; want: ReturnType<typeof split> | undefined }> = {
    weights: { annotations: { [weights]: '{"shop-canary":30,"shop-primary":70}' }, want: split(30) },
    "weights that are off": {
      annotations: { [weights]: '{"shop-canary":30,"shop-primary":70}', [predicate]: "A() && False()" },
      want: split(0),
    },
    "one weight": { annotations: { [weights]: '{"shop-canary":30}' }, want: undefined },
    "no JSON": { annotations: { [weights]: "30" }, want: undefined },
    nothing: { annotations: {}, want: undefined },
  };
  for (const [name, { annotations, want }] of Object.entries(reads)) {
    it(`is read: ${name}`, () => assert.deepEqual(skipperRouter.read(canary, holding(live(annotations))), want));
  }

  it("needs an Ingress that leads to the apex Service", () => {
    assert.match(skipperRouter.obstacle(canary, holdingOnly()) ?? "", /^Ingress shop\.demo not found$/);
  });

  it("is off when it is released, and goes with the Canary", () => {
    const [released] = skipperRouter.release(canary, holding(rendered(skipperRouter, canary, split(40), holding())));
    assert.match(released?.metadata.annotations?.[predicate] ?? "", /^False\(\)/);
    assert.deepEqual(released?.metadata.ownerReferences, owned.ownerReferences);
  });
});
