import { type AnalysisMatch, analysisOf, type Canary, type CanaryService, type Fields } from "../../api/index.ts";

type ServiceMatch = NonNullable<CanaryService["match"]>[number];
type StringMatch = NonNullable<ServiceMatch["uri"]>;
type StringMatches = Readonly<Record<string, StringMatch>>;

/** One entry of `rules[].matches`, complete: every default of the CRD is stated, so that what the server stores equals what we render. */
export type RouteMatch = Fields & { readonly path: Fields };

/** Matches, or why they cannot be expressed; a condition that got lost would widen the match to everybody. */
export interface Mapped {
  readonly matches: readonly RouteMatch[];
  readonly problems: readonly string[];
}

const everyPath = { type: "PathPrefix", value: "/" } as const;
const regularExpression = "RegularExpression";

/** Conditions of `service.match` that no HTTPRoute can express. `name` and `gateways` have no effect here and are let through. */
const inexpressible = [
  "scheme",
  "authority",
  "withoutHeaders",
  "ignoreUriCase",
  "port",
  "sourceLabels",
  "sourceNamespace",
] as const satisfies readonly (keyof ServiceMatch)[];

/** Which requests the route takes at all: `service.match`, or every path. */
export function serviceMatches(canary: Canary): Mapped {
  const entries = canary.spec.service?.match ?? [];
  if (entries.length === 0) {
    return { matches: [{ path: everyPath }], problems: [] };
  }
  const problems: string[] = [];
  const matches = entries.map((entry, index) => serviceMatch(entry, `service.match[${index}]`, problems));
  return { matches, problems };
}

function serviceMatch(entry: ServiceMatch, at: string, problems: string[]): RouteMatch {
  for (const field of inexpressible) {
    if (entry[field] !== undefined && entry[field] !== false) {
      problems.push(`${at}.${field} cannot be expressed in an HTTPRoute`);
    }
  }
  if (entry.method !== undefined && entry.method.exact === undefined) {
    problems.push(`${at}.method must be exact in an HTTPRoute`);
  }
  return {
    path: pathMatch(entry.uri, `${at}.uri`, problems),
    ...listOf("headers", valueMatches(entry.headers, `${at}.headers`, problems)),
    ...listOf("queryParams", valueMatches(entry.queryParams, `${at}.queryParams`, problems)),
    ...(entry.method?.exact === undefined ? {} : { method: entry.method.exact }),
  };
}

function pathMatch(uri: StringMatch | undefined, at: string, problems: string[]): Fields {
  if (uri === undefined) {
    return everyPath;
  }
  if (uri.regex !== undefined) {
    return { type: regularExpression, value: uri.regex };
  }
  if (uri.exact !== undefined) {
    return { type: "Exact", value: uri.exact };
  }
  if (uri.prefix !== undefined) {
    return { type: "PathPrefix", value: uri.prefix };
  }
  problems.push(`${at} must be exact, prefix or regex in an HTTPRoute`);
  return everyPath;
}

/** Sorted by name: maps have no order, and a list that changes its order would look like a change. */
function valueMatches(values: StringMatches | undefined, at: string, problems: string[]): readonly Fields[] {
  const matches: Fields[] = [];
  for (const [name, match] of Object.entries(values ?? {}).sort(byName)) {
    if (match.exact !== undefined) {
      matches.push({ type: "Exact", name, value: match.exact });
    } else if (match.regex !== undefined) {
      matches.push({ type: regularExpression, name, value: match.regex });
    } else {
      problems.push(`${at}.${name} must be exact or regex in an HTTPRoute`);
    }
  }
  return matches;
}

/** Which requests go to the canary in A/B testing: each entry of `analysis.match` within each entry of `service.match`. */
export function analysisMatches(canary: Canary): Mapped {
  const service = serviceMatches(canary);
  const problems = [...service.problems];
  const matches = (analysisOf(canary).match ?? []).flatMap((entry, index) => {
    const conditions = analysisConditions(entry, `analysis.match[${index}]`, problems);
    return service.matches.map((match) => narrowed(match, conditions));
  });
  return { matches, problems };
}

interface Conditions {
  readonly headers: readonly Fields[];
  readonly queryParams: readonly Fields[];
}

function analysisConditions(entry: AnalysisMatch, at: string, problems: string[]): Conditions {
  if (Object.keys(entry.sourceLabels ?? {}).length > 0) {
    problems.push(`${at}.sourceLabels cannot be expressed in an HTTPRoute`);
  }
  const headers = valueMatches(entry.headers, `${at}.headers`, problems);
  const queryParams = valueMatches(entry.queryParams, `${at}.queryParams`, problems);
  if (headers.length + queryParams.length === 0) {
    problems.push(`${at} needs a header or a query parameter: without one it would send every request to the canary`);
  }
  return { headers, queryParams };
}

/** The match with more conditions. Both must hold; for a name that both mention, the added one counts. */
export function narrowed(match: RouteMatch, more: Partial<Conditions>): RouteMatch {
  return {
    ...match,
    ...listOf("headers", merged(match["headers"], more.headers ?? [])),
    ...listOf("queryParams", merged(match["queryParams"], more.queryParams ?? [])),
  };
}

/** The condition that a client carries a cookie. */
export function cookieHeader(pattern: string): Fields {
  return { type: regularExpression, name: "Cookie", value: pattern };
}

function merged(before: unknown, added: readonly Fields[]): readonly Fields[] {
  const names = new Set(added.map((entry) => String(entry["name"]).toLowerCase()));
  const kept = ((before ?? []) as readonly Fields[]).filter((entry) => !names.has(String(entry["name"]).toLowerCase()));
  return [...kept, ...added];
}

function listOf(field: string, items: readonly Fields[]): Fields {
  return items.length > 0 ? { [field]: items } : {};
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
