/**
 * Whether everything that `wanted` states is found in `live`. Keys that only `live` has belong to the server's defaults or to other
 * people and do not count. Lists must have the same length and order. Null, an empty map and an empty list mean the same as absent,
 * as they do to the API server.
 */
export function isSubset(wanted: unknown, live: unknown): boolean {
  if (isEmpty(wanted)) {
    return isEmpty(live) || typeof live === "object";
  }
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(live) && live.length === wanted.length && wanted.every((item, index) => isSubset(item, live[index]))
    );
  }
  if (typeof wanted === "object") {
    if (typeof live !== "object" || live === null || Array.isArray(live)) {
      return Object.values(wanted as object).every(isEmpty) && isEmpty(live);
    }
    return Object.entries(wanted as object).every(([key, value]) =>
      isSubset(value, (live as Readonly<Record<string, unknown>>)[key]),
    );
  }
  return wanted === live;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) {
    return true;
  }
  return typeof value === "object" && Object.keys(value).length === 0;
}
