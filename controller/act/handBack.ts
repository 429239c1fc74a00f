import {
  type Canary,
  driftMarks,
  fieldManagers,
  knownKeys,
  type ObjectRef,
  otherOwners,
  providerOf,
  type RawObject,
} from "../../api/index.ts";
import type { Refs } from "../observe/refs.ts";
import { routerFor } from "../routers/registry.ts";
import { workloadKindOf } from "../workloads/registry.ts";
import { disownConfigs } from "./configs.ts";
import { type ActOptions, found, refOf } from "./lookup.ts";

/** Everybody to the apex Service, the apex Service to the target; neither is ours any more. */
export async function giveToTarget(canary: Canary, refs: Refs, options: ActOptions): Promise<void> {
  const { kind, target } = found(canary, refs, options);
  const live = refs.apexService && options.caches.get(refs.apexService);
  const released = live && kind.services?.released(canary, target, live, options);
  if (refs.apexService !== undefined && released !== undefined) {
    await orphan(canary, refs.apexService, released, options);
  }
  const router = routerFor(providerOf(canary, options.meshProvider));
  for (const body of router?.release(canary, (ref) => options.caches.get(ref)) ?? []) {
    const ref = refOf(body, refs.routes);
    await (goesWithCanary(body) ? apply(ref, body, options) : orphan(canary, ref, body, options));
  }
}

/**
 * What serves stays as it is and becomes the user's: garbage collection would take it with the Canary. Routes that it may take, for
 * users' own lead to the apex Service without them, it takes.
 */
export async function giveToPrimary(canary: Canary, refs: Refs, options: ActOptions): Promise<void> {
  const primary = refs.primary === undefined ? undefined : options.caches.get(refs.primary);
  const template = primary && workloadKindOf(canary.spec.targetRef)?.template?.(primary);
  if (template !== undefined) await disownConfigs(canary, template, options);
  const released =
    routerFor(providerOf(canary, options.meshProvider))?.release(canary, (ref) => options.caches.get(ref)) ?? [];
  const taken = released.filter(goesWithCanary).map((body) => refOf(body, refs.routes));
  const kept = [
    refs.primary,
    refs.primaryService,
    refs.canaryService,
    refs.apexService,
    refs.primaryScaler,
    ...refs.routes.filter((ref) => !taken.includes(ref)),
  ].filter((ref) => ref !== undefined);
  for (const ref of kept) {
    if (options.caches.get(ref) !== undefined) await disown(canary, ref, options);
  }
}

function goesWithCanary(body: RawObject): boolean {
  return body.metadata.ownerReferences !== undefined;
}

async function apply(ref: ObjectRef, body: RawObject, options: ActOptions): Promise<void> {
  const call = { fieldManager: fieldManagers.route, force: true, signal: options.signal };
  options.caches.expect(ref, await options.api.apply(ref.resource, body, call));
}

/** A merge patch, so that what we stated before and leave out now stays. */
async function orphan(canary: Canary, ref: ObjectRef, body: RawObject, options: ActOptions): Promise<void> {
  await disown(canary, ref, options);
  options.caches.expect(
    ref,
    await options.api.mergePatch(ref, body, { fieldManager: fieldManagers.service, signal: options.signal }),
  );
}

/** What we note on objects that users get back. */
const marks = [...Object.keys(driftMarks), knownKeys.originalConfiguration, knownKeys.primaryRevision];

/** Not ours any more: no reference to the Canary, no note for us, no mark that keeps GitOps tools away. */
async function disown(canary: Canary, ref: ObjectRef, options: ActOptions): Promise<void> {
  const others = otherOwners(options.caches.get(ref), canary);
  const unmarked = Object.fromEntries(marks.map((mark) => [mark, null]));
  const written = await options.api.mergePatch(
    ref,
    { metadata: { ownerReferences: others.length === 0 ? null : others, annotations: unmarked } },
    { fieldManager: fieldManagers.service, signal: options.signal },
  );
  options.caches.expect(ref, written);
}
