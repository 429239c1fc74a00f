import {
  annotations,
  type Canary,
  type Fields,
  fieldsOf,
  knownKeys,
  ownerReferenceOf,
  primaryTargetName,
  type RawObject,
  type Resource,
  revisionOf,
  textsOf,
} from "../../api/index.ts";

/** One kind of autoscaler of a target. Pure. */
export interface ScalerKind {
  readonly resource: Resource;
  /** The primary's own autoscaler, from the target's, for server-side apply. `floor`: replicas that it must not go below now. */
  primary(canary: Canary, source: RawObject, floor?: number): RawObject;
  /** Replicas a canary has at least: what the autoscaler allows, at least 1. */
  minReplicas(source: RawObject): number;
  /** The most it allows. */
  maxReplicas(source: RawObject): number;
  /** Of kinds that bring an emptied target back up: how they are told to leave it alone. */
  readonly pausing?: {
    isPaused(source: RawObject): boolean;
    /** A merge patch. */
    patch(paused: boolean): object;
  };
}

/** Name of the primary's autoscaler. */
export function primaryScalerName(canary: Canary): string {
  return `${canary.spec.autoscalerRef?.name ?? ""}-primary`;
}

/** Keys that say how the source was applied or what it is told now: no business of a copy. */
const sourceOnly: ReadonlySet<string> = new Set([
  knownKeys.lastApplied,
  knownKeys.kedaPausedReplicas,
  // The name of the object it is on, which its own controller writes.
  "scaledobject.keda.sh/name",
]);

export function copied(values: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(textsOf(values)).filter(([key]) => !key.includes("toolkit.fluxcd.io") && !sourceOnly.has(key)),
  );
}

/**
 * The copy, pointed at the primary. It carries the revision of its spec: what the source no longer states has to go from a copy that
 * still holds everything the source states.
 */
export function primaryScaler(
  resource: Resource,
  canary: Canary,
  source: RawObject,
  spec: Fields,
  notes: Readonly<Record<string, string>> = {},
): RawObject {
  const labels = copied(source.metadata.labels);
  const aimed = {
    ...spec,
    scaleTargetRef: { ...fieldsOf(spec["scaleTargetRef"]), name: primaryTargetName(canary) },
  };
  return {
    apiVersion: `${resource.group}/${resource.version}`,
    kind: resource.kind,
    metadata: {
      name: primaryScalerName(canary),
      namespace: canary.metadata.namespace ?? "",
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
      annotations: { ...notes, [annotations.revision]: revisionOf(aimed) },
      ownerReferences: [ownerReferenceOf(canary)],
    },
    spec: aimed,
  };
}

/** A bound raised to the floor, as far as the other bound allows. */
export function raised(min: number | undefined, max: number | undefined, floor: number | undefined) {
  if (floor === undefined || floor <= (min ?? 1)) return min;
  return Math.min(floor, max ?? floor);
}
