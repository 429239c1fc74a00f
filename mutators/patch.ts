import { fieldAt, isFields } from "./fields.ts";
import type { PatchOp } from "./types.ts";

/** A key as one step of a JSON pointer. */
export function pointerStep(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** Operations that make `metadata.annotations` say what is wanted; undefined means the key should not be there. */
export function annotationPatch(
  object: unknown,
  wanted: Readonly<Record<string, string | undefined>>,
): readonly PatchOp[] {
  const present = fieldAt(object, "metadata", "annotations");
  if (!isFields(present)) {
    const value = Object.fromEntries(Object.entries(wanted).filter(([, text]) => text !== undefined));
    return Object.keys(value).length === 0 ? [] : [{ op: "add", path: "/metadata/annotations", value }];
  }
  const patch: PatchOp[] = [];
  for (const [key, value] of Object.entries(wanted)) {
    const path = `/metadata/annotations/${pointerStep(key)}`;
    const now = fieldAt(present, key);
    if (value !== undefined && now !== value) {
      patch.push({ op: "add", path, value });
    } else if (value === undefined && now !== undefined) {
      patch.push({ op: "remove", path });
    }
  }
  return patch;
}

/** Operations that make a field of `spec` say what is wanted. The parent must be there. */
export function specPatch(object: unknown, field: string, wanted: unknown): readonly PatchOp[] {
  return fieldAt(object, "spec", field) === wanted
    ? []
    : [{ op: "add", path: `/spec/${pointerStep(field)}`, value: wanted }];
}
