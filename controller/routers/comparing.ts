import { type Canary, canonicalJson, type Fit, fieldsOf, isSubset, type RawObject } from "../../api/index.ts";
import type { Objects, Router } from "./router.ts";

/** Lists that the API server merges by the name of their items (`x-kubernetes-list-type: map`). */
type KeyedLists = ReadonlySet<string>;

/**
 * A router whose `fit` follows from the rest: what is read is rendered again and compared. So weights never differ and everything
 * else does, and what `render` makes always fits. `render` is asked only where nothing is in the way.
 */
export function comparing(router: Omit<Router, "fit">, keyed: KeyedLists = new Set()): Router {
  const render: Router["render"] = (canary, traffic, objects) =>
    router.obstacle(canary, objects) === undefined ? router.render(canary, traffic, objects) : [];
  return {
    ...router,
    render,
    fit: (canary, objects) => fit({ ...router, render }, canary, objects, keyed),
  };
}

function fit(router: Omit<Router, "fit">, canary: Canary, objects: Objects, keyed: KeyedLists): Fit {
  const refs = router.watches(canary);
  if (refs.some((ref) => objects(ref) === undefined)) {
    return "absent";
  }
  const traffic = router.read(canary, objects);
  if (traffic === undefined) {
    return "differs";
  }
  if ("notAccepted" in traffic) {
    return "fits";
  }
  const agreed = router.render(canary, traffic, objects).every((wanted) => {
    const ref = refs.find(({ resource, name }) => resource.kind === wanted.kind && name === wanted.metadata.name);
    const live = ref === undefined ? undefined : objects(ref);
    return live !== undefined && sameObject(wanted, live, keyed);
  });
  return agreed ? "fits" : "differs";
}

function sameObject(wanted: RawObject, live: RawObject, keyed: KeyedLists): boolean {
  // The API server may answer in another version of the kind, and merges owners by uid.
  const { apiVersion: _version, metadata, ...rest } = wanted;
  const { ownerReferences = [], ...meta } = metadata;
  const owners = live.metadata.ownerReferences ?? [];
  return (
    isSubset(meta, live.metadata) &&
    ownerReferences.every((owner) => owners.some((each) => isSubset(owner, each))) &&
    agrees(rest, live, keyed)
  );
}

/**
 * Whether a live value is what we would apply: of maps, what we state is there, and more belongs to others; lists are ours as a
 * whole, as they are to the API server, so that nothing in them can widen a route.
 */
function agrees(wanted: unknown, live: unknown, keyed: KeyedLists): boolean {
  if (typeof wanted !== "object" || wanted === null || Array.isArray(wanted)) {
    return canonicalJson(wanted) === canonicalJson(live ?? (Array.isArray(wanted) ? [] : undefined));
  }
  const fields = fieldsOf(live);
  return Object.entries(wanted).every(([field, value]) =>
    keyed.has(field) && Array.isArray(value)
      ? value.every((item) => ofSameName(fields[field], item).some((each) => agrees(item, each, keyed)))
      : agrees(value, fields[field], keyed),
  );
}

function ofSameName(items: unknown, wanted: unknown): readonly unknown[] {
  const name = fieldsOf(wanted)["name"];
  return Array.isArray(items) ? items.filter((item) => fieldsOf(item)["name"] === name) : [];
}
