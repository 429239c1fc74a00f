/** Setting what is not set. */
// biome-ignore lint/suspicious/noExplicitAny: objects are JSON whose shape the kind decides
export type Json = any;

/** Gives fields their default where they are absent; returns the same object. */
export function fill(object: Json, defaults: Readonly<Record<string, unknown>>): Json {
  for (const [key, value] of Object.entries(defaults)) {
    if (object[key] === undefined || object[key] === null) object[key] = structuredClone(value);
  }
  return object;
}

/** The elements of a list that may be missing, or may not be a list. */
export function each(list: unknown): Json[] {
  return Array.isArray(list) ? list.filter((item) => typeof item === "object" && item !== null) : [];
}
