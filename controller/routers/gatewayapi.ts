import {
  analysisOf,
  apexName,
  type Canary,
  canaryName,
  canonicalJson,
  definedOnly,
  type Fields,
  type Fit,
  fieldsOf,
  isSubset,
  type ObjectRef,
  primaryName,
  type RawObject,
  type Resource,
  servicePort,
  type Traffic,
} from "../../api/index.ts";
import { mirrorFilter, ruleFilters, ruleTimeouts, setCookieFilter } from "./gatewayFilters.ts";
import { analysisMatches, cookieHeader, narrowed, type RouteMatch, serviceMatches } from "./gatewayMatches.ts";
import { notAcceptedBy, readRules } from "./gatewayState.ts";
import { releasedMetadata, routeMetadata } from "./metadata.ts";
import type { Objects, Router } from "./router.ts";
import { affinityOf } from "./sessionAffinity.ts";

/** What one version of the API is used for. */
interface Dialect {
  readonly version: string;
  readonly timeouts: boolean;
  readonly cors: boolean;
  readonly primaryCookie: boolean;
  /** Wait until the Gateway has taken over what we wrote. */
  readonly acceptance: boolean;
}

export const gatewayApiV1Router = gatewayApiRouter({
  version: "v1",
  timeouts: true,
  cors: true,
  primaryCookie: true,
  acceptance: true,
});

/** Also the way of meshes that attach a route to a Service, and do not say in its status which generation they have seen. */
export const gatewayApiV1Beta1Router = gatewayApiRouter({
  version: "v1beta1",
  timeouts: false,
  cors: false,
  primaryCookie: false,
  acceptance: false,
});

function httpRouteResource(version: string): Resource {
  return { group: "gateway.networking.k8s.io", version, plural: "httproutes", kind: "HTTPRoute" };
}

/**
 * One HTTPRoute named as the apex Service. Its rules are a list that the API server knows only as a whole, so they are ours
 * entirely; everything outside of rules, hostnames and parentRefs stays with whoever wrote it.
 */
function gatewayApiRouter(dialect: Dialect): Router {
  const resource = httpRouteResource(dialect.version);
  const refOf = (canary: Canary): ObjectRef => ({
    resource,
    namespace: canary.metadata.namespace ?? "",
    name: apexName(canary),
  });
  return {
    provider: `gatewayapi:${dialect.version}`,
    obstacle,
    watches: (canary) => [refOf(canary)],
    read(canary, objects) {
      const live = objects(refOf(canary));
      if (live === undefined) {
        return undefined;
      }
      const written = readRules(canary, live);
      const refusal = dialect.acceptance ? notAcceptedBy(live) : undefined;
      return refusal === undefined ? written : definedOnly({ ...refusal, written });
    },
    fit: (canary, objects) => fit(dialect, canary, objects(refOf(canary))),
    render(canary, traffic, objects) {
      return obstacle(canary) === undefined ? [render(dialect, canary, traffic, objects(refOf(canary)))] : [];
    },
    release: (canary, objects) => release(dialect, canary, refOf(canary), objects),
  };
}

function obstacle(canary: Canary): string | undefined {
  if ((canary.spec.service?.gatewayRefs ?? []).length === 0) {
    return "GatewayRefs must be specified when using Gateway API as a provider.";
  }
  const problems = analysisMatches(canary).problems;
  return problems.length === 0 ? undefined : problems.join("; ");
}

function fit(dialect: Dialect, canary: Canary, live: RawObject | undefined): Fit {
  if (live === undefined) {
    return "absent";
  }
  const traffic = readRules(canary, live);
  if (traffic === undefined) {
    return "differs";
  }
  if (obstacle(canary) !== undefined) {
    return "fits";
  }
  const wanted = render(dialect, canary, traffic, live);
  const spec = live["spec"] as Fields | undefined;
  const sameLists = ["rules", "hostnames", "parentRefs"].every(
    (field) => weightless((wanted["spec"] as Fields)[field]) === weightless(spec?.[field]),
  );
  return sameLists && isSubset(wanted.metadata, live.metadata) ? "fits" : "differs";
}

/** Canonical text of a list without its weights. Absent is the same as empty. */
function weightless(list: unknown): string {
  return canonicalJson(JSON.parse(JSON.stringify(list ?? []), (key, value) => (key === "weight" ? undefined : value)));
}

function render(dialect: Dialect, canary: Canary, traffic: Traffic, live: RawObject | undefined): RawObject {
  return {
    apiVersion: `gateway.networking.k8s.io/${dialect.version}`,
    kind: "HTTPRoute",
    metadata: routeMetadata(canary, apexName(canary), live),
    spec: { ...attachment(canary, live), rules: rulesFor(dialect, canary, traffic) },
  };
}

