import type { Match } from "./model.ts";

/** One way to meet a Traefik rule: all of its parts hold. A rule is met when any of its ways is. */
export interface RuleWay {
  readonly host: string | undefined;
  readonly match: Match;
}

type Token = { readonly kind: "word" | "text" | "sign"; readonly value: string };

/**
 * Reads a Traefik rule such as ``Host(`a.example`) && (PathPrefix(`/x`) || Header(`k`, `v`))`` into its ways (disjunctive form).
 * Matchers of v2 and v3 are known; anything else throws, naming it.
 */
export function readTraefikRule(rule: string): RuleWay[] {
  const tokens = tokenize(rule);
  let at = 0;
  const peek = (): string | undefined => tokens[at]?.value;
  const take = (expected?: string): Token => {
    const token = tokens[at++];
    if (token === undefined) throw new Error(`rule "${rule}" ends too early`);
    if (expected !== undefined && token.value !== expected)
      throw new Error(`rule "${rule}": expected ${expected}, found ${token.value}`);
    return token;
  };
  const either = (): RuleWay[] => {
    const ways = both();
    while (peek() === "||") {
      take();
      ways.push(...both());
    }
    return ways;
  };
  const both = (): RuleWay[] => {
    let ways = single();
    while (peek() === "&&") {
      take();
      const right = single();
      ways = ways.flatMap((left) => right.flatMap((other) => combine(left, other)));
    }
    return ways;
  };
  const single = (): RuleWay[] => {
    if (peek() === "!") {
      take();
      const except = single().map(({ host, match }) => (host === undefined ? match : { ...match, host }));
      return [{ host: undefined, match: { headers: [], query: [], except } }];
    }
    if (peek() === "(") {
      take();
      const inner = either();
      take(")");
      return inner;
    }
    return matcher();
  };
  const matcher = (): RuleWay[] => {
    const name = take().value;
    take("(");
    const values = [take().value];
    while (peek() === ",") {
      take();
      values.push(take().value);
    }
    take(")");
    return waysOf(name, values);
  };
  const ways = either();
  if (at < tokens.length) throw new Error(`rule "${rule}": unexpected ${peek()}`);
  return ways;
}

function tokenize(rule: string): Token[] {
  const pattern = /\s*(?:`([^`]*)`|"((?:[^"\\]|\\.)*)"|(&&|\|\||[!(),])|([A-Za-z]+))/y;
  const tokens: Token[] = [];
  while (pattern.lastIndex < rule.trimEnd().length) {
    const start = pattern.lastIndex;
    const found = pattern.exec(rule);
    if (found === null) throw new Error(`rule "${rule}" can't be read from "${rule.slice(start)}"`);
    const [, ticks, quotes, sign, word] = found;
    if (sign !== undefined) tokens.push({ kind: "sign", value: sign });
    else if (word !== undefined) tokens.push({ kind: "word", value: word });
    else tokens.push({ kind: "text", value: ticks ?? (quotes ?? "").replaceAll(/\\(.)/g, "$1") });
  }
  return tokens;
}

const NOTHING: Match = { headers: [], query: [] };

/** Matchers with one subject take alternatives in v2 (`Host(a, b)`); those with a name take name and value. */
function waysOf(name: string, values: readonly string[]): RuleWay[] {
  const each = (way: (value: string) => Partial<Match>): RuleWay[] =>
    values.map((value) => ({ host: undefined, match: { ...NOTHING, ...way(value) } }));
  const [first = "", second = ""] = values;
  const one = (match: Partial<Match>): RuleWay[] => [{ host: undefined, match: { ...NOTHING, ...match } }];
  switch (name) {
    case "Host":
      return values.map((value) => ({ host: value.toLowerCase(), match: NOTHING }));
    case "HostRegexp":
      return each((value) => ({ hostRegex: new RegExp(value, "i") }));
    case "Path":
      return each((value) => ({ path: { kind: "exact", value } }));
    case "PathPrefix":
      return each((value) => ({ path: { kind: "start", value } }));
    case "PathRegexp":
      return each((value) => ({ path: { kind: "regex", value: new RegExp(value) } }));
    case "Method":
      return each((value) => ({ method: value.toUpperCase() }));
    case "Header":
    case "Headers":
      return one({ headers: [{ name: first.toLowerCase(), text: { kind: "exact", value: second } }] });
    case "HeaderRegexp":
    case "HeadersRegexp":
      return one({ headers: [{ name: first.toLowerCase(), text: { kind: "regex", value: new RegExp(second) } }] });
    case "Query": {
      const [key = "", value = ""] = values.length === 1 ? first.split("=") : values;
      return one({ query: [{ name: key, text: { kind: "exact", value } }] });
    }
    case "QueryRegexp":
      return one({ query: [{ name: first, text: { kind: "regex", value: new RegExp(second) } }] });
    default:
      throw new Error(`matcher ${name} is not supported by the sandbox's Traefik`);
  }
}

/** Both ways at once; none when they ask for different hosts or methods. */
function combine(a: RuleWay, b: RuleWay): RuleWay[] {
  if (a.host !== undefined && b.host !== undefined && a.host !== b.host) return [];
  if (a.match.method !== undefined && b.match.method !== undefined && a.match.method !== b.match.method) return [];
  const except = [...(a.match.except ?? []), ...(b.match.except ?? [])];
  // Two paths in one way (a prefix and a regular expression): the second is asked as a double negation.
  const twoPaths = a.match.path !== undefined && b.match.path !== undefined;
  const second = twoPaths ? [{ ...NOTHING, except: [{ ...NOTHING, path: b.match.path }] } as Match] : [];
  const match: Match = {
    ...a.match,
    ...b.match,
    ...(a.match.path === undefined ? {} : { path: a.match.path }),
    headers: [...a.match.headers, ...b.match.headers],
    query: [...a.match.query, ...b.match.query],
    ...(except.length + second.length > 0 ? { except: [...except, ...second] } : {}),
  };
  return [{ host: a.host ?? b.host, match }];
}
