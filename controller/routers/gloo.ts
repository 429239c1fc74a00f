import {
  apexName,
  type Canary,
  canaryName,
  definedOnly,
  type Fields,
  fieldsOf,
  itemsOf,
  namespaceOf,
  numberOf,
  type ObjectRef,
  primaryName,
  type RawObject,
  type Resource,
  servicePort,
  type Traffic,
} from "../../api/index.ts";
import { comparing } from "./comparing.ts";
import { plainMetadata, releasedMetadata, routeMetadata } from "./metadata.ts";
import { besideCanary, type Objects, type Router, type RouteState, trafficOf } from "./router.ts";
import { type Condition, matchProblems, sentenceOf, type TestedClients, testedClients } from "./testedClients.ts";

const routeTables: Resource = { group: "gateway.solo.io", version: "v1", plural: "routetables", kind: "RouteTable" };
const upstreams: Resource = { group: "gloo.solo.io", version: "v1", plural: "upstreams", kind: "Upstream" };
const services: Resource = { group: "", version: "v1", plural: "services", kind: "Service" };

const discernment = {
  name: "gloo",
  headers: ["exact", "regex", "prefix", "suffix"],
  queryParams: ["exact", "regex", "prefix", "suffix"],
} as const;

type Side = "primary" | "canary";
const sides = ["primary", "canary"] as const;

/**
 * A RouteTable named as the apex Service, which the user's VirtualService delegates to, and an Upstream for each of the two that it
 * leads to. Settings of connections come from the Upstream that the Canary names.
 */
export const glooRouter: Router = comparing({
  provider: "gloo",
  obstacle: (canary, objects) =>
    sentenceOf([...sourceProblems(canary, objects), ...matchProblems(canary, discernment)]),
  watches: (canary) => [...sides.map((side) => upstreamRef(canary, side)), tableRef(canary)],
  sources: (canary) => [
    ...sides.map((side) => besideCanary(canary, services, serviceOf(canary, side))),
    ...sourceRefs(canary),
  ],
  read: (canary, objects) => readDestinations(canary, objects(tableRef(canary))),
  render: (canary, traffic, objects) => [
    ...sides.map((side) => upstream(canary, side, objects)),
    {
      apiVersion: "gateway.solo.io/v1",
      kind: routeTables.kind,
      metadata: routeMetadata(canary, apexName(canary), objects(tableRef(canary))),
      spec: { routes: routesFor(canary, traffic) },
    },
  ],
  release: (canary, objects) => (objects(tableRef(canary)) === undefined ? [] : [releasedTable(canary)]),
});

function tableRef(canary: Canary): ObjectRef {
  return besideCanary(canary, routeTables, apexName(canary));
}

function upstreamRef(canary: Canary, side: Side): ObjectRef {
  const name = `${canary.metadata.namespace ?? ""}-${apexName(canary)}-${side}upstream-${servicePort(canary)}`;
  return besideCanary(canary, upstreams, name);
}

function serviceOf(canary: Canary, side: Side): string {
  return side === "primary" ? primaryName(canary) : canaryName(canary);
}

function sourceRefs(canary: Canary): readonly ObjectRef[] {
  const ref = canary.spec.upstreamRef;
  return ref === undefined ? [] : [{ resource: upstreams, namespace: namespaceOf(canary, ref), name: ref.name }];
}

function sourceProblems(canary: Canary, objects: Objects): readonly string[] {
  return sourceRefs(canary).flatMap((ref) =>
    objects(ref) === undefined ? [`Upstream ${ref.name}.${ref.namespace} not found`] : [],
  );
}

/** Settings of an Upstream that are about connections, whatever they lead to. */
const settings = [
  "sslConfig",
  "circuitBreakers",
  "connectionConfig",
  "loadBalancerConfig",
  "useHttp2",
  "initialStreamWindowSize",
  "initialConnectionWindowSize",
  "httpProxyHostname",
] as const;

function upstream(canary: Canary, side: Side, objects: Objects): RawObject {
  const ref = upstreamRef(canary, side);
  const service = objects(besideCanary(canary, services, serviceOf(canary, side)));
  const source = sourceRefs(canary).map((each) => fieldsOf(objects(each)?.["spec"]))[0] ?? {};
  return {
    apiVersion: "gloo.solo.io/v1",
    kind: upstreams.kind,
    metadata: plainMetadata(canary, ref.name, objects(ref)),
    spec: {
      ...definedOnly(Object.fromEntries(settings.map((field) => [field, source[field]]))),
      kube: definedOnly({
        serviceName: serviceOf(canary, side),
        serviceNamespace: ref.namespace,
        servicePort: servicePort(canary),
        selector: fieldsOf(service?.["spec"])["selector"],
      }),
    },
  };
}

function routesFor(canary: Canary, traffic: Traffic): readonly Fields[] {
  const split = routeTo(canary, traffic.primary, traffic.canary);
  const tests = testedClients(canary);
  // Whoever is not tested needs a route too: a table without one for them would answer that nothing is there.
  return tests.length === 0 ? [split] : [{ matchers: tests.map(matcherOf), ...split }, routeTo(canary, 100, 0)];
}

function routeTo(canary: Canary, primary: number, canaryShare: number): Fields {
  const destinations = sides.map((side) => {
    const { name, namespace } = upstreamRef(canary, side);
    return { destination: { upstream: { name, namespace } }, weight: side === "primary" ? primary : canaryShare };
  });
  return { inheritablePathMatchers: true, routeAction: { multi: { destinations } } };
}

function matcherOf({ headers, queryParams }: TestedClients): Fields {
  return {
    ...(headers.length > 0 ? { headers: headers.map(valueMatch) } : {}),
    ...(queryParams.length > 0 ? { queryParameters: queryParams.map(valueMatch) } : {}),
  };
}

/** Patterns match the whole value, so a beginning or an end is a pattern with anything behind or before it. */
function valueMatch([name, { exact, regex, prefix, suffix }]: Condition): Fields {
  if (exact !== undefined) {
    return { name, value: exact };
  }
  const pattern = regex ?? (prefix === undefined ? `.*${literal(suffix ?? "")}` : `${literal(prefix)}.*`);
  return { name, value: pattern, regex: true };
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function readDestinations(canary: Canary, live: RawObject | undefined): RouteState {
  const [route] = itemsOf(fieldsOf(live?.["spec"])["routes"]);
  const destinations = itemsOf(fieldsOf(fieldsOf(route?.["routeAction"])["multi"])["destinations"]);
  const [primary = 0, share = 0] = sides.map((side) => {
    const { name } = upstreamRef(canary, side);
    const entry = destinations.find((each) => fieldsOf(fieldsOf(each["destination"])["upstream"])["name"] === name);
    return Math.max(0, numberOf(entry?.["weight"]) ?? 0);
  });
  return trafficOf(primary, share, false);
}

/** Straight to the apex Service: the Upstreams go with the Canary. */
function releasedTable(canary: Canary): RawObject {
  const { namespace } = tableRef(canary);
  const kube = { ref: { name: apexName(canary), namespace }, port: servicePort(canary) };
  return {
    apiVersion: "gateway.solo.io/v1",
    kind: routeTables.kind,
    metadata: releasedMetadata(canary, apexName(canary)),
    spec: { routes: [{ inheritablePathMatchers: true, routeAction: { single: { kube } } }] },
  };
}