/** Where the route hangs and for which hosts. */
function attachment(canary: Canary, live: RawObject | undefined): Fields {
  const { gatewayRefs = [], hosts = [] } = canary.spec.service ?? {};
  const parentRefs = gatewayRefs.map((ref) =>
    definedOnly({
      group: ref.group ?? "gateway.networking.k8s.io",
      kind: ref.kind ?? "Gateway",
      namespace: ref.namespace,
      name: ref.name,
      sectionName: ref.sectionName,
      port: ref.port,
    }),
  );
  // HTTPRoute has no host that means all: leaving the list out does. Hosts that somebody added go only if the list is stated.
  const all = hosts.length === 0 || hosts.includes("*");
  const added = fieldsOf(live?.["spec"])["hostnames"] !== undefined;
  return { parentRefs, ...(all ? (added ? { hostnames: [] } : {}) : { hostnames: hosts }) };
}

function rulesFor(dialect: Dialect, canary: Canary, traffic: Traffic): readonly Fields[] {
  const split = [
    backend(primaryName(canary), canary, traffic.primary),
    backend(canaryName(canary), canary, traffic.canary),
  ];
  const filters = [
    ...ruleFilters(canary, dialect),
    ...(traffic.mirror ? [mirrorFilter({ name: canaryName(canary), port: servicePort(canary) })] : []),
  ];
  const rule = (
    matches: readonly RouteMatch[],
    backendRefs: readonly Fields[],
    extra: readonly Fields[] = [],
  ): Fields => {
    const all = [...filters, ...extra];
    const timeouts = dialect.timeouts ? ruleTimeouts(canary) : undefined;
    return definedOnly({ matches, filters: all.length > 0 ? all : undefined, backendRefs, timeouts });
  };
  const everybody = serviceMatches(canary).matches;
  if ((analysisOf(canary).match ?? []).length > 0) {
    const others = [backend(primaryName(canary), canary, 100)];
    return [rule(analysisMatches(canary).matches, split), rule(everybody, others)];
  }
  return [
    ...stickyRules(dialect, canary, traffic, rule),
    rule(everybody, cookieBackends(dialect, canary, traffic, split)),
  ];
}

type RuleMaker = (matches: readonly RouteMatch[], backendRefs: readonly Fields[], extra?: readonly Fields[]) => Fields;

/** Rules for clients that carry a cookie of ours. They are narrower than the rule for everybody, so they win. */
function stickyRules(dialect: Dialect, canary: Canary, traffic: Traffic, rule: RuleMaker): readonly Fields[] {
  const affinity = affinityOf(canary, traffic, dialect);
  const carrying = (pattern: string) =>
    serviceMatches(canary).matches.map((match) => narrowed(match, { headers: [cookieHeader(pattern)] }));
  const all = (primary: number) => [
    backend(primaryName(canary), canary, primary),
    backend(canaryName(canary), canary, 100 - primary),
  ];
  switch (affinity.kind) {
    case "off":
      return [];
    case "cleanup":
      return [rule(carrying(affinity.cookie.pattern), all(100), [setCookieFilter(affinity.cookie.setCookie)])];
    case "sticky":
      return [
        rule(carrying(affinity.canary.pattern), all(0)),
        ...(affinity.primary === undefined ? [] : [rule(carrying(affinity.primary.pattern), all(100))]),
      ];
  }
}

/** The weighted backends, each handing out its cookie. */
function cookieBackends(
  dialect: Dialect,
  canary: Canary,
  traffic: Traffic,
  split: readonly Fields[],
): readonly Fields[] {
  const affinity = affinityOf(canary, traffic, dialect);
  if (affinity.kind !== "sticky") {
    return split;
  }
  const cookies = [affinity.primary, affinity.canary];
  return split.map((entry, index) => {
    const cookie = cookies[index];
    return cookie === undefined ? entry : { ...entry, filters: [setCookieFilter(cookie.setCookie)] };
  });
}

function backend(name: string, canary: Canary, weight: number): Fields {
  return { group: "", kind: "Service", name, port: servicePort(canary), weight };
}

function release(dialect: Dialect, canary: Canary, ref: ObjectRef, objects: Objects): readonly RawObject[] {
  if (objects(ref) === undefined || (canary.spec.service?.gatewayRefs ?? []).length === 0) {
    return [];
  }
  const filters = ruleFilters(canary, dialect);
  const rule = definedOnly({
    matches: serviceMatches(canary).matches,
    filters: filters.length > 0 ? filters : undefined,
    backendRefs: [backend(apexName(canary), canary, 1)],
    timeouts: dialect.timeouts ? ruleTimeouts(canary) : undefined,
  });
  return [
    {
      apiVersion: `gateway.networking.k8s.io/${dialect.version}`,
      kind: "HTTPRoute",
      metadata: releasedMetadata(canary, apexName(canary)),
      spec: { ...attachment(canary, objects(ref)), rules: [rule] },
    },
  ];
}
