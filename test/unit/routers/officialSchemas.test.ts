import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { load } from "js-yaml";
import type { Canary } from "../../../api/index.ts";
import { routerFor } from "../../../controller/routers/registry.ts";
import { admitObject } from "../../../sandbox/apiserver/crd/customObject.ts";
import { type Definition, schemaOf } from "../../../sandbox/apiserver/crd/definition.ts";
import type { KubeObject } from "../../../sandbox/apiserver/types.ts";
import { aCanary } from "../aCanary.ts";
import { holding, split } from "./world.ts";

const folder = new URL("../../../../shared/crds/", import.meta.url);
const skip = existsSync(folder) ? false : "the official definitions are not beside this repository";

const full = aCanary()
  .service({
    hosts: ["shop.example.org"],
    timeout: "15s",
    backendTimeout: "1.5s",
    apex: { labels: { team: "a" }, annotations: { note: "b" } },
    match: [
      {
        uri: { prefix: "/shop" },
        method: { exact: "GET" },
        headers: { "x-a": { exact: "1" } },
        queryParams: { q: { regex: "a.*" } },
      },
      { headers: { "x-b": { regex: "2.*" } } },
    ],
    rewrite: { uri: "/", authority: "shop.internal" },
    headers: { request: { add: { "x-one": "1" }, remove: ["x-two"] }, response: { set: { "x-three": "3" } } },
    mirror: [{ backendRef: { name: "audit", port: 80 } }],
    corsPolicy: {
      allowOrigin: ["https://a.example"],
      allowMethods: ["GET"],
      allowCredentials: true,
      maxAge: "1h",
      exposeHeaders: ["x-three"],
    },
  })
  .build();

const variants: Record<string, Canary> = {
  "the least": aCanary().build(),
  "every field": full,
  "A/B testing": aCanary()
    .analysis({ iterations: 3, match: [{ headers: { "x-tier": { exact: "beta" } } }] })
    .build(),
  "session affinity": aCanary()
    .analysis({ sessionAffinity: { cookieName: "sid", primaryCookieName: "psid" } })
    .status({ sessionAffinityCookie: "sid=AbC", primarySessionAffinityCookie: "psid=XyZ" })
    .build(),
};

const providers: Record<string, { file: string; version: string }> = {
  "gatewayapi:v1": { file: "gateway.networking.k8s.io_httproutes.yaml", version: "v1" },
  "gatewayapi:v1beta1": { file: "gateway.networking.k8s.io_httproutes.yaml", version: "v1beta1" },
  traefik: { file: "traefik.io_traefikservices.yaml", version: "v1alpha1" },
};

describe("rendered routes under the official definitions", { skip }, () => {
  for (const [provider, { file, version }] of Object.entries(providers)) {
    const router = routerFor(provider);
    assert.ok(router);
    const definition = skip === false ? (load(readFileSync(new URL(file, folder), "utf8")) as Definition) : undefined;
    const schema = definition === undefined ? {} : schemaOf(definition, version);
    for (const [name, canary] of Object.entries(variants)) {
      for (const traffic of [split(0), split(10), split(100), split(0, true)]) {
        it(`${provider}, ${name}, ${JSON.stringify(traffic)}: valid, complete, and no change after defaulting`, () => {
          const [made] = router.render(canary, traffic, () => undefined);
          assert.ok(made);
          const admitted = admitObject(schema, made as unknown as KubeObject);
          assert.deepEqual(admitted.errors, []);
          assert.deepEqual(admitted.prunedFields, []);
          const stored = holding(admitted.object as unknown as typeof made);
          assert.equal(router.fit(canary, stored), "fits");
          const [released] = router.release(canary, stored);
          assert.deepEqual(admitObject(schema, released as unknown as KubeObject).errors, []);
        });
      }
    }
  }
});
