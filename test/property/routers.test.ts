import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Canary, canonicalJson, type Traffic } from "../../api/index.ts";
import { routerFor } from "../../controller/routers/registry.ts";
import { aCanary } from "../unit/aCanary.ts";
import { empty, holding, rendered } from "../unit/routers/world.ts";

const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/);
const condition = fc.oneof(fc.record({ exact: word }), fc.record({ regex: word }));
const conditions = fc.dictionary(word, condition, { minKeys: 1, maxKeys: 4 });

/** Canaries that a route can be made for, with every part that changes the shape of a route. */
const canaries: fc.Arbitrary<Canary> = fc
  .record({
    hosts: fc.array(word, { maxLength: 2 }),
    headers: fc.dictionary(word, word, { maxKeys: 3 }),
    timeout: fc.option(fc.constantFrom("5s", "1.5s", "250ms", "1h2m"), { nil: undefined }),
    match: fc.array(fc.record({ headers: conditions }), { maxLength: 2 }),
    testMatch: fc.array(fc.record({ headers: conditions }), { maxLength: 2 }),
    cors: fc.boolean(),
    affinity: fc.boolean(),
    current: fc.option(word, { nil: undefined }),
    previous: fc.option(word, { nil: undefined }),
  })
  .map((parts) =>
    aCanary()
      .service({
        hosts: parts.hosts,
        headers: { request: { set: parts.headers } },
        match: parts.match,
        ...(parts.timeout === undefined ? {} : { timeout: parts.timeout }),
        ...(parts.cors ? { corsPolicy: { allowOrigins: [{ exact: "https://a.example" }], maxAge: "1d" } } : {}),
      })
      .analysis({
        match: parts.testMatch,
        ...(parts.affinity ? { sessionAffinity: { cookieName: "sid", primaryCookieName: "psid" } } : {}),
      })
      .status({
        ...(parts.current === undefined ? {} : { sessionAffinityCookie: `sid=${parts.current}` }),
        ...(parts.previous === undefined ? {} : { previousSessionAffinityCookie: `sid=${parts.previous}` }),
        primarySessionAffinityCookie: "psid=abc",
      })
      .build(),
  );

const splits = (mirrors: boolean): fc.Arbitrary<Traffic> =>
  fc
    .record({ canary: fc.integer({ min: 0, max: 100 }), mirror: mirrors ? fc.boolean() : fc.constant(false) })
    .map(({ canary, mirror }) => ({ primary: 100 - canary, canary, mirror }));

/** Objects after a round trip through the API server: other key order, nothing undefined. */
function stored<T>(object: T): T {
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([key, field]) => [key, reversed(field)]),
    );
  };
  return reversed(JSON.parse(JSON.stringify(object))) as T;
}

for (const provider of ["gatewayapi:v1", "gatewayapi:v1beta1", "traefik"]) {
  const router = routerFor(provider);
  assert.ok(router);
  const traffic = splits(provider !== "traefik");

  describe(`the router of ${provider}, for any canary and any split`, () => {
    it("reads what it rendered", () => {
      fc.assert(
        fc.property(canaries, traffic, (canary, wanted) => {
          const live = stored(rendered(router, canary, wanted));
          assert.deepEqual(router.read(canary, holding(live)), wanted);
          assert.equal(router.fit(canary, holding(live)), "fits");
        }),
      );
    });

    it("renders the same again onto what it rendered before, whatever the weights were", () => {
      fc.assert(
        fc.property(canaries, traffic, traffic, (canary, before, wanted) => {
          const first = rendered(router, canary, wanted);
          assert.equal(JSON.stringify(first), JSON.stringify(rendered(router, canary, wanted)));
          const live = stored(rendered(router, canary, before));
          assert.equal(canonicalJson(rendered(router, canary, wanted, holding(live))), canonicalJson(first));
        }),
      );
    });

    it("keeps the weights when another field of the Canary changes", () => {
      fc.assert(
        fc.property(canaries, canaries, traffic, (before, after, wanted) => {
          const live = stored(rendered(router, before, wanted));
          const seen = router.read(after, holding(live));
          assert.deepEqual(seen, wanted);
          assert.deepEqual(router.read(after, holding(rendered(router, after, wanted, holding(live)))), wanted);
        }),
      );
    });

    it("leaves nobody's name behind when it is released", () => {
      fc.assert(
        fc.property(canaries, traffic, (canary, wanted) => {
          const text = JSON.stringify(router.release(canary, holding(rendered(router, canary, wanted))));
          assert.match(text, /"name":"shop"/);
          assert.doesNotMatch(text, /shop-primary|shop-canary|ownerReferences/);
          assert.deepEqual(router.release(canary, empty), []);
        }),
      );
    });
  });
}
