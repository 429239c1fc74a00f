/** Documents in the order in which Go writes their fields, for answers that quote them. */
import type { PatchType, TypeSchema } from "../types.ts";

/** Parts of a document that a patch went through: Go keeps them as maps, whose keys it sorts. */
type Touched = Map<string, Touched>;

/** The patched document as a refusal of the patch quotes it. */
export function quotedDocument(
  document: unknown,
  schema: TypeSchema | undefined,
  type: PatchType | undefined,
  patch: unknown,
): string {
  const touched = type === "merge" ? touchedByMerge(patch) : type === "json" ? touchedByOperations(patch) : undefined;
  return JSON.stringify(inOrder(document, schema, touched));
}

/** A copy with the fields of every object in the order in which its type declares them; keys of maps are sorted. */
export function inFieldOrder<T>(document: T, schema: TypeSchema | undefined): T {
  return inOrder(document, schema, undefined) as T;
}

function inOrder(value: unknown, schema: TypeSchema | undefined, touched: Touched | undefined): unknown {
  if (Array.isArray(value)) {
    return value.map((item, index) => inOrder(item, schema?.items, touched?.get(String(index))));
  }
  if (typeof value !== "object" || value === null) return value;
  const declared = Object.keys(schema?.fields ?? {});
  const place = new Map(["kind", "apiVersion", "metadata", ...declared].map((name, index) => [name, index]));
  const rank = (key: string) => (touched === undefined ? (place.get(key) ?? place.size) : 0);
  const entries = Object.entries(value).sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
  const schemaOf = (key: string) => schema?.fields?.[key] ?? schema?.values;
  return Object.fromEntries(entries.map(([key, each]) => [key, inOrder(each, schemaOf(key), touched?.get(key))]));
}

function touchedByMerge(patch: unknown): Touched {
  const touched: Touched = new Map();
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return touched;
  for (const [key, value] of Object.entries(patch)) {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) touched.set(key, touchedByMerge(value));
  }
  return touched;
}

function touchedByOperations(patch: unknown): Touched {
  const root: Touched = new Map();
  for (const operation of Array.isArray(patch) ? patch : []) {
    const parts = String((operation as { path?: unknown }).path ?? "").split("/");
    let parent = root;
    for (const part of parts.slice(1, -1)) {
      const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
      const next: Touched = parent.get(key) ?? new Map();
      parent.set(key, next);
      parent = next;
    }
  }
  return root;
}
