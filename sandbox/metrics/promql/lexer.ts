import { QueryError } from "./ast.ts";

export interface Token {
  readonly kind: "name" | "number" | "duration" | "string" | "sign" | "end";
  readonly text: string;
  readonly at: number;
}

const PATTERNS: readonly (readonly [Token["kind"] | "blank", RegExp])[] = [
  ["blank", /(?:\s+|#[^\n]*)/y],
  ["duration", /(?:\d+(?:ms|[smhdwy]))+(?![a-zA-Z0-9_])/y],
  ["number", /(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![a-zA-Z0-9_:.])/y],
  ["name", /[a-zA-Z_:][a-zA-Z0-9_:]*/y],
  ["string", /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/y],
  ["sign", /==|!=|=~|!~|>=|<=|[-+*/%^(){}[\],=<>:@]/y],
];

/** Splits a query into tokens; the last is always `end`. Throws a QueryError at the first character that fits nowhere. */
export function tokenize(query: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < query.length) {
    const token = tokenAt(query, at);
    if (token === undefined) throw syntaxError(query, at, `unexpected character: ${JSON.stringify(query[at])}`);
    if (token.kind !== "blank") tokens.push({ kind: token.kind, text: token.text, at });
    at += token.text.length;
  }
  tokens.push({ kind: "end", text: "", at });
  return tokens;
}

function tokenAt(query: string, at: number): { kind: Token["kind"] | "blank"; text: string } | undefined {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const text = pattern.exec(query)?.[0];
    if (text !== undefined && text !== "") return { kind, text };
  }
  return undefined;
}

/** `line:column: parse error: …`, as Prometheus points at mistakes. */
export function syntaxError(query: string, at: number, message: string): QueryError {
  const before = query.slice(0, at).split("\n");
  return new QueryError(`${before.length}:${(before.at(-1)?.length ?? 0) + 1}: parse error: ${message}`);
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

/** `1h30m` in milliseconds. */
export function durationMs(text: string): number {
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g))
    total += Number(amount) * (UNIT_MS[unit ?? ""] ?? 0);
  return total;
}

/** The text inside quotes, with the usual escapes undone; backquotes have none. */
export function unquote(token: string): string {
  const inner = token.slice(1, -1);
  if (token.startsWith("`")) return inner;
  const named: Record<string, string> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" };
  return inner.replaceAll(/\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))/g, (_, hex, unicode, one) =>
    one === undefined ? String.fromCharCode(Number.parseInt(hex ?? unicode, 16)) : (named[one] ?? one),
  );
}
