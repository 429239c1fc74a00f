/** Keys that a body states twice: `JSON.parse` takes the last and says nothing, Kubernetes tells the writer. */

/** A key stated twice, as it is told in a warning and under strict validation. */
export interface Duplicate {
  readonly warning: string;
  readonly strict: string;
}

const known = new WeakMap<object, readonly Duplicate[]>();

/** What was stated twice in the text from which this body was read. */
export function duplicatesOf(body: unknown): readonly Duplicate[] {
  return typeof body === "object" && body !== null ? (known.get(body) ?? []) : [];
}

/** Remembers it for a body, or for the copy of one. */
export function noteDuplicates<T>(body: T, duplicates: readonly Duplicate[]): T {
  if (duplicates.length > 0 && typeof body === "object" && body !== null) known.set(body, duplicates);
  return body;
}

/** Parses JSON like Go: of scalars stated twice the last counts, objects stated twice are one. Throws what `JSON.parse` throws. */
export function parseJsonLikeGo(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!hasTwin(text)) return value;
  const duplicates: Duplicate[] = [];
  const merged = new Reader(text, (path) => {
    const warning = `duplicate field ${JSON.stringify(path)}`;
    duplicates.push({ warning, strict: warning });
  }).value("");
  return noteDuplicates(merged, duplicates);
}

const quote = 0x22;
const backslash = 0x5c;

/** Whether any object in valid JSON has a key twice. Builds nothing: most bodies have none. */
function hasTwin(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  let start = -1;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      start = at;
      for (at += 1; text.charCodeAt(at) !== quote; at += 1) if (text.charCodeAt(at) === backslash) at += 1;
      const keys = open.at(-1);
      if (keys === undefined || !/^\s*:/.test(text.slice(at + 1, at + 32))) continue;
      const key = text.slice(start, at + 1);
      if (keys.has(key)) return true;
      keys.add(key);
    } else if (code === 0x7b) open.push(new Set());
    else if (code === 0x5b) open.push(undefined);
    else if (code === 0x7d || code === 0x5d) open.pop();
  }
  return false;
}

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** Reads valid JSON token by token. */
class Reader {
  readonly #tokens: string[];
  readonly #twice: (path: string) => void;
  #at = 0;

  constructor(text: string, twice: (path: string) => void) {
    this.#tokens = text.match(tokens) ?? [];
    this.#twice = twice;
  }

  value(path: string, earlier?: unknown): unknown {
    const token = this.#next();
    if (token === "{") return this.#object(path, isMap(earlier) ? earlier : {});
    return token === "[" ? this.#list(path) : JSON.parse(token);
  }

  #next(): string {
    return this.#tokens[this.#at++] ?? "null";
  }

  #object(path: string, into: Record<string, unknown>): Record<string, unknown> {
    const seen = new Set<string>();
    for (let token = this.#next(); token !== "}"; token = this.#next()) {
      if (token === ",") continue;
      const key = JSON.parse(token) as string;
      const child = path === "" ? key : `${path}.${key}`;
      const isTwin = seen.has(key);
      seen.add(key);
      this.#next();
      into[key] = this.value(child, isTwin ? into[key] : undefined);
      if (isTwin) this.#twice(child);
    }
    return into;
  }

  #list(path: string): unknown[] {
    const list: unknown[] = [];
    while (this.#tokens[this.#at] !== "]") {
      if (this.#tokens[this.#at] === ",") this.#at += 1;
      else list.push(this.value(`${path}[${list.length}]`));
    }
    this.#at += 1;
    return list;
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
