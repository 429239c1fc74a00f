import {
  apexName,
  type Canary,
  canaryName,
  fieldsOf,
  itemsOf,
  type ObjectRef,
  primaryName,
  type RawObject,
  type Resource,
  type Traffic,
} from "../../api/index.ts";
import { comparing } from "./comparing.ts";
import { plainMetadata } from "./metadata.ts";
import { besideCanary, type Objects, type Router, type RouteState, trafficOf } from "./router.ts";

type Version = "v1alpha1" | "v1alpha2" | "v1alpha3";

export const smiV1Alpha1Router = smiRouter("smi:v1alpha1", "v1alpha1");
export const smiV1Alpha2Router = smiRouter("smi:v1alpha2", "v1alpha2");
export const smiV1Alpha3Router = smiRouter("smi:v1alpha3", "v1alpha3");
/** Meshes that speak one version of the Service Mesh Interface. */
export const linkerdRouter = smiRouter("linkerd", "v1alpha1");
export const osmRouter = smiRouter("osm", "v1alpha2");

/** A TrafficSplit named as the apex Service, whose callers it splits. It has nothing but weights. */
function smiRouter(provider: string, version: Version): Router {
  const resource: Resource = { group: "split.smi-spec.io", version, plural: "trafficsplits", kind: "TrafficSplit" };
  const refOf = (canary: Canary): ObjectRef => besideCanary(canary, resource, apexName(canary));
  const splitOf = (canary: Canary, objects: Objects, ...backends: readonly Backend[]): RawObject => ({
    apiVersion: `split.smi-spec.io/${version}`,
    kind: resource.kind,
    metadata: plainMetadata(canary, apexName(canary), objects(refOf(canary))),
    spec: {
      service: canary.spec.service?.hosts?.[0] ?? apexName(canary),
      backends: backends.map(([service, weight]) => ({ service, weight: weightIn(version, weight) })),
    },
  });
  return comparing({
    provider,
    obstacle: () => undefined,
    watches: (canary) => [refOf(canary)],
    read: (canary, objects) => readBackends(canary, objects(refOf(canary))),
    render: (canary, { primary, canary: share }: Traffic, objects) => [
      splitOf(canary, objects, [canaryName(canary), share], [primaryName(canary), primary]),
    ],
    release: (canary, objects) =>
      objects(refOf(canary)) === undefined ? [] : [splitOf(canary, objects, [apexName(canary), 100])],
  });
}

type Backend = readonly [service: string, weight: number];

/** A quantity in the first version, hence text; a number since. */
function weightIn(version: Version, weight: number): string | number {
  return version === "v1alpha1" ? String(weight) : weight;
}

function readBackends(canary: Canary, live: RawObject | undefined): RouteState {
  const backends = itemsOf(fieldsOf(live?.["spec"])["backends"]);
  const weightOf = (name: string): number => {
    const weight = Number(backends.find((backend) => backend["service"] === name)?.["weight"] ?? 0);
    return Number.isFinite(weight) ? Math.max(0, weight) : 0;
  };
  return trafficOf(weightOf(primaryName(canary)), weightOf(canaryName(canary)), false);
}
