import {
  analysisOf,
  apexName,
  type Canary,
  canaryName,
  type Fields,
  fieldsOf,
  itemsOf,
  knownKeys,
  mayOwn,
  numberOf,
  type ObjectRef,
  primaryName,
  type RawObject,
  type Resource,
  type Traffic,
} from "../../api/index.ts";
import { comparing } from "./comparing.ts";
import { testProblems } from "./istioMatches.ts";
import { isTcp, rulesFor, rulesTo } from "./istioRules.ts";
import { plainMetadata, releasedMetadata, routeMetadata } from "./metadata.ts";
import { besideCanary, type Objects, type Router, type RouteState, trafficOf } from "./router.ts";
import { sentenceOf } from "./testedClients.ts";

const resource = (plural: string, kind: string): Resource => ({
  group: "networking.istio.io",
  version: "v1beta1",
  plural,
  kind,
});
const virtualServices = resource("virtualservices", "VirtualService");
const destinationRules = resource("destinationrules", "DestinationRule");

/**
 * A VirtualService named as the apex Service, and a DestinationRule for each of the two it leads to. Hosts, gateways and rules are
 * ours; everything else in it stays with whoever wrote it.
 */
export const istioRouter: Router = comparing({
  provider: "istio",
  obstacle: (canary) => sentenceOf([...delegationProblems(canary), ...tcpProblems(canary), ...testProblems(canary)]),
  watches: (canary) => [
    ...[canaryName(canary), primaryName(canary)].map((name) => ruleRef(canary, name)),
    routeRef(canary),
  ],
  read: (canary, objects) => readRules(canary, objects(routeRef(canary))),
  render: (canary, traffic, objects) => [
    ...[canaryName(canary), primaryName(canary)].map((name) => destinationRule(canary, name, objects)),
    virtualService(canary, traffic, objects(routeRef(canary))),
  ],
  release,
});

function routeRef(canary: Canary): ObjectRef {
  return besideCanary(canary, virtualServices, apexName(canary));
}

function ruleRef(canary: Canary, name: string): ObjectRef {
  return besideCanary(canary, destinationRules, name);
}

function delegationProblems(canary: Canary): readonly string[] {
  const { delegation, hosts = [], gateways = [] } = canary.spec.service ?? {};
  return delegation === true && hosts.length + gateways.length > 0
    ? ["service.hosts and service.gateways must be empty with service.delegation: the route that delegates has them"]
    : [];
}

/** Connections have no headers, and Istio copies none. */
function tcpProblems(canary: Canary): readonly string[] {
  const { match = [], mirror } = analysisOf(canary);
  if (!isTcp(canary)) return [];
  return [
    ...(match.length > 0 ? ["analysis.match cannot be expressed for a service with appProtocol tcp"] : []),
    ...(mirror === true ? ["analysis.mirror is not possible for a service with appProtocol tcp"] : []),
  ];
}

function readRules(canary: Canary, live: RawObject | undefined): RouteState {
  const spec = fieldsOf(live?.["spec"]);
  const rules = itemsOf(spec[isTcp(canary) ? "tcp" : "http"]);
  const weights = rules
    .map((rule) => itemsOf(rule["route"]))
    .map((route) => [primaryName(canary), canaryName(canary)].map((host) => weightTo(host, route)))
    .findLast(([primary, share]) => primary !== undefined && share !== undefined);
  const mirror = rules.some((rule) => fieldsOf(rule["mirror"])["host"] === canaryName(canary));
  return weights && trafficOf(weights[0] ?? 0, weights[1] ?? 0, mirror);
}

function weightTo(host: string, route: readonly Fields[]): number | undefined {
  const entry = route.find((each) => fieldsOf(each["destination"])["host"] === host);
  return entry && Math.max(0, numberOf(entry["weight"]) ?? 0);
}

function destinationRule(canary: Canary, name: string, objects: Objects): RawObject {
  const trafficPolicy = canary.spec.service?.trafficPolicy;
  return {
    apiVersion: "networking.istio.io/v1beta1",
    kind: destinationRules.kind,
    metadata: plainMetadata(canary, name, objects(ruleRef(canary, name))),
    spec: { host: name, ...(trafficPolicy === undefined ? {} : { trafficPolicy }) },
  };
}

function virtualService(canary: Canary, traffic: Traffic, live: RawObject | undefined): RawObject {
  const metadata = routeMetadata(canary, apexName(canary), live);
  const original = originalOf(canary, live);
  return {
    apiVersion: "networking.istio.io/v1beta1",
    kind: virtualServices.kind,
    metadata: { ...metadata, annotations: { ...metadata.annotations, ...original } },
    spec: { ...attachment(canary), ...rulesFor(canary, traffic) },
  };
}

/**
 * What a user's VirtualService said before it became ours to lead, kept in it as an annotation until they get it back. Written once:
 * later it would be what we wrote. kubectl keeps it by itself.
 */
function originalOf(canary: Canary, live: RawObject | undefined): Readonly<Record<string, string>> {
  const annotations = live?.metadata.annotations ?? {};
  const key = knownKeys.originalConfiguration;
  const kept = annotations[key];
  if (kept !== undefined) return { [key]: kept };
  const theirs = live !== undefined && !mayOwn(live, canary) && annotations[knownKeys.lastApplied] === undefined;
  return theirs ? { [key]: JSON.stringify(live["spec"] ?? {}) } : {};
}

/** Where the route hangs and for which hosts. */
function attachment(canary: Canary): Fields {
  const { hosts = [], gateways = [], delegation } = canary.spec.service ?? {};
  if (delegation === true) {
    return { hosts: [] };
  }
  const named = hosts.includes(apexName(canary)) || hosts.includes("*");
  return {
    hosts: named ? hosts : [...hosts, apexName(canary)],
    gateways: gateways.length > 0 ? gateways : ["mesh"],
  };
}

function release(canary: Canary, objects: Objects): readonly RawObject[] {
  const live = objects(routeRef(canary));
  if (live === undefined) {
    return [];
  }
  return [
    {
      apiVersion: "networking.istio.io/v1beta1",
      kind: virtualServices.kind,
      metadata: releasedMetadata(canary, apexName(canary)),
      spec: usersSpec(canary, live) ?? { ...attachment(canary), ...rulesTo(canary, apexName(canary)) },
    },
  ];
}

/** What the user's VirtualService says without us, with null for what it does not say; undefined when it is not theirs. */
function usersSpec(canary: Canary, live: RawObject): Fields | undefined {
  const annotations = live.metadata.annotations ?? {};
  const applied = annotations[knownKeys.lastApplied];
  const kept = annotations[knownKeys.originalConfiguration];
  if (mayOwn(live, canary) || (applied === undefined && kept === undefined)) {
    return undefined;
  }
  try {
    const spec = fieldsOf(applied === undefined ? JSON.parse(kept ?? "") : fieldsOf(JSON.parse(applied))["spec"]);
    const silent = Object.keys(fieldsOf(live["spec"])).filter((field) => !(field in spec));
    return { ...spec, ...Object.fromEntries(silent.map((field) => [field, null])) };
  } catch {
    // Somebody edited the annotation: everything to the apex Service then, which is where callers of this name belong.
    return undefined;
  }
}
