import { canonicalJson } from "./canonicalJson.ts";
import { type Fields, fieldsOf } from "./raw.ts";

/** The merge patch that turns `from` into `to`. Lists are replaced as a whole: that is all a merge patch can do. */
export function patchTo(to: Fields, from: Fields): Fields {
  const keys = [...new Set([...Object.keys(to), ...Object.keys(from)])];
  const changed = keys.filter((key) => canonicalJson(to[key] ?? null) !== canonicalJson(from[key] ?? null));
  return Object.fromEntries(
    changed.map((key) => {
      const [wanted, live] = [to[key], from[key]];
      return [key, isMap(wanted) && isMap(live) ? patchTo(fieldsOf(wanted), fieldsOf(live)) : (wanted ?? null)];
    }),
  );
}

function isMap(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
