import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { canonicalJson, fieldsOf, ownedRoutes, providers, type RawObject } from "../../api/index.ts";
import { routers } from "../../controller/routers/registry.ts";
import { canariesOf, everyProvider, splitsOf } from "../unit/routers/providers.ts";

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

const isOwned = ({ metadata }: RawObject): boolean => metadata.ownerReferences !== undefined;

it("the registry has one router per provider", () => {
  assert.deepEqual(routers.map(({ provider }) => provider).toSorted(), [...providers].toSorted());
});

/** What a copy of a user's object says as the original does: following it is no drift, but it is not ours to guard. */
const copied: Readonly<Record<string, readonly string[]>> = {
  apisix: ["ingressClassName"],
  nginx: ["tls"],
  skipper: ["tls"],
};

/** Fields of the spec that we write into an object that the Canary owns, while admission lets others change them. */
function unguarded(provider: string, { apiVersion, kind, spec }: RawObject): readonly string[] {
  const group = apiVersion.split("/")[0];
  const guarded = ownedRoutes.find((owned) => owned.group === group && owned.kind === kind)?.fields ?? [];
  const names = guarded.filter(({ path }) => path[0] === "spec").map(({ path }) => path[1]);
  const fields = Object.keys(fieldsOf(spec)).filter((name) => !copied[provider]?.includes(name));
  return names.includes(undefined) ? [] : fields.filter((name) => !names.includes(name));
}

/** What two writes of one object say differently, as paths; lists count as a whole. */
function changedPaths(before: unknown, after: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (canonicalJson(before ?? null) === canonicalJson(after ?? null)) return [];
  const isObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject(before) || !isObject(after)) return [path];
  const [left, right] = [fieldsOf(before), fieldsOf(after)];
  const keys = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return keys.flatMap((key) => changedPaths(left[key], right[key], [...path, key]));
}

/** Whether admission guards what is at the path. */
function isGuarded({ apiVersion, kind }: RawObject, path: readonly string[]): boolean {
  const owned = ownedRoutes.find((each) => each.group === apiVersion.split("/")[0] && each.kind === kind);
  return owned?.fields.some((field) => field.path.every((key, at) => path[at] === key)) ?? false;
}

for (const provided of everyProvider) {
  const { router, holding } = provided;
  const canaries = canariesOf(provided);
  const traffic = splitsOf(provided);

  describe(`the router of ${provided.name}, for any canary and any split`, () => {
    it("makes exactly the objects that it watches, and reads what it rendered", () => {
      fc.assert(
        fc.property(canaries, traffic, (canary, wanted) => {
          assert.equal(router.obstacle(canary, holding()), undefined);
          const live = stored(router.render(canary, wanted, holding()));
          const names = live.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`);
          const watched = router.watches(canary).map((ref) => `${ref.resource.kind} ${ref.namespace}/${ref.name}`);
          assert.deepEqual(names.toSorted(), watched.toSorted());
          assert.deepEqual(router.read(canary, holding(...live)), wanted);
          assert.equal(router.fit(canary, holding(...live)), "fits");
          assert.notEqual(router.fit(canary, holding()), "fits");
        }),
      );
    });

    it("makes nothing in an object of the Canary that admission does not guard", () => {
      fc.assert(
        fc.property(canaries, traffic, (canary, wanted) => {
          const made = router.render(canary, wanted, holding()).filter(isOwned);
          assert.deepEqual(
            made.flatMap((object) => unguarded(provided.name, object)),
            [],
          );
        }),
      );
    });

    it("turns traffic by nothing in an object of the Canary that admission does not guard", () => {
      fc.assert(
        fc.property(canaries, traffic, traffic, (canary, before, wanted) => {
          const later = router.render(canary, wanted, holding());
          const open = router.render(canary, before, holding()).flatMap((object) => {
            const next = later.find(({ kind, metadata }) => {
              return kind === object.kind && metadata.name === object.metadata.name;
            });
            return isOwned(object) ? changedPaths(object, next).filter((path) => !isGuarded(object, path)) : [];
          });
          assert.deepEqual(open, []);
        }),
      );
    });

    it("renders the same again onto what it rendered before, whatever the weights were", () => {
      fc.assert(
        fc.property(canaries, traffic, traffic, (canary, before, wanted) => {
          const first = router.render(canary, wanted, holding());
          assert.equal(JSON.stringify(first), JSON.stringify(router.render(canary, wanted, holding())));
          const live = stored(router.render(canary, before, holding()));
          assert.equal(canonicalJson(router.render(canary, wanted, holding(...live))), canonicalJson(first));
        }),
      );
    });

    it("keeps the weights when another field of the Canary changes", () => {
      fc.assert(
        fc.property(canaries, canaries, traffic, (before, after, wanted) => {
          const live = stored(router.render(before, wanted, holding()));
          assert.deepEqual(router.read(after, holding(...live)), wanted);
          const next = router.render(after, wanted, holding(...live));
          assert.deepEqual(router.read(after, holding(...next)), wanted);
        }),
      );
    });

    it("leaves nobody's name behind when it is released, and nobody on the canary", () => {
      fc.assert(
        fc.property(canaries, traffic, (canary, wanted) => {
          const live = router.render(canary, wanted, holding());
          const released = router.release(canary, holding(...live));
          const given = released.filter((body) => !isOwned(body));
          assert.doesNotMatch(JSON.stringify(given), /shop-primary|shop-canary/);
          // What is not given to the user has to go with the Canary.
          const rest = live.filter(({ kind, metadata }) =>
            given.every((body) => body.kind !== kind || body.metadata.name !== metadata.name),
          );
          assert.ok(rest.every(isOwned));
          for (const body of released.filter(isOwned)) {
            const read = router.read(canary, holding(body));
            assert.ok(read === undefined || ("canary" in read && read.canary === 0));
          }
          assert.deepEqual(router.release(canary, holding()), []);
        }),
      );
    });
  });
}
