import type { KubeObject } from "../apiserver/types.ts";
import type { Cors } from "./cors.ts";
import type { Backend, Entry, Filter, HeaderChange, Match, NamedMatch, PathMatch, Rule, UrlRewrite } from "./model.ts";

/** How a backendRef is judged; filled in by whoever knows the cluster. */
export interface BackendJudge {
  /** `undefined`: fine. */
  problem(reference: BackendRef, fromNamespace: string): { reason: string; message: string } | undefined;
}

/** A reference to a Service, as HTTPRoutes write it. */
export interface BackendRef {
  group?: string;
  kind?: string;
  name: string;
  namespace?: string;
  port?: number;
  weight?: number;
  filters?: RouteFilter[];
}

interface HeaderValue {
  name: string;
  value: string;
}

interface RouteFilter {
  type: string;
  requestHeaderModifier?: { set?: HeaderValue[]; add?: HeaderValue[]; remove?: string[] };
  responseHeaderModifier?: { set?: HeaderValue[]; add?: HeaderValue[]; remove?: string[] };
  urlRewrite?: { hostname?: string; path?: RoutePathModifier };
  requestRedirect?: {
    scheme?: string;
    hostname?: string;
    path?: RoutePathModifier;
    port?: number;
    statusCode?: number;
  };
  cors?: {
    allowOrigins?: string[];
    allowMethods?: string[];
    allowHeaders?: string[];
    exposeHeaders?: string[];
    allowCredentials?: boolean;
    maxAge?: number;
  };
  requestMirror?: { backendRef: BackendRef; percent?: number; fraction?: { numerator: number; denominator?: number } };
}

interface RoutePathModifier {
  type: string;
  replaceFullPath?: string;
  replacePrefixMatch?: string;
}

interface RouteMatch {
  path?: { type?: string; value?: string };
  headers?: { type?: string; name: string; value: string }[];
  queryParams?: { type?: string; name: string; value: string }[];
  method?: string;
}

interface RouteRule {
  matches?: RouteMatch[];
  filters?: RouteFilter[];
  backendRefs?: BackendRef[];
  timeouts?: { request?: string; backendRequest?: string };
}

/** Translates the rules of an HTTPRoute for one effective host. Throws on what can't be carried out, saying what. */
export function readHttpRoute(route: KubeObject, host: string | undefined, judge: BackendJudge): Entry[] {
  const namespace = route.metadata.namespace ?? "";
  const id = `HTTPRoute ${namespace}/${route.metadata.name}`;
  const created = Date.parse(route.metadata.creationTimestamp ?? "") || 0;
  const rules = (route["spec"]?.rules ?? [{}]) as RouteRule[];
  return rules.flatMap((source, index) => {
    const rule = readRule(source, `${id} ${index}`, namespace, judge);
    const matches = source.matches ?? [];
    return (matches.length > 0 ? matches : [{}]).map((match) => {
      const read = readMatch(match);
      return { host, match: read, rule, rank: rankOf(host, read, created) };
    });
  });
}

/** Every Service that a route names, mirrors included. */
export function backendRefsOf(route: KubeObject): BackendRef[] {
  const rules = (route["spec"]?.rules ?? []) as RouteRule[];
  return rules.flatMap((rule) => [
    ...(rule.backendRefs ?? []),
    ...(rule.filters ?? []).flatMap((filter) => (filter.requestMirror ? [filter.requestMirror.backendRef] : [])),
  ]);
}

/**
 * Precedence by the specification: the most specific host, exact path, longest prefix, a method, most headers, most query
 * parameters, the oldest route; then alphabetical (the order routes are handed in) and the order of rules.
 */
function rankOf(host: string | undefined, match: Match, created: number): number[] {
  const hostRank = host === undefined ? [0, 0] : [host.startsWith("*.") ? 1 : 2, host.length];
  const kind = match.path?.kind;
  const pathRank = kind === "exact" ? 3 : kind === "regex" ? 2 : 1;
  const length = match.path === undefined || match.path.kind === "regex" ? 0 : match.path.value.length;
  const method = match.method === undefined ? 0 : 1;
  return [...hostRank, pathRank, length, method, match.headers.length, match.query.length, -created];
}

function readRule(rule: RouteRule, id: string, namespace: string, judge: BackendJudge): Rule {
  const backends = (rule.backendRefs ?? []).map((reference) => readBackend(reference, namespace, judge));
  const request = durationMs(rule.timeouts?.request);
  const backend = durationMs(rule.timeouts?.backendRequest);
  return {
    id,
    backends,
    filters: (rule.filters ?? []).map((filter) => readFilter(filter, namespace, judge)),
    ...(request === undefined ? {} : { requestTimeoutMs: request }),
    ...(backend === undefined ? {} : { backendTimeoutMs: backend }),
  };
}

