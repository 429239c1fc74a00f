import type { Canary, RawObject, Traffic } from "../../../api/index.ts";
import type { Objects, Router } from "../../../controller/routers/router.ts";

/** A cluster that holds these objects. */
export function holding(...live: readonly RawObject[]): Objects {
  return (ref) => live.find((object) => object.kind === ref.resource.kind && object.metadata.name === ref.name);
}

export const empty = holding();

/** The one object that a router makes, on an empty cluster or onto what is there. */
export function rendered(router: Router, canary: Canary, traffic: Traffic, objects: Objects = empty): RawObject {
  const [object, ...more] = router.render(canary, traffic, objects);
  if (object === undefined || more.length > 0) {
    throw new Error(`expected one object, got ${more.length + (object === undefined ? 0 : 1)}`);
  }
  return object;
}

export function split(canary: number, mirror = false): Traffic {
  return { primary: 100 - canary, canary, mirror };
}
