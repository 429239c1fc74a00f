import {
  analysisOf,
  type Canary,
  type CanaryService,
  canaryName,
  definedOnly,
  type Fields,
  parseDuration,
  primaryName,
  servicePort,
  type Traffic,
} from "../../api/index.ts";
import { serviceMatches, testMatches, within } from "./istioMatches.ts";
import { affinityOf } from "./sessionAffinity.ts";

/** `spec.http` or `spec.tcp` of the VirtualService: the split, below what keeps single clients where they belong. */
export function rulesFor(canary: Canary, traffic: Traffic): Fields {
  return isTcp(canary) ? { tcp: tcpRules(canary, splitOf(canary, traffic)) } : { http: httpRules(canary, traffic) };
}

/** The same without us: everything to one Service. */
export function rulesTo(canary: Canary, service: string): Fields {
  const route = [{ destination: destination(canary, service) }];
  return isTcp(canary) ? { tcp: tcpRules(canary, route) } : { http: [httpRule(canary, serviceMatches(canary), route)] };
}

export function isTcp(canary: Canary): boolean {
  return canary.spec.service?.appProtocol?.toLowerCase() === "tcp";
}

function tcpRules(canary: Canary, route: readonly Fields[]): readonly Fields[] {
  const ports = (canary.spec.service?.match ?? []).flatMap(({ port }) => (port === undefined ? [] : [{ port }]));
  return [{ ...(ports.length > 0 ? { match: ports } : {}), route }];
}

function httpRules(canary: Canary, traffic: Traffic): readonly Fields[] {
  const everybody = serviceMatches(canary);
  const split = splitOf(canary, traffic);
  if ((analysisOf(canary).match ?? []).length > 0) {
    const others = [{ destination: destination(canary, primaryName(canary)), weight: 100 }];
    const rest = { ...httpRule(canary, everybody, others), ...mirrorOf(canary, traffic) };
    return [httpRule(canary, testMatches(canary), split), rest];
  }
  const { sticky, cookies, cleanup } = affinityRules(canary, traffic);
  const weighted = split.map((entry, index) => withCookie(entry, cookies[index]));
  const rule = { ...httpRule(canary, everybody, weighted), ...mirrorOf(canary, traffic) };
  return [...sticky, ...cleanup, rule];
}

/** One rule with all that the Canary says about requests on their way. Durations that are none are left out: Istio would refuse them. */
function httpRule(canary: Canary, match: readonly Fields[], route: readonly Fields[]): Fields {
  const { rewrite, timeout, retries, corsPolicy, headers } = canary.spec.service ?? {};
  return definedOnly({
    match: match.length > 0 ? match : undefined,
    rewrite: filled({ uri: rewrite?.uri || undefined, authority: rewrite?.authority || undefined }),
    timeout: durationOf(timeout),
    retries: retries && filled({ ...retries, perTryTimeout: durationOf(retries.perTryTimeout) }),
    corsPolicy: corsPolicy && corsOf(corsPolicy),
    headers: headers && filled(headers),
    route,
  });
}

function corsOf(policy: NonNullable<CanaryService["corsPolicy"]>): Fields | undefined {
  const origins = policy.allowOrigins?.map(({ suffix: _unknown, ...origin }) => origin);
  return filled({
    ...policy,
    allowOrigins: origins?.filter((origin) => Object.keys(origin).length > 0),
    maxAge: durationOf(policy.maxAge),
  });
}

function durationOf(text: string | undefined): string | undefined {
  return (parseDuration(text) ?? 0) >= 1 ? text : undefined;
}

/** Without fields that say nothing; undefined when none is left. */
function filled(fields: Readonly<Record<string, unknown>>): Fields | undefined {
  const defined: Fields = definedOnly(fields);
  return Object.keys(defined).length > 0 ? defined : undefined;
}

function splitOf(canary: Canary, traffic: Traffic): readonly Fields[] {
  return [
    { destination: destination(canary, primaryName(canary)), weight: traffic.primary },
    { destination: destination(canary, canaryName(canary)), weight: traffic.canary },
  ];
}

/** The port must be said where Istio cannot tell it: Services with several ports, called from outside of the mesh or by delegation. */
function destination(canary: Canary, host: string): Fields {
  const { portDiscovery, gateways = [], delegation } = canary.spec.service ?? {};
  const outside = gateways.length > 0 && gateways[0] !== "mesh";
  const stated = portDiscovery === true && (outside || delegation === true);
  return { host, ...(stated ? { port: { number: servicePort(canary) } } : {}) };
}

/** Copies to the canary of what the rule for everybody gets. */
function mirrorOf(canary: Canary, traffic: Traffic): Fields {
  const percent = analysisOf(canary).mirrorWeight ?? 0;
  return traffic.mirror
    ? {
        mirror: destination(canary, canaryName(canary)),
        ...(percent > 0 ? { mirrorPercentage: { value: percent } } : {}),
      }
    : {};
}

interface AffinityRules {
  /** Rules for clients that carry a cookie of this release. */
  readonly sticky: readonly Fields[];
  /** What the primary and the canary hand out. */
  readonly cookies: readonly (string | undefined)[];
  /** The rule that takes away the cookie of a release that is over. */
  readonly cleanup: readonly Fields[];
}

function affinityRules(canary: Canary, traffic: Traffic): AffinityRules {
  const affinity = affinityOf(canary, traffic, { primaryCookie: true });
  const carrying = (pattern: string, primary: number): Fields =>
    httpRule(
      canary,
      within(canary, { headers: { Cookie: { regex: pattern } } }),
      splitOf(canary, { primary, canary: 100 - primary, mirror: false }),
    );
  switch (affinity.kind) {
    case "off":
      return { sticky: [], cookies: [], cleanup: [] };
    case "cleanup": {
      const { pattern, setCookie } = affinity.cookie;
      return { sticky: [], cookies: [], cleanup: [withCookie(carrying(pattern, 100), setCookie)] };
    }
    case "sticky":
      return {
        sticky: [
          carrying(affinity.canary.pattern, 0),
          ...(affinity.primary === undefined ? [] : [carrying(affinity.primary.pattern, 100)]),
        ],
        cookies: [affinity.primary?.setCookie, affinity.canary.setCookie],
        cleanup: [],
      };
  }
}

/** A rule or destination whose answers set a cookie, beside the headers that it has. */
function withCookie(of: Fields, setCookie: string | undefined): Fields {
  if (setCookie === undefined) return of;
  const headers = of["headers"] as CanaryService["headers"];
  const add = { ...headers?.response?.add, "Set-Cookie": setCookie };
  return { ...of, headers: { ...headers, response: { ...headers?.response, add } } };
}
