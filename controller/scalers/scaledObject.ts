import {
  type Canary,
  definedOnly,
  type Fields,
  fieldsOf,
  itemsOf,
  knownKeys,
  numberOf,
  type RawObject,
  type Resource,
} from "../../api/index.ts";
import { copied, primaryScaler, raised, type ScalerKind } from "./scaler.ts";

const scaledObjectResource: Resource = {
  group: "keda.sh",
  version: "v1alpha1",
  plural: "scaledobjects",
  kind: "ScaledObject",
};
/** What KEDA allows where nothing is stated. */
const defaultMax = 100;

/** The primary's ScaledObject: the source's, with its queries turned to the primary. Annotations come along: they configure KEDA. */
export function primaryScaledObject(canary: Canary, source: RawObject, floor?: number): RawObject {
  const spec = fieldsOf(source["spec"]);
  const bounds = canary.spec.autoscalerRef?.primaryScalerReplicas;
  const max = bounds?.maxReplicas ?? numberOf(spec["maxReplicaCount"]);
  const body = definedOnly({
    ...spec,
    advanced: spec["advanced"] === undefined ? undefined : ownHpaName(fieldsOf(spec["advanced"])),
    minReplicaCount: raised(bounds?.minReplicas ?? numberOf(spec["minReplicaCount"]), max ?? defaultMax, floor),
    maxReplicaCount: max,
    triggers: itemsOf(spec["triggers"]).map((trigger) => primaryTrigger(canary, trigger)),
  });
  return primaryScaler(scaledObjectResource, canary, source, body, copied(source.metadata.annotations));
}

/** KEDA makes an HPA for each ScaledObject; two can't have one name. */
function ownHpaName(advanced: Fields): Fields {
  const config = fieldsOf(advanced["horizontalPodAutoscalerConfig"]);
  const { name } = config;
  return typeof name === "string" && name !== ""
    ? { ...advanced, horizontalPodAutoscalerConfig: { ...config, name: `${name}-primary` } }
    : advanced;
}

/** The Canary's own query for a trigger of this name; without any such queries the target's name in the text becomes the primary's. */
function primaryTrigger(canary: Canary, trigger: Fields): Fields {
  const metadata = fieldsOf(trigger["metadata"]);
  const queries = canary.spec.autoscalerRef?.primaryScalerQueries;
  const query = metadata["query"];
  if (queries !== undefined && Object.keys(queries).length > 0) {
    const own = [trigger["name"], metadata["name"]].find(
      (name) => typeof name === "string" && Object.hasOwn(queries, name),
    );
    return own === undefined ? trigger : { ...trigger, metadata: { ...metadata, query: queries[String(own)] } };
  }
  if (typeof query !== "string") {
    return trigger;
  }
  const name = canary.spec.targetRef.name;
  const anyOfIt = new RegExp(`${name.replaceAll(".", "\\.")}(?:-canary|-primary)?`, "g");
  return { ...trigger, metadata: { ...metadata, query: query.replaceAll(anyOfIt, () => `${name}-primary`) } };
}

export const scaledObject: ScalerKind = {
  resource: scaledObjectResource,
  primary: primaryScaledObject,
  minReplicas: (source) => Math.max(1, numberOf(fieldsOf(source["spec"])["minReplicaCount"]) ?? 1),
  maxReplicas: (source) => numberOf(fieldsOf(source["spec"])["maxReplicaCount"]) ?? defaultMax,
  pausing: {
    isPaused: (source) => source.metadata.annotations?.[knownKeys.kedaPausedReplicas] === "0",
    patch: (paused) => ({ metadata: { annotations: { [knownKeys.kedaPausedReplicas]: paused ? "0" : null } } }),
  },
};
