import {
  annotations,
  assertNever,
  type Canary,
  type CanaryStatus,
  canaryResource,
  fieldManagers,
  fieldsOf,
  knownKeys,
  type ObjectRef,
  providerOf,
  type RawObject,
  type Traffic,
} from "../../api/index.ts";
import type { Action, Generated } from "../decide/types.ts";
import { canaryRef, type Refs, refsOf } from "../observe/refs.ts";
import { routerFor } from "../routers/registry.ts";
import { countedRevision } from "../workloads/configs.ts";
import { fits } from "../workloads/fits.ts";
import { workloadKindOf } from "../workloads/registry.ts";
import { withoutOthers } from "../workloads/services.ts";
import type { ServiceRole, WorkloadKind } from "../workloads/workload.ts";
import { copyConfigs, liveConfigs } from "./configs.ts";
import { giveToPrimary, giveToTarget } from "./handBack.ts";
import { type ActOptions, apply, applyNoted, conflict, needed, refOf, usable } from "./lookup.ts";
import { dropScalers, ensurePrimaryScaler, isAutoscaled, pauseScaler } from "./scalers.ts";

/** The actions that change objects. Events, alerts, counters and told hooks belong to the loop. */
export type ObjectAction = Exclude<Action, { kind: "event" | "alert" | "count" | "tell" }>;

/** Performs one action. Idempotent: done twice, the second changes nothing. Throws a WeirError. */
export async function act(canary: Canary, action: ObjectAction, options: ActOptions): Promise<void> {
  const refs = refsOf(canary, options.meshProvider);
  switch (action.kind) {
    case "ensure":
      return ensure(canary, action.object, action.traffic, refs, options);
    case "shift":
      return route(canary, action.traffic, options);
    case "scaleTarget":
      return scale(canary, needed(refs.target), action.replicas, options);
    case "scalePrimary":
      return scale(canary, needed(refs.primary), action.replicas, options);
    case "pauseScaler":
      return pauseScaler(canary, action.paused, refs, options);
    case "dropScalers":
      return dropScalers(canary, options);
    case "keepWish":
      return keepWish(needed(refs.target), action, options);
    case "hold":
      return hold(needed(refs.target), action.revision, options);
    case "unhold":
      return unhold(needed(refs.target), options);
    case "promote":
    case "mend":
      return promote(canary, action.revision, refs, options);
    case "status":
      return writeStatus(canary, action.status, options);
    case "finalizer":
      return setFinalizer(canary, action.present, options);
    case "handBack":
      return action.to === "target" ? giveToTarget(canary, refs, options) : giveToPrimary(canary, refs, options);
    default:
      return assertNever(action);
  }
}

async function ensure(
  canary: Canary,
  object: Generated,
  traffic: Traffic | undefined,
  refs: Refs,
  options: ActOptions,
): Promise<void> {
  switch (object) {
    case "apexService":
      return service(canary, "apex", refs, options);
    case "primaryService":
      return service(canary, "primary", refs, options);
    case "canaryService":
      return service(canary, "canary", refs, options);
    case "primary":
      return createPrimary(canary, refs, options);
    case "primaryScaler":
      return ensurePrimaryScaler(canary, refs, options);
    case "route":
      return route(canary, traffic ?? { primary: 100, canary: 0, mirror: false }, options);
    default:
      return assertNever(object);
  }
}

