import { type Canary, fieldManagers, fieldsOf, type ObjectRef } from "../../api/index.ts";
import type { Refs } from "../observe/refs.ts";
import { primaryFloor, sourceScaler, strayScalers } from "../observe/scalers.ts";
import { horizontalPodAutoscaler } from "../scalers/hpa.ts";
import { workloadKindOf } from "../workloads/registry.ts";
import { type ActOptions, applyNoted, needed } from "./lookup.ts";

/** The primary's copy of the autoscaler, as its source is now. */
export async function ensurePrimaryScaler(canary: Canary, refs: Refs, options: ActOptions): Promise<void> {
  const scaler = sourceScaler(canary, refs, options.caches);
  if (scaler === undefined) return;
  const floor = primaryFloor(canary, workloadKindOf(canary.spec.targetRef), refs, options.caches);
  const body = scaler.kind.primary(canary, scaler.source, floor);
  await applyNoted(needed(refs.primaryScaler), body, fieldManagers.scaler, options);
}

export async function pauseScaler(canary: Canary, paused: boolean, refs: Refs, options: ActOptions): Promise<void> {
  const patch = sourceScaler(canary, refs, options.caches)?.kind.pausing?.patch(paused);
  if (patch === undefined) return;
  const ref = needed(refs.scaler);
  const call = { fieldManager: fieldManagers.scaler, signal: options.signal };
  options.caches.expect(ref, await options.api.mergePatch(ref, patch, call));
}

/** Deletes just the incarnations that were seen. */
export async function dropScalers(canary: Canary, options: ActOptions): Promise<void> {
  for (const { ref, object } of strayScalers(canary, options.caches)) {
    const { uid } = object.metadata;
    await options.api.delete(ref, { ...(uid === undefined ? {} : { uid }), signal: options.signal });
  }
}

/** Whether any HorizontalPodAutoscaler scales a workload, KEDA's included: read live, for one that no Canary names is not watched. */
export async function isAutoscaled({ resource, namespace, name }: ObjectRef, options: ActOptions): Promise<boolean> {
  const found = await options.api.list(horizontalPodAutoscaler.resource, { namespace, signal: options.signal });
  return found.some((each) => {
    const ref = fieldsOf(fieldsOf(each["spec"])["scaleTargetRef"]);
    return ref["kind"] === resource.kind && ref["name"] === name;
  });
}
