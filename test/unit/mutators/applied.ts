import jsonpatch from "jsonpatch";
import type { RawObject } from "../../../api/index.ts";
import type { Outcome } from "../../../mutators/types.ts";

/** The object after the outcome, as the API server would store it. */
export function applied(object: RawObject, outcome: Outcome): RawObject {
  return outcome.kind === "patched" ? jsonpatch.apply_patch(object, outcome.patch as never) : object;
}