async function service(canary: Canary, role: ServiceRole, refs: Refs, options: ActOptions): Promise<void> {
  const { kind, target } = usable(canary, refs, options);
  const ref = needed(refs[`${role}Service`]);
  const live = options.caches.get(ref);
  const wanted = kind.services?.service(canary, role, target, live, options);
  if (wanted === undefined) return;
  const taken = live !== undefined && wanted.metadata.ownerReferences === undefined;
  const call = { fieldManager: fieldManagers.service, signal: options.signal };
  // Merged with another port of the same name, ours would be refused: others' go first.
  if (!taken && live !== undefined && fits(live, wanted) !== "fits")
    await options.api.mergePatch(ref, withoutOthers(wanted, live), call);
  // A list of ports is a map to server-side apply, which could not take a user's extra port away: see generatedService.
  const written = taken
    ? await options.api.mergePatch(ref, wanted, { fieldManager: fieldManagers.service, signal: options.signal })
    : await apply(ref, wanted, fieldManagers.service, options);
  options.caches.expect(ref, written);
  if (fits(written, wanted) === "fits") return;
  options.caches.expect(ref, await options.api.mergePatch(ref, withoutOthers(wanted, written), call));
}

async function createPrimary(canary: Canary, refs: Refs, options: ActOptions): Promise<void> {
  const { kind, target } = usable(canary, refs, options);
  const { sizing } = kind;
  const replicas = sizing === undefined ? {} : { replicas: Math.max(1, wishOf(target) ?? sizing.replicas(target)) };
  const live = await liveConfigs(canary, kind.template?.(target), options);
  if (live !== undefined) await copyConfigs(canary, live, options);
  const tracked = live === undefined ? {} : { tracked: live.tracked };
  const body = kind.primary(canary, target, { ...options, ...replicas, ...tracked });
  await writePrimary(needed(refs.primary), body, kind, options);
}

/** The irreversible step, and its repetition: both sides are read live, and the primary is written only onto the version that was read. */
async function promote(canary: Canary, revision: string, refs: Refs, options: ActOptions): Promise<void> {
  const kind = workloadKindOf(canary.spec.targetRef);
  const read = { signal: options.signal };
  const [target, primary] = await Promise.all([
    options.api.get(needed(refs.target), read),
    options.api.get(needed(refs.primary), read),
  ]);
  if (kind === undefined || target === undefined || primary === undefined)
    throw conflict("target or primary went away before the promotion");
  const template = kind.revisionOfTarget(target);
  const live = await liveConfigs(canary, kind.template?.(target), options);
  if (countedRevision(canary, template, live?.tracked) !== revision)
    throw conflict("the target moved on before the promotion");
  const copied = revision === template ? undefined : live;
  if (copied !== undefined) await copyConfigs(canary, copied, options);
  // Stated by us from the beginning, so it has to be stated again: left out, server-side apply would put it back to 1.
  const body = kind.primary(canary, target, {
    ...options,
    ...(kind.sizing === undefined ? {} : { replicas: kind.sizing.replicas(primary) }),
    ...(copied === undefined ? {} : { tracked: copied.tracked }),
  });
  const version = primary.metadata.resourceVersion;
  const fenced = version === undefined ? body : { ...body, metadata: { ...body.metadata, resourceVersion: version } };
  await writePrimary(needed(refs.primary), fenced, kind, options);
}

/**
 * Server-side apply leaves what others added: it goes with a second write, which happens only then. What the cluster itself makes of what
 * we wrote is no change of anybody's, and is noted as it is.
 */
async function writePrimary(ref: ObjectRef, body: RawObject, kind: WorkloadKind, options: ActOptions): Promise<void> {
  const call = { fieldManager: fieldManagers.workload, signal: options.signal };
  let written = await apply(ref, body, fieldManagers.workload, options);
  const patch = kind.withoutOthers?.(body, written);
  if (patch !== undefined) written = await options.api.mergePatch(ref, patch, call);
  const noted = body.metadata.annotations?.[annotations.template];
  const made = kind.revisionOfTarget(written);
  if (noted !== undefined && noted !== made) {
    const note = { [annotations.template]: made };
    written = await options.api.mergePatch(ref, { metadata: { annotations: note } }, call);
  }
  options.caches.expect(ref, written);
}

