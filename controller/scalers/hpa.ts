import { type Canary, definedOnly, fieldsOf, numberOf, type RawObject, type Resource } from "../../api/index.ts";
import { primaryScaler, raised, type ScalerKind } from "./scaler.ts";

/** Read and written as v2 whatever `autoscalerRef.apiVersion` says: the API server converts, and older versions lose metrics. */
const hpaResource: Resource = {
  group: "autoscaling",
  version: "v2",
  plural: "horizontalpodautoscalers",
  kind: "HorizontalPodAutoscaler",
};

/**
 * The primary's autoscaler: the source's spec pointed at the primary, with the Canary's own bounds where given. Labels come along but for
 * those of GitOps tools; annotations stay with the source, because they say how the source was applied.
 */
export function primaryHpa(canary: Canary, source: RawObject, floor?: number): RawObject {
  const spec = fieldsOf(source["spec"]);
  const bounds = canary.spec.autoscalerRef?.primaryScalerReplicas;
  const maxReplicas = bounds?.maxReplicas ?? numberOf(spec["maxReplicas"]);
  const minReplicas = raised(bounds?.minReplicas ?? numberOf(spec["minReplicas"]), maxReplicas, floor);
  return primaryScaler(hpaResource, canary, source, definedOnly({ ...spec, minReplicas, maxReplicas }));
}

/** The least replicas the autoscaler keeps, at least 1. */
export function minReplicasOf(source: RawObject): number {
  return Math.max(1, numberOf(fieldsOf(source["spec"])["minReplicas"]) ?? 1);
}

export const horizontalPodAutoscaler: ScalerKind = {
  resource: hpaResource,
  primary: primaryHpa,
  minReplicas: minReplicasOf,
  maxReplicas: (source) => numberOf(fieldsOf(source["spec"])["maxReplicas"]) ?? 1,
};
