import type { Canary, Fit, NotAccepted, ObjectRef, RawObject, Resource, Traffic } from "../../api/index.ts";

/** Looks an object up in what was read before. Undefined: it does not exist. */
export type Objects = (ref: ObjectRef) => RawObject | undefined;

/** What `read` finds: the split in force, nothing to read, or a route that its data plane has not taken over (yet). */
export type RouteState = Traffic | undefined | NotAccepted;

/**
 * Turns a split of traffic into objects of one routing project and back. Pure and total: the controller does the reading
 * and applying. For any traffic t: `read` of what `render(t)` made is t again.
 */
export interface Router {
  /** As `spec.provider` writes it. */
  readonly provider: string;
  /** Why this Canary cannot be routed, as a known event text; undefined when it can. With an obstacle `render` makes nothing. */
  obstacle(canary: Canary, objects: Objects): string | undefined;
  /** Every object that `render` makes. Empty: the provider routes by Services alone. */
  watches(canary: Canary): readonly ObjectRef[];
  /** Objects of others that ours are made from: looked at, never written. */
  sources?(canary: Canary): readonly ObjectRef[];
  read(canary: Canary, objects: Objects): RouteState;
  /** Whether everything but the weights is as the Canary says. */
  fit(canary: Canary, objects: Objects): Fit;
  /** Complete bodies for server-side apply by one field manager. They carry no resourceVersion: the weights are given, not computed. */
  render(canary: Canary, traffic: Traffic, objects: Objects): readonly RawObject[];
  /**
   * What to write on deletion, so that requests keep flowing to the apex Service without us. A body without owner becomes the user's
   * (something of theirs leads to it); one that keeps its owner goes with the Canary. Nothing when there is no route.
   */
  release(canary: Canary, objects: Objects): readonly RawObject[];
}

/** An object in the Canary's namespace. */
export function besideCanary(canary: Canary, resource: Resource, name: string): ObjectRef {
  return { resource, namespace: canary.metadata.namespace ?? "", name };
}

/** The share of the canary in whole percent, from two weights of any scale; undefined when nobody gets anything. */
export function trafficOf(primary: number, canary: number, mirror: boolean): Traffic | undefined {
  const sum = primary + canary;
  if (!(sum > 0)) {
    return undefined;
  }
  // A trickle must not read as none, nor almost all as all: the last percent decides whether pods may be taken away.
  const exact = (canary / sum) * 100;
  const share = exact > 0 && exact < 1 ? 1 : exact > 99 && exact < 100 ? 99 : Math.round(exact);
  return { primary: 100 - share, canary: share, mirror };
}
