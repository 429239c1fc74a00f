import { type Fields, fieldsOf, itemsOf, numberOf, type RawObject } from "../../api/index.ts";

/**
 * What keeps pods from serving, in Kubernetes' own words, first the reason. The same trouble always gives the same text, so that it is
 * told once: names of pods, times to wait and the turns of a reason (ErrImagePull, ImagePullBackOff) are left out.
 */
export function podTrouble(pods: readonly RawObject[]): string | undefined {
  const troubles = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(troubleOf);
  return troubles.filter((trouble) => trouble !== undefined).sort()[0];
}

/** Why pods are not even made, for instance because of a quota; from the status of a Deployment. */
export function creationTrouble(workload: RawObject): string | undefined {
  const failure = conditionOf(workload, "ReplicaFailure");
  if (failure?.["status"] !== "True") return undefined;
  return `${failure["reason"]}: ${String(failure["message"] ?? "").replace(/^pods "[^"]*" is /, "")}`;
}

/** Labels of the pods of a workload, as a selector in words; undefined for kinds that name none. One of the labels tells target and primary apart. */
export function podSelector(workload: RawObject): string | undefined {
  const labels = Object.entries(fieldsOf(fieldsOf(fieldsOf(workload["spec"])["selector"])["matchLabels"]));
  return labels.length === 0 ? undefined : labels.map(([key, value]) => `${key}=${value}`).join(",");
}

function troubleOf(pod: RawObject): string | undefined {
  const scheduled = conditionOf(pod, "PodScheduled");
  if (scheduled?.["status"] === "False") return `${scheduled["reason"]}: ${scheduled["message"] ?? ""}`;
  const status = fieldsOf(pod["status"]);
  const containers = [...itemsOf(status["initContainerStatuses"]), ...itemsOf(status["containerStatuses"])];
  return containers.map(containerTrouble).find((trouble) => trouble !== undefined);
}

/** A container that has only begun is in no trouble. */
const beginning = new Set(["ContainerCreating", "PodInitializing"]);
const pulling = new Set(["ErrImagePull", "ImagePullBackOff"]);

function containerTrouble(container: Fields): string | undefined {
  const { name, ready, image, state, lastState, restartCount } = container;
  const waiting = fieldsOf(fieldsOf(state)["waiting"]);
  const reason = waiting["reason"];
  const ended = fieldsOf(lastState)["terminated"];
  if (ready === true) return undefined;
  if (typeof reason === "string" && pulling.has(reason))
    return `ImagePullBackOff: container ${name} cannot pull ${image}`;
  if ((numberOf(restartCount) ?? 0) > 0 && ended !== undefined) {
    const { exitCode, reason: why } = fieldsOf(ended);
    return `CrashLoopBackOff: container ${name} exits with code ${exitCode} (${why})`;
  }
  if (typeof reason !== "string" || beginning.has(reason)) return undefined;
  return `${reason}: container ${name}${waiting["message"] === undefined ? "" : `: ${waiting["message"]}`}`;
}

function conditionOf(object: RawObject, type: string): Fields | undefined {
  return itemsOf(fieldsOf(object["status"])["conditions"]).find((entry) => entry["type"] === type);
}
