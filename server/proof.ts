import jsonpatch from "jsonpatch";
import type { PatchOp } from "../mutators/types.ts";

/**
 * Applies the patch as the API server will. Throws when it does not apply: `failurePolicy: Ignore` does not cover a bad patch, so it
 * must not leave the house. The object is not changed.
 */
export function prove(object: unknown, patch: readonly PatchOp[]): void {
  const proved: unknown = jsonpatch.apply_patch(object as object, patch as never);
  if (typeof proved !== "object" || proved === null) {
    throw new Error("the patch leaves no object");
  }
}
