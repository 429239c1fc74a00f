import type { Canary, RawObject, Resource } from "../../api/index.ts";

/** One kind of autoscaler of a target. Pure. */
export interface ScalerKind {
  readonly resource: Resource;
  /** The primary's own autoscaler, from the target's, for server-side apply. */
  primary(canary: Canary, source: RawObject): RawObject;
  /** Replicas a canary starts with: the least the autoscaler allows, at least 1. */
  minReplicas(source: RawObject): number;
}

/** Name of the primary's autoscaler. */
export function primaryScalerName(canary: Canary): string {
  return `${canary.spec.autoscalerRef?.name ?? ""}-primary`;
}
