import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import { load } from "js-yaml";
import type { Canary, ObjectRef, RawObject, Traffic } from "../../../api/index.ts";
import { admitObject } from "../../../sandbox/apiserver/crd/customObject.ts";
import { type Definition, schemaOf } from "../../../sandbox/apiserver/crd/definition.ts";
import type { KubeObject } from "../../../sandbox/apiserver/types.ts";
import { aCanary } from "../aCanary.ts";
import { canariesOf, everyProvider, type Provided, splitsOf } from "./providers.ts";
import { split } from "./world.ts";

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

/** Of the Gateway API, whose definitions say the most about what fits together. */
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

/** Kinds that the API server itself defines, and versions that no definition serves any more. */
const undefinedKinds: readonly string[] = ["networking.k8s.io/v1", "appmesh.k8s.aws/v1beta1"];

const schemas = new Map<string, ReturnType<typeof schemaOf>>();

function officialSchema({ resource: { group, version, plural } }: ObjectRef): ReturnType<typeof schemaOf> | undefined {
  if (undefinedKinds.includes(`${group}/${version}`)) return undefined;
  const file = `${group}_${plural}.yaml`;
  const known = schemas.get(`${version} ${file}`);
  if (known !== undefined) return known;
  const schema = schemaOf(load(readFileSync(new URL(file, folder), "utf8")) as Definition, version);
  schemas.set(`${version} ${file}`, schema);
  return schema;
}

/** What the API server stores of our objects: defaulted, and refused or pruned nowhere. */
function stored(refs: readonly ObjectRef[], bodies: readonly RawObject[]): readonly RawObject[] {
  return bodies.map((body) => {
    const ref = refs.find(({ resource, name }) => resource.kind === body.kind && name === body.metadata.name);
    assert.ok(ref);
    const schema = officialSchema(ref);
    if (schema === undefined) return body;
    const admitted = admitObject(schema, structuredClone(body) as unknown as KubeObject);
    assert.deepEqual(admitted.errors, []);
    assert.deepEqual(admitted.prunedFields, []);
    return admitted.object as unknown as RawObject;
  });
}

function isValid({ router, holding }: Provided, canary: Canary, traffic: Traffic): void {
  const refs = router.watches(canary);
  const live = stored(refs, router.render(canary, traffic, holding()));
  assert.ok(live.length > 0);
  assert.deepEqual(router.read(canary, holding(...live)), traffic);
  assert.equal(router.fit(canary, holding(...live)), "fits");
  stored(refs, router.release(canary, holding(...live)));
}

describe("rendered routes under the official definitions", { skip }, () => {
  for (const provided of everyProvider) {
    it(`${provided.name}: valid, complete, and no change after defaulting, for any canary`, () => {
      fc.assert(
        fc.property(canariesOf(provided), splitsOf(provided), (canary, traffic) => isValid(provided, canary, traffic)),
      );
    });
  }
  for (const provided of everyProvider.filter(({ name }) => name.startsWith("gatewayapi"))) {
    for (const [name, canary] of Object.entries(variants)) {
      for (const traffic of [split(0), split(10), split(100), split(0, true)]) {
        it(`${provided.name}, ${name}, ${JSON.stringify(traffic)}: the same`, () => isValid(provided, canary, traffic));
      }
    }
  }
});
