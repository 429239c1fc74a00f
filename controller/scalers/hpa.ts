import {
  type Canary,
  definedOnly,
  type Fields,
  fieldsOf,
  numberOf,
  ownerReferenceOf,
  primaryTargetName,
  type RawObject,
  type Resource,
  textsOf,
} from "../../api/index.ts";
import { primaryScalerName, type ScalerKind } from "./scaler.ts";

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
export function primaryHpa(canary: Canary, source: RawObject): RawObject {
  const spec = fieldsOf(source["spec"]);
  const bounds = canary.spec.autoscalerRef?.primaryScalerReplicas;
  const labels = Object.entries(textsOf(source.metadata.labels)).filter(([key]) => !key.includes("toolkit.fluxcd.io"));
  return {
    apiVersion: "autoscaling/v2",
    kind: hpaResource.kind,
    metadata: {
      name: primaryScalerName(canary),
      namespace: canary.metadata.namespace ?? "",
      ...(labels.length > 0 ? { labels: Object.fromEntries(labels) } : {}),
      ownerReferences: [ownerReferenceOf(canary)],
    },
    spec: definedOnly({
      ...spec,
      scaleTargetRef: primaryTargetRef(canary, fieldsOf(spec["scaleTargetRef"])),
      minReplicas: bounds?.minReplicas ?? spec["minReplicas"],
      maxReplicas: bounds?.maxReplicas ?? spec["maxReplicas"],
    }),
  };
}

function primaryTargetRef(canary: Canary, source: Fields): Fields {
  return { ...source, name: primaryTargetName(canary) };
}

/** The least replicas the autoscaler keeps, at least 1. */
export function minReplicasOf(source: RawObject): number {
  return Math.max(1, numberOf(fieldsOf(source["spec"])["minReplicas"]) ?? 1);
}

export const horizontalPodAutoscaler: ScalerKind = {
  resource: hpaResource,
  primary: primaryHpa,
  minReplicas: minReplicasOf,
};
