import { type Canary, driftMarks, fieldManagers, type ObjectRef, providerOf, type RawObject } from "../../api/index.ts";
import type { Refs } from "../observe/refs.ts";
import { routerFor } from "../routers/registry.ts";
import { releasedApex, wasTurned } from "../workloads/services.ts";
import { type ActOptions, found, refOf } from "./lookup.ts";

/** Everybody to the apex Service, the apex Service to the target; neither is ours any more. */
export async function giveToTarget(canary: Canary, refs: Refs, options: ActOptions): Promise<void> {
  const live = options.caches.get(refs.apexService);
  const { target, label } = found(canary, refs, options);
  // Without a label nothing was ever turned to a primary.
  if (live !== undefined && !("obstacle" in label) && wasTurned(live, canary, label)) {
    await orphan(refs.apexService, releasedApex(canary, label, target, live), options);
  }
  const router = routerFor(providerOf(canary, options.meshProvider));
  for (const body of router?.release(canary, (ref) => options.caches.get(ref)) ?? []) {
    await orphan(refOf(body, refs.routes), body, options);
  }
}

/** What serves stays as it is and becomes the user's: garbage collection would take it with the Canary. */
export async function giveToPrimary(refs: Refs, options: ActOptions): Promise<void> {
  const kept = [
    refs.primary,
    refs.primaryService,
    refs.canaryService,
    refs.apexService,
    refs.primaryScaler,
    ...refs.routes,
  ].filter((ref) => ref !== undefined);
  for (const ref of kept) {
    if (options.caches.get(ref) !== undefined) await disown(ref, options);
  }
}

/** A merge patch, so that what we stated before and leave out now stays. */
async function orphan(ref: ObjectRef, body: RawObject, options: ActOptions): Promise<void> {
  await disown(ref, options);
  options.caches.expect(
    ref,
    await options.api.mergePatch(ref, body, { fieldManager: fieldManagers.service, signal: options.signal }),
  );
}

/** Nobody's any more, and no mark keeps GitOps tools away from it. */
async function disown(ref: ObjectRef, options: ActOptions): Promise<void> {
  const unmarked = Object.fromEntries(Object.keys(driftMarks).map((mark) => [mark, null]));
  const written = await options.api.mergePatch(
    ref,
    { metadata: { ownerReferences: null, annotations: unmarked } },
    { fieldManager: fieldManagers.service, signal: options.signal },
  );
  options.caches.expect(ref, written);
}
