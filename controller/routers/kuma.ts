import {
  apexName,
  type Canary,
  canaryName,
  type Fields,
  fieldsOf,
  itemsOf,
  numberOf,
  type ObjectRef,
  primaryName,
  type RawMeta,
  type RawObject,
  type Resource,
  servicePort,
} from "../../api/index.ts";
import { comparing } from "./comparing.ts";
import { releasedMetadata, routeMetadata } from "./metadata.ts";
import { type Objects, type Router, type RouteState, trafficOf } from "./router.ts";

const trafficRoutes: Resource = {
  group: "kuma.io",
  version: "v1alpha1",
  plural: "trafficroutes",
  kind: "TrafficRoute",
  clusterScoped: true,
};
const tag = "kuma.io/service";

/**
 * A TrafficRoute named as the apex Service. It belongs to no namespace: nothing in one can own it, so on deletion it is left leading
 * to the apex Service, as if it were not there; and of two Services of one name only one can have it.
 */
export const kumaRouter: Router = comparing({
  provider: "kuma",
  obstacle: (canary, objects) => foreign(canary, objects),
  watches: (canary) => [refOf(canary)],
  read: (canary, objects) => readSplit(canary, objects(refOf(canary))),
  render: (canary, traffic, objects) => [
    trafficRoute(canary, objects, routeMetadata(canary, apexName(canary), undefined), [
      [primaryName(canary), traffic.primary],
      [canaryName(canary), traffic.canary],
    ]),
  ],
  release: (canary, objects) => {
    const given = objects(refOf(canary)) === undefined || foreign(canary, objects) !== undefined;
    const metadata = releasedMetadata(canary, apexName(canary));
    return given ? [] : [trafficRoute(canary, objects, metadata, [[apexName(canary), 100]])];
  },
});

function refOf(canary: Canary): ObjectRef {
  return { resource: trafficRoutes, namespace: "", name: apexName(canary) };
}

/** How Kuma names a Service. */
function serviceTag(canary: Canary, name: string): string {
  return `${name}_${canary.metadata.namespace ?? ""}_svc_${servicePort(canary)}`;
}

function foreign(canary: Canary, objects: Objects): string | undefined {
  const live = objects(refOf(canary));
  const destinations = itemsOf(fieldsOf(live?.["spec"])["destinations"]);
  const services = destinations.map((destination) => String(fieldsOf(destination["match"])[tag]));
  const ours = `${apexName(canary)}_${canary.metadata.namespace ?? ""}_svc_`;
  return services.length === 0 || services.some((service) => service.startsWith(ours))
    ? undefined
    : `TrafficRoute ${apexName(canary)} leads to ${services.join(", ")}: set service.name to a name that is not taken`;
}

function trafficRoute(
  canary: Canary,
  objects: Objects,
  { namespace: _none, ownerReferences: _nobody, ...metadata }: RawMeta,
  split: readonly (readonly [name: string, weight: number])[],
): RawObject {
  const mesh = objects(refOf(canary))?.["mesh"] ?? canary.metadata.annotations?.["kuma.io/mesh"] ?? "default";
  const destinations = split.map(([name, weight]) => ({ weight, destination: { [tag]: serviceTag(canary, name) } }));
  return {
    apiVersion: "kuma.io/v1alpha1",
    kind: trafficRoutes.kind,
    metadata: { ...metadata, name: apexName(canary) },
    // The mesh of an object is settled when it is made.
    mesh,
    spec: {
      sources: [{ match: { [tag]: "*" } }],
      destinations: [{ match: { [tag]: serviceTag(canary, apexName(canary)) } }],
      conf: { split: destinations },
    },
  };
}

function readSplit(canary: Canary, live: RawObject | undefined): RouteState {
  const split: readonly Fields[] = itemsOf(fieldsOf(fieldsOf(live?.["spec"])["conf"])["split"]);
  const weightOf = (name: string): number => {
    const entry = split.find((each) => String(fieldsOf(each["destination"])[tag]).startsWith(`${name}_`));
    return Math.max(0, numberOf(entry?.["weight"]) ?? 0);
  };
  return trafficOf(weightOf(primaryName(canary)), weightOf(canaryName(canary)), false);
}
