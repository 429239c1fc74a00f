import { type Canary, type Fit, keyOf, type ObjectRef, type RawObject } from "../../api/index.ts";
import type { Observation } from "../decide/types.ts";
import { scalerKindOf, scalerKinds } from "../scalers/registry.ts";
import { primaryScalerName, type ScalerKind } from "../scalers/scaler.ts";
import { fits } from "../workloads/fits.ts";
import type { WorkloadKind } from "../workloads/workload.ts";
import type { Caches } from "./caches.ts";
import type { Refs } from "./refs.ts";

type Look = Pick<Caches, "get" | "controlledBy">;

/** The source autoscaler and its kind; undefined without one, or while it does not exist. */
export function sourceScaler(
  canary: Canary,
  refs: Refs,
  caches: Pick<Caches, "get">,
): { readonly kind: ScalerKind; readonly source: RawObject } | undefined {
  const kind = scalerKindOf(canary.spec.autoscalerRef);
  const source = refs.scaler === undefined ? undefined : caches.get(refs.scaler);
  return kind === undefined || source === undefined ? undefined : { kind, source };
}

/** Copies of autoscalers that this Canary made under a reference that it no longer has. */
export function strayScalers(
  canary: Canary,
  caches: Look,
): readonly { readonly ref: ObjectRef; readonly object: RawObject }[] {
  const wanted = scalerKindOf(canary.spec.autoscalerRef);
  return scalerKinds.flatMap((kind) =>
    caches
      .controlledBy(kind.resource, keyOf(canary.metadata))
      .filter(({ metadata }) => kind !== wanted || metadata.name !== primaryScalerName(canary))
      .map((object) => ({
        ref: { resource: kind.resource, namespace: object.metadata.namespace ?? "", name: object.metadata.name },
        object,
      })),
  );
}

export function scalerFit(canary: Canary, kind: WorkloadKind | undefined, refs: Refs, caches: Look): Fit | "none" {
  const scaler = sourceScaler(canary, refs, caches);
  // A scaler that is named but does not exist (yet) is nothing to copy; it is made the moment the source appears.
  if (scaler === undefined || refs.primaryScaler === undefined) return "none";
  const wanted = scaler.kind.primary(canary, scaler.source, primaryFloor(canary, kind, refs, caches));
  return fits(caches.get(refs.primaryScaler), wanted);
}

/** What decide has to know of the autoscalers beside whether the copy fits. */
export function scalerFacts(
  canary: Canary,
  kind: WorkloadKind | undefined,
  refs: Refs,
  caches: Look,
): Pick<Observation, "sourceScaler" | "missingScaler" | "strayScalers" | "primaryFloor"> {
  const scaler = sourceScaler(canary, refs, caches);
  const floor = primaryFloor(canary, kind, refs, caches);
  const { autoscalerRef } = canary.spec;
  const pausing = scaler?.kind.pausing;
  return {
    ...(scaler === undefined || pausing === undefined
      ? {}
      : { sourceScaler: pausing.isPaused(scaler.source) ? "paused" : "running" }),
    ...(autoscalerRef === undefined || scaler !== undefined
      ? {}
      : {
          missingScaler: `${autoscalerRef.kind} ${autoscalerRef.name}.${canary.metadata.namespace ?? ""} does not exist: the primary keeps what it has`,
        }),
    ...(strayScalers(canary, caches).length > 0 ? { strayScalers: true } : {}),
    ...(floor === undefined ? {} : { primaryFloor: floor }),
  };
}

/**
 * While traffic comes back from the canary, the primary's autoscaler has sized it for the share that it had: it gets as many replicas
 * as the canary before everybody comes. Its autoscaler must know too, or it would take them away again.
 */
export function primaryFloor(
  canary: Canary,
  kind: WorkloadKind | undefined,
  refs: Refs,
  caches: Pick<Caches, "get">,
): number | undefined {
  const { phase, canaryWeight = 0 } = canary.status ?? {};
  if (phase !== "Finalising" && !(phase === "Promoting" && canaryWeight > 0)) return undefined;
  const scaler = sourceScaler(canary, refs, caches);
  const target = refs.target === undefined ? undefined : caches.get(refs.target);
  if (scaler === undefined || kind?.sizing === undefined || target === undefined) return undefined;
  const most = canary.spec.autoscalerRef?.primaryScalerReplicas?.maxReplicas ?? scaler.kind.maxReplicas(scaler.source);
  const floor = Math.min(kind.sizing.replicas(target), most);
  return floor > 0 ? floor : undefined;
}

/** Replicas for a canary: as many as the primary has, which is what the traffic needs, within what its autoscaler allows. */
export function canaryReplicas(canary: Canary, kind: WorkloadKind | undefined, refs: Refs, caches: Look): number {
  const primary = refs.primary === undefined ? undefined : caches.get(refs.primary);
  const running = Math.max(1, primary === undefined || kind?.sizing === undefined ? 1 : kind.sizing.replicas(primary));
  const scaler = sourceScaler(canary, refs, caches);
  if (scaler === undefined) return running;
  const least = scaler.kind.minReplicas(scaler.source);
  return Math.max(least, Math.min(running, scaler.kind.maxReplicas(scaler.source)));
}