async function route(canary: Canary, traffic: Traffic, options: ActOptions): Promise<void> {
  const router = routerFor(providerOf(canary, options.meshProvider));
  if (router === undefined) return;
  const bodies = router.render(canary, traffic, (ref) => options.caches.get(ref));
  await Promise.all(
    bodies.map((body) => applyNoted(refOf(body, router.watches(canary)), body, fieldManagers.route, options)),
  );
}

async function scale(canary: Canary, ref: ObjectRef, replicas: number, options: ActOptions): Promise<void> {
  const scaling = workloadKindOf(canary.spec.targetRef)?.sizing?.scaled(replicas);
  if (scaling === undefined) return;
  const { patch, ...where } = scaling;
  const call = { ...where, fieldManager: fieldManagers.workload, signal: options.signal };
  options.caches.expect(ref, await options.api.mergePatch(ref, patch, call));
}

async function keepWish(
  ref: ObjectRef,
  { replicas, unlessAutoscaled }: Extract<Action, { kind: "keepWish" }>,
  options: ActOptions,
): Promise<void> {
  const marks =
    unlessAutoscaled === true && (await isAutoscaled(ref, options))
      ? { [annotations.autoscaledReplicas]: String(replicas) }
      : { [annotations.replicas]: String(replicas), [annotations.autoscaledReplicas]: null };
  const patch = { metadata: { annotations: marks } };
  options.caches.expect(
    ref,
    await options.api.mergePatch(ref, patch, { fieldManager: fieldManagers.workload, signal: options.signal }),
  );
}

/** Only onto the version that was decided on: what a stale cache shows may be back to what the primary was made from. */
async function hold(ref: ObjectRef, revision: string, options: ActOptions): Promise<void> {
  const resourceVersion = options.caches.get(ref)?.metadata.resourceVersion;
  const version = resourceVersion === undefined ? {} : { resourceVersion };
  const patch = { metadata: { ...version, annotations: { [annotations.held]: revision } }, spec: { paused: true } };
  options.caches.expect(
    ref,
    await options.api.mergePatch(ref, patch, { fieldManager: fieldManagers.workload, signal: options.signal }),
  );
}

async function unhold(ref: ObjectRef, options: ActOptions): Promise<void> {
  const patch = { metadata: { annotations: { [annotations.held]: null } }, spec: { paused: null } };
  options.caches.expect(
    ref,
    await options.api.mergePatch(ref, patch, { fieldManager: fieldManagers.workload, signal: options.signal }),
  );
}

/** Only onto the version that was decided on: whoever wrote in between is seen first. */
async function writeStatus(canary: Canary, status: CanaryStatus, options: ActOptions): Promise<void> {
  const ref = canaryRef(canary);
  const { name, namespace = "", resourceVersion } = canary.metadata;
  const body: RawObject = {
    apiVersion: canary.apiVersion,
    kind: canary.kind,
    metadata: { name, namespace, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
    status,
  };
  const written = await options.api.apply(canaryResource, body, {
    subresource: "status",
    fieldManager: fieldManagers.status,
    force: true,
    signal: options.signal,
  });
  options.caches.expect(ref, written);
}

async function setFinalizer(canary: Canary, present: boolean, options: ActOptions): Promise<void> {
  const others = (canary.metadata.finalizers ?? []).filter((finalizer) => finalizer !== knownKeys.finalizer);
  const { resourceVersion } = canary.metadata;
  const patch = { metadata: { resourceVersion, finalizers: present ? [...others, knownKeys.finalizer] : others } };
  const written = await options.api.mergePatch(canaryRef(canary), patch, {
    fieldManager: fieldManagers.status,
    signal: options.signal,
  });
  if (present) options.caches.expect(canaryRef(canary), written);
}

/** The number of replicas that the webhook kept when it pinned the field. */
function wishOf(target: RawObject): number | undefined {
  const wish = Number(fieldsOf(target.metadata.annotations)[annotations.replicas] ?? Number.NaN);
  return Number.isInteger(wish) && wish > 0 ? wish : undefined;
}
