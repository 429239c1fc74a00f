/**
 * Whether everything that `wanted` states is found in `live`. Keys that only `live` has belong to the server's defaults or to other
 * people and do not count. Lists must have the same length and order. A stated null states nothing, and an empty map or list is
 * the same as an absent one, as it is to the API server.
 */
export function isSubset(wanted: unknown, live: unknown): boolean {
  if (wanted === undefined || wanted === null) {
    return true;
  }
  if (Array.isArray(wanted)) {
    const items = live === undefined || live === null ? [] : live;
    return (
      Array.isArray(items) &&
      items.length === wanted.length &&
      wanted.every((item, index) => isSubset(item, items[index]))
    );
  }
  if (typeof wanted === "object") {
    if (live !== undefined && live !== null && (typeof live !== "object" || Array.isArray(live))) {
      return false;
    }
    const fields = (live ?? {}) as Readonly<Record<string, unknown>>;
    return Object.entries(wanted).every(([key, value]) => isSubset(value, fields[key]));
  }
  return wanted === live;
}
