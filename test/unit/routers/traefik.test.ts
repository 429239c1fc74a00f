import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RawObject } from "../../../api/index.ts";
import { routerFor } from "../../../controller/routers/registry.ts";
import { traefikRouter } from "../../../controller/routers/traefik.ts";
import { aCanary } from "../aCanary.ts";
import { empty, holding, rendered, split } from "./world.ts";

const canary = aCanary().build();

function services(object: RawObject): unknown {
  return (object["spec"] as { weighted: { services: unknown } }).weighted.services;
}

function live(...entries: readonly object[]): RawObject {
  const object = rendered(traefikRouter, canary, split(0));
  return { ...object, spec: { weighted: { services: entries } } };
}

const primary = { name: "shop-primary", namespace: "demo", port: 8080 };
const other = { name: "shop-canary", namespace: "demo", port: 8080 };

describe("a TraefikService", () => {
  it("has an entry for the canary only while it gets a share", () => {
    assert.deepEqual(services(rendered(traefikRouter, canary, split(0))), [{ ...primary, weight: 100 }]);
    assert.deepEqual(services(rendered(traefikRouter, canary, split(10))), [
      { ...primary, weight: 90 },
      { ...other, weight: 10 },
    ]);
  });

  it("says 0 out loud, which Traefik would take for 1", () => {
    assert.deepEqual(services(rendered(traefikRouter, canary, split(100))), [
      { ...primary, weight: 0 },
      { ...other, weight: 100 },
    ]);
  });

  it("keeps what users added to an entry, for both", () => {
    const users = live({ ...primary, weight: 100, serversTransport: "mtls" });
    assert.deepEqual(services(rendered(traefikRouter, canary, split(10), holding(users))), [
      { ...primary, weight: 90, serversTransport: "mtls" },
      { ...other, weight: 10, serversTransport: "mtls" },
    ]);
  });

  const reads: Record<string, { entries: object[]; want: ReturnType<typeof split> | undefined }> = {
    "one service": { entries: [{ ...primary, weight: 100 }], want: split(0) },
    "a service without a weight": { entries: [primary], want: split(0) },
    "50/50 written as 100/100": {
      entries: [
        { ...primary, weight: 100 },
        { ...other, weight: 100 },
      ],
      want: split(50),
    },
    "a trickle, which is not nothing": {
      entries: [
        { ...primary, weight: 9999 },
        { ...other, weight: 1 },
      ],
      want: split(1),
    },
    nobody: { entries: [{ ...primary, weight: 0 }], want: undefined },
    "services of others": { entries: [{ name: "x", weight: 5 }], want: undefined },
  };
  for (const [name, { entries, want }] of Object.entries(reads)) {
    it(`is read: ${name}`, () => assert.deepEqual(traefikRouter.read(canary, holding(live(...entries))), want));
  }

  const fits: Record<string, { entries: object[]; want: string }> = {
    "weights of a release": {
      entries: [
        { ...primary, weight: 60 },
        { ...other, weight: 40 },
      ],
      want: "fits",
    },
    "an old port": { entries: [{ ...primary, port: 80, weight: 100 }], want: "differs" },
    "a third service": {
      entries: [
        { ...primary, weight: 90 },
        { name: "x", weight: 10 },
      ],
      want: "differs",
    },
    "a weight that is missing": { entries: [primary], want: "differs" },
  };
  for (const [name, { entries, want }] of Object.entries(fits)) {
    it(`${want} with ${name}`, () => assert.equal(traefikRouter.fit(canary, holding(live(...entries))), want));
  }

  it("sends everybody to the apex Service when it is released", () => {
    const [released] = traefikRouter.release(canary, holding(live({ ...primary, weight: 100 })));
    assert.deepEqual(released && services(released), [{ name: "shop", namespace: "demo", port: 8080, weight: 1 }]);
    assert.deepEqual(traefikRouter.release(canary, empty), []);
  });
});

describe("the choice of a router", () => {
  const choices: Record<string, string | undefined> = {
    kubernetes: "kubernetes",
    traefik: "traefik",
    "gatewayapi:v1": "gatewayapi:v1",
    "gatewayapi:v1beta1": "gatewayapi:v1beta1",
    "gatewayapi:v1alpha2": "gatewayapi:v1",
    gatewayapi: undefined,
    istio: "istio",
    "nginx:x": undefined,
    "": undefined,
  };
  for (const [provider, want] of Object.entries(choices)) {
    it(`${provider || "nothing"} is ${want ?? "not supported"}`, () => {
      assert.equal(routerFor(provider)?.provider, want);
    });
  }
});
