/** JSON merge patch (RFC 7386): objects merge, null removes, lists and scalars are replaced as a whole. */
import { ApiError, clone } from "../types.ts";

/** Returns the patched copy. Throws ApiError 400 when the patch is no object. */
export function applyMergePatch<T extends object>(document: T, patch: unknown): T {
  if (!isObject(patch)) {
    const found = Array.isArray(patch) ? "array" : patch === null ? "null" : typeof patch;
    throw new ApiError(
      400,
      "BadRequest",
      `error decoding patch: json: cannot unmarshal ${found} into Go value of type map[string]interface {}`,
    );
  }
  return merge(document, patch) as T;
}

function merge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return clone(patch);
  const entries = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) entries.delete(key);
    else entries.set(key, merge(entries.get(key), value));
  }
  return Object.fromEntries(entries);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
