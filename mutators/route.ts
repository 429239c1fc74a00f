import { apexName, type Canary, driftMarks, type OwnedField, type OwnedKind } from "../api/index.ts";
import { bystander } from "./bystanders.ts";
import { canaryWith, careless, writtenName } from "./care.ts";
import { fieldAt, isFields } from "./fields.ts";
import { changedFields, guard, ownedKindOf } from "./guard.ts";
import { pointerStep } from "./patch.ts";
import { type AdmissionRequest, type Index, type Outcome, type PatchOp, untouched } from "./types.ts";
import { warning } from "./warning.ts";

/**
 * A write to a route. One that a Canary generated is guarded. One that a user made, and that the controller has taken over, gets its
 * weights back in the same request: a chart that is applied again must neither fail nor turn the traffic.
 */
export function mutateRoute(request: AdmissionRequest, index: Index): Outcome {
  if (request.subResource !== undefined) {
    return untouched("NotWatched");
  }
  const passing = bystander(request, index);
  if (passing !== undefined) {
    return untouched(passing);
  }
  return guard(request, index) ?? restored(request, index);
}

function restored(request: AdmissionRequest, index: Index): Outcome {
  const { object, oldObject } = request;
  const owned = ownedKindOf(request);
  if (request.operation !== "UPDATE" || owned === undefined || !wasTakenOver(oldObject)) {
    return untouched("NotUnderCanary");
  }
  const name = writtenName(request);
  const canary = canaryWith(request, index, (each) => apexName(each) === name);
  if (canary === undefined) {
    return untouched("NotUnderCanary");
  }
  const passes = careless(canary);
  if (passes !== undefined) {
    return untouched(passes);
  }
  const changed = changedFields(request, owned);
  const patch = changed.flatMap((field) => restoring(object, oldObject, field));
  if (patch.length === 0) {
    return untouched(changed.length === 0 ? "Unchanged" : "Unreadable");
  }
  return { kind: "patched", why: "RouteRestored", warnings: [keptWarning(owned, name, changed, canary)], patch };
}

/** Whose fields stay as they are, and why. */
export function keptWarning({ kind }: OwnedKind, name: string, kept: readonly OwnedField[], canary: Canary): string {
  const fields = kept.map(({ path }) => (path[0] === "metadata" ? path.at(-1) : path.join("."))).join(", ");
  return warning(`${kind} ${name} keeps ${fields}: canary ${canary.metadata.name} routes by it`);
}

/** The controller marks every route that it writes. */
function wasTakenOver(old: unknown): boolean {
  return Object.entries(driftMarks).every(([key, value]) => fieldAt(old, "metadata", "annotations", key) === value);
}

/** Nothing when there is no place to put the value: the API server refuses such an object anyway. */
export function restoring(object: unknown, old: unknown, { path }: OwnedField): readonly PatchOp[] {
  const parent = path.slice(0, -1);
  if (!isFields(fieldAt(object, ...parent))) {
    return [];
  }
  const pointer = path.map((key) => `/${pointerStep(key)}`).join("");
  const value = fieldAt(old, ...path);
  return value === undefined ? [{ op: "remove", path: pointer }] : [{ op: "add", path: pointer, value }];
}
