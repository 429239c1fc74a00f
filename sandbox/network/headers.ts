import type { HeaderChange } from "./model.ts";

/** Name, value, name, value, … as they stand on the wire. */
export type HeaderList = string[];

/** Headers that belong to one connection and are never passed on. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authorization",
  "proxy-authenticate",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
]);

/** A copy without the headers of the connection, and those that `Connection` names. */
export function passOn(raw: readonly string[]): HeaderList {
  let named: string[] | undefined;
  const kept: HeaderList = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? "";
    const value = raw[index + 1] ?? "";
    const lower = name.toLowerCase();
    if (lower === "connection" && !/^(keep-alive|close)$/i.test(value)) {
      named = value.split(",").map((one) => one.trim().toLowerCase());
    }
    if (!HOP_BY_HOP.has(lower)) kept.push(name, value);
  }
  return named === undefined ? kept : named.reduce((list, name) => without(list, name), kept);
}

function without(headers: HeaderList, name: string): HeaderList {
  const lower = name.toLowerCase();
  const kept: HeaderList = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    if (headers[index]?.toLowerCase() !== lower) kept.push(headers[index] ?? "", headers[index + 1] ?? "");
  }
  return kept;
}

export function withHeader(headers: HeaderList, name: string, value: string): HeaderList {
  return [...without(headers, name), name, value];
}

/** First `set`, then `add` (joins what is there), then `remove`. */
export function changeHeaders(headers: HeaderList, change: HeaderChange): HeaderList {
  let changed = headers;
  for (const [name, value] of change.set) changed = withHeader(changed, name, value);
  for (const [name, value] of change.add) changed = [...changed, name, value];
  for (const name of change.remove) changed = without(changed, name);
  return changed;
}