function readBackend(reference: BackendRef, namespace: string, judge: BackendJudge): Backend {
  const problem = judge.problem(reference, namespace);
  return {
    namespace: reference.namespace ?? namespace,
    service: reference.name,
    port: reference.port ?? 80,
    weight: reference.weight ?? 1,
    filters: (reference.filters ?? []).map((filter) => readFilter(filter, namespace, judge)),
    ...(problem === undefined ? {} : { broken: problem.message }),
  };
}

function readMatch(match: RouteMatch): Match {
  return {
    path: readPath(match.path),
    headers: firstByName((match.headers ?? []).map((header) => named(header.name.toLowerCase(), header))),
    query: firstByName((match.queryParams ?? []).map((parameter) => named(parameter.name, parameter))),
    ...(match.method === undefined ? {} : { method: match.method }),
  };
}

function readPath(path: RouteMatch["path"]): PathMatch {
  const value = path?.value ?? "/";
  switch (path?.type ?? "PathPrefix") {
    case "Exact":
      return { kind: "exact", value };
    case "RegularExpression":
      return { kind: "regex", value: wholeRegex(value) };
    default:
      return { kind: "prefix", value };
  }
}

function named(name: string, match: { type?: string; value: string }): NamedMatch {
  const regex = match.type === "RegularExpression";
  return {
    name,
    text: regex ? { kind: "regex", value: wholeRegex(match.value) } : { kind: "exact", value: match.value },
  };
}

/** Of several matches on one name only the first counts, says the specification. */
function firstByName(matches: NamedMatch[]): NamedMatch[] {
  return matches.filter((match, index) => matches.findIndex((other) => other.name === match.name) === index);
}

/** Envoy matches the whole value. */
function wholeRegex(source: string): RegExp {
  return new RegExp(`^(?:${source})$`);
}

function readFilter(filter: RouteFilter, namespace: string, judge: BackendJudge): Filter {
  switch (filter.type) {
    case "RequestHeaderModifier":
      return { kind: "requestHeaders", change: readChange(filter.requestHeaderModifier) };
    case "ResponseHeaderModifier":
      return { kind: "responseHeaders", change: readChange(filter.responseHeaderModifier) };
    case "URLRewrite":
      return { kind: "rewrite", rewrite: readRewrite(filter.urlRewrite ?? {}) };
    case "RequestRedirect": {
      const { scheme, port, statusCode, ...rest } = filter.requestRedirect ?? {};
      const redirect = {
        ...readRewrite(rest),
        ...(scheme === undefined ? {} : { scheme }),
        ...(port === undefined ? {} : { port }),
      };
      return { kind: "redirect", redirect: { ...redirect, statusCode: statusCode ?? 302 } };
    }
    case "RequestMirror": {
      const { backendRef, percent, fraction } = filter.requestMirror ?? { backendRef: { name: "" } };
      const share =
        fraction === undefined ? (percent ?? 100) : (100 * fraction.numerator) / (fraction.denominator ?? 100);
      return { kind: "mirror", backend: readBackend(backendRef, namespace, judge), percent: share };
    }
    case "CORS":
      return { kind: "cors", cors: readCors(filter.cors ?? {}) };
    default:
      throw new Error(`filter ${filter.type} is not supported by the sandbox's gateway`);
  }
}

function readCors(cors: NonNullable<RouteFilter["cors"]>): Cors {
  return {
    origins: cors.allowOrigins ?? [],
    methods: cors.allowMethods ?? [],
    headers: cors.allowHeaders ?? [],
    exposed: cors.exposeHeaders ?? [],
    credentials: cors.allowCredentials ?? false,
    maxAgeSeconds: cors.maxAge ?? 5,
  };
}

function readRewrite(rewrite: { hostname?: string; path?: RoutePathModifier }): UrlRewrite {
  const { path } = rewrite;
  return {
    ...(rewrite.hostname === undefined ? {} : { hostname: rewrite.hostname }),
    ...(path === undefined
      ? {}
      : {
          path:
            path.type === "ReplaceFullPath"
              ? { kind: "full" as const, value: path.replaceFullPath ?? "/" }
              : { kind: "prefix" as const, value: path.replacePrefixMatch ?? "/" },
        }),
  };
}

function readChange(modifier: RouteFilter["requestHeaderModifier"]): HeaderChange {
  const pair = ({ name, value }: HeaderValue): readonly [string, string] => [name, value];
  return {
    set: (modifier?.set ?? []).map(pair),
    add: (modifier?.add ?? []).map(pair),
    remove: modifier?.remove ?? [],
  };
}

/** A duration of Gateway API (`1h2m3s4ms`); zero means none. */
function durationMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const units: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|h|m|s)/g)) total += Number(amount) * (units[unit ?? ""] ?? 0);
  return total > 0 ? total : undefined;
}
