/** How many pods a rollout may have and must keep, and how a change of size is shared. Pure arithmetic. */
import type { Deployment, IntOrString, ReplicaSet } from "../kinds.ts";

export const DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas";
export const MAX_REPLICAS = "deployment.kubernetes.io/max-replicas";

export function replicasOf(workload: { spec: { replicas?: number } }): number {
  return workload.spec.replicas ?? 1;
}

export function totalReplicas(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + replicasOf(set), 0);
}

export function availableReplicas(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + (set.status?.availableReplicas ?? 0), 0);
}

/** Available pods that will still be there: a status may be older than the size. */
export function remainingAvailable(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + Math.min(set.status?.availableReplicas ?? 0, replicasOf(set)), 0);
}

/** A number, or a percentage of `total`. */
export function scaledValue(value: IntOrString | undefined, total: number, round: (value: number) => number): number {
  if (value === undefined) return 0;
  if (typeof value === "number") return value;
  const percent = /^(\d+)%$/.exec(value);
  return percent === null ? Number(value) || 0 : round((Number(percent[1]) * total) / 100);
}

/** Pods above and below the wanted number that a rolling update may reach. Never both zero: nothing could move. */
export function rollingLimits(deployment: Deployment): { surge: number; unavailable: number } {
  const replicas = replicasOf(deployment);
  if (deployment.spec.strategy?.type === "Recreate") return { surge: 0, unavailable: 0 };
  const rolling = deployment.spec.strategy?.rollingUpdate ?? { maxSurge: "25%", maxUnavailable: "25%" };
  const surge = scaledValue(rolling.maxSurge, replicas, Math.ceil);
  const unavailable = scaledValue(rolling.maxUnavailable, replicas, Math.floor);
  if (surge === 0 && unavailable === 0) return { surge, unavailable: Math.min(1, replicas) };
  return { surge, unavailable: Math.min(unavailable, replicas) };
}

/** The number of pods the new ReplicaSet may have right now. */
export function newSetReplicas(deployment: Deployment, all: readonly ReplicaSet[], current: number): number {
  const wanted = replicasOf(deployment);
  if (deployment.spec.strategy?.type === "Recreate") return wanted;
  const room = wanted + rollingLimits(deployment).surge - totalReplicas(all);
  return room <= 0 ? current : current + Math.min(room, wanted - current);
}

/** Sizes after a scaling in the middle of a rollout: every active ReplicaSet gets its share, the largest the rest. */
export function proportionalSizes(deployment: Deployment, active: readonly ReplicaSet[]): Map<ReplicaSet, number> {
  const wanted = replicasOf(deployment);
  const allowed = wanted > 0 ? wanted + rollingLimits(deployment).surge : 0;
  const missing = allowed - totalReplicas(active);
  const sorted = [...active].sort((a, b) => replicasOf(b) - replicasOf(a) || byAge(a, b) * (missing > 0 ? -1 : 1));
  const sizes = new Map<ReplicaSet, number>();
  let added = 0;
  for (const set of sorted) {
    const share = missing === 0 ? 0 : proportion(set, deployment, missing - added);
    sizes.set(set, replicasOf(set) + share);
    added += share;
  }
  const first = sorted[0];
  if (first !== undefined) sizes.set(first, Math.max(0, (sizes.get(first) ?? 0) + missing - added));
  return sizes;
}

function proportion(set: ReplicaSet, deployment: Deployment, left: number): number {
  const wanted = replicasOf(deployment);
  const annotated = Number(set.metadata.annotations?.[MAX_REPLICAS]) || deployment.status?.replicas || wanted || 1;
  const target = wanted === 0 ? 0 : (replicasOf(set) * (wanted + rollingLimits(deployment).surge)) / annotated;
  const fraction = Math.round(target) - replicasOf(set);
  return left > 0 ? Math.min(fraction, left) : Math.max(fraction, left);
}

/** Oldest first; of the same second by name. */
export function byAge(a: ReplicaSet, b: ReplicaSet): number {
  const older = (a.metadata.creationTimestamp ?? "").localeCompare(b.metadata.creationTimestamp ?? "");
  return older || (a.metadata.name ?? "").localeCompare(b.metadata.name ?? "");
}
