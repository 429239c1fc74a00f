import type { Entry, Match, NamedMatch, PathMatch, RequestFacts, TextMatch } from "./model.ts";

/** The routes of one listening server, ready to be asked per request. Immutable: a change makes a new one. */
export interface RouteTable {
  find(request: RequestFacts): Entry | undefined;
  /** Hosts that are named in full. */
  readonly hosts: ReadonlySet<string>;
  readonly size: number;
}

export function createRouteTable(entries: readonly Entry[]): RouteTable {
  const sorted = [...entries].sort((a, b) => compareRanks(a.rank, b.rank));
  const byHost = new Map<string, Entry[]>();
  const forHost = (host: string): Entry[] => {
    let candidates = byHost.get(host);
    if (candidates === undefined) {
      candidates = sorted.filter((entry) => entry.host === undefined || hostMatches(entry.host, host));
      // Hosts come from clients: without a bound, random Host headers would fill the memory.
      if (byHost.size >= 1000) byHost.clear();
      byHost.set(host, candidates);
    }
    return candidates;
  };
  return {
    find: (request) => forHost(request.host).find((entry) => matches(entry.match, request)),
    hosts: new Set(sorted.flatMap((entry) => (entry.host?.startsWith("*") === false ? [entry.host] : []))),
    size: sorted.length,
  };
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (b[index] ?? 0) - (a[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** `*.example.com` matches any number of labels in front, but not the bare domain. */
function hostMatches(pattern: string, host: string): boolean {
  if (!pattern.startsWith("*.")) return pattern === host;
  return host.length > pattern.length - 1 && host.endsWith(pattern.slice(1));
}

/** The host under which both are met, or undefined: `*.example.com` and `www.example.com` meet in the latter. */
export function intersectHosts(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (a === b) return a;
  if (a.startsWith("*.") && (hostMatches(a, b) || b.endsWith(a.slice(1)))) return b;
  if (b.startsWith("*.") && (hostMatches(b, a) || a.endsWith(b.slice(1)))) return a;
  return undefined;
}

/** Whether a request meets every part of a match. */
function matches(match: Match, request: RequestFacts): boolean {
  if (match.method !== undefined && match.method !== request.method) return false;
  if (match.path !== undefined && !pathMatches(match.path, request.path)) return false;
  if (match.host !== undefined && !hostMatches(match.host, request.host)) return false;
  if (match.hostRegex !== undefined && !match.hostRegex.test(request.host)) return false;
  if (!match.headers.every((header) => headerMatches(header, request))) return false;
  if (match.query.length > 0 && !queryMatches(match.query, request.query)) return false;
  return match.except?.some((exception) => matches(exception, request)) !== true;
}

function pathMatches(path: PathMatch, actual: string): boolean {
  switch (path.kind) {
    case "exact":
      return actual === path.value;
    case "start":
      return actual.startsWith(path.value);
    case "regex":
      return path.value.test(actual);
    case "prefix": {
      const prefix = path.value.endsWith("/") ? path.value.slice(0, -1) : path.value;
      return actual === prefix || actual.startsWith(`${prefix}/`) || prefix === "";
    }
  }
}

function headerMatches(header: NamedMatch, request: RequestFacts): boolean {
  const value = request.headers[header.name];
  return value !== undefined && textMatches(header.text, Array.isArray(value) ? value.join(",") : value);
}

function queryMatches(wanted: readonly NamedMatch[], query: string): boolean {
  const parameters = new URLSearchParams(query);
  return wanted.every(({ name, text }) => {
    const value = parameters.get(name);
    return value !== null && textMatches(text, value);
  });
}

function textMatches(text: TextMatch, value: string): boolean {
  return text.kind === "exact" ? text.value === value : text.value.test(value);
}
