import {
  apexName,
  type Canary,
  canaryName,
  type Fields,
  type Fit,
  fieldsOf,
  isSubset,
  itemsOf,
  numberOf,
  type ObjectRef,
  primaryName,
  type RawObject,
  type Resource,
  servicePort,
  type Traffic,
} from "../../api/index.ts";
import { releasedMetadata, routeMetadata } from "./metadata.ts";
import { type Objects, type Router, type RouteState, trafficOf } from "./router.ts";

const traefikServiceResource: Resource = {
  group: "traefik.io",
  version: "v1alpha1",
  plural: "traefikservices",
  kind: "TraefikService",
};

/**
 * A TraefikService with weights; the user's IngressRoute points at it. The canary's entry exists only while it has a share, and
 * a weight of 0 is always written out: Traefik takes a missing weight for 1 (spec/flagger-routers.md H1).
 */
export const traefikRouter: Router = {
  provider: "traefik",
  obstacle: () => undefined,
  watches: (canary) => [refOf(canary)],
  read: (canary, objects) => readServices(canary, servicesOf(objects(refOf(canary)))),
  fit,
  render: (canary, traffic, objects) => [render(canary, traffic, objects(refOf(canary)))],
  release,
};

function refOf(canary: Canary): ObjectRef {
  return { resource: traefikServiceResource, namespace: canary.metadata.namespace ?? "", name: apexName(canary) };
}

function servicesOf(live: RawObject | undefined): readonly Fields[] {
  return itemsOf(fieldsOf(fieldsOf(live?.["spec"])["weighted"])["services"]);
}

function readServices(canary: Canary, services: readonly Fields[]): RouteState {
  const weightOf = (name: string) => {
    const entry = services.find((service) => service["name"] === name);
    return entry === undefined ? 0 : Math.max(0, numberOf(entry["weight"]) ?? 1);
  };
  return trafficOf(weightOf(primaryName(canary)), weightOf(canaryName(canary)), false);
}

function render(canary: Canary, traffic: Traffic, live: RawObject | undefined): RawObject {
  const services = [entryOf(canary, primaryName(canary), traffic.primary, live)];
  if (traffic.canary > 0) {
    services.push(entryOf(canary, canaryName(canary), traffic.canary, live));
  }
  return {
    apiVersion: "traefik.io/v1alpha1",
    kind: traefikServiceResource.kind,
    metadata: routeMetadata(canary, apexName(canary), live),
    spec: { weighted: { services } },
  };
}

/**
 * One entry of the list. The list is atomic to the API server, so what users added to an entry (scheme, serversTransport, …) is
 * carried along; a canary entry that just appears takes it from the primary's.
 */
function entryOf(canary: Canary, name: string, weight: number, live: RawObject | undefined): Fields {
  const services = servicesOf(live);
  const named = (wanted: string) => services.find((service) => service["name"] === wanted);
  const before = named(name) ?? named(primaryName(canary)) ?? {};
  return { ...before, name, namespace: canary.metadata.namespace ?? "", port: servicePort(canary), weight };
}

function fit(canary: Canary, objects: Objects): Fit {
  const live = objects(refOf(canary));
  if (live === undefined) {
    return "absent";
  }
  const services = servicesOf(live);
  const traffic = readServices(canary, services);
  const ours = services.filter(
    (entry) => entry["name"] === primaryName(canary) || entry["name"] === canaryName(canary),
  );
  if (traffic === undefined || "notAccepted" in traffic || ours.length !== services.length) {
    return "differs";
  }
  const wanted = render(canary, traffic, live);
  const sameMetadata = isSubset(wanted.metadata, live.metadata);
  const sameEntries = services.every(
    (entry) => entry["port"] === servicePort(canary) && entry["namespace"] === canary.metadata.namespace,
  );
  return sameMetadata && sameEntries && services.every((entry) => entry["weight"] !== undefined) ? "fits" : "differs";
}

function release(canary: Canary, objects: Objects): readonly RawObject[] {
  const live = objects(refOf(canary));
  if (live === undefined) {
    return [];
  }
  const service = entryOf(canary, apexName(canary), 1, live);
  return [
    {
      apiVersion: "traefik.io/v1alpha1",
      kind: traefikServiceResource.kind,
      metadata: releasedMetadata(canary, apexName(canary)),
      spec: { weighted: { services: [service] } },
    },
  ];
}
