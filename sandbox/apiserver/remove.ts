import { attributesOf } from "./attributes.ts";
import { type Call, type Cluster, convertAhead, inVersion, keyOfResource, toStorage } from "./cluster.ts";
import { timestamp } from "./metadata.ts";
import type { DeleteChoices } from "./options.ts";
import { conflict, modifiedMeanwhile, notFound } from "./status.ts";
import { ApiError, clone, type KubeObject, type Resource } from "./types.ts";

/** What a DELETE left behind: the last state of the object, and whether it is still there. */
export interface Removed {
  readonly object: KubeObject;
  readonly gone: boolean;
}

const attempts = 100;

/** DELETE of one object: at once, or marked and left to its finalizers, or (pods) to the node. */
export async function deleteObject(cluster: Cluster, call: Call, choices: DeleteChoices): Promise<Removed> {
  const { resource, namespace, name, version } = call.request;
  for (let attempt = 1; ; attempt += 1) {
    const stored = cluster.store.get(keyOfResource(resource), namespace, name);
    if (stored === undefined) throw notFound(resource, name);
    await convertAhead(resource, [stored], version);
    const attributes = attributesOf(call, choices, "DELETE", undefined, inVersion(resource, stored, version));
    await cluster.admission.mutate(attributes, (object) => object, call.warn);
    checkPreconditions(resource, stored, choices);
    await cluster.admission.validate(attributes, call.warn);
    try {
      const removed = removeOrMark(cluster, call, stored, choices);
      return { ...removed, object: inVersion(resource, removed.object, version) };
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 409) throw error;
      if (attempt >= attempts) throw conflict(resource, name, modifiedMeanwhile);
    }
  }
}

function checkPreconditions(resource: Resource, stored: KubeObject, choices: DeleteChoices): void {
  const { uid, resourceVersion, name = "" } = stored.metadata;
  const subject = { group: resource.group, plural: resource.kind };
  if (choices.uid !== undefined && choices.uid !== uid) {
    const why = `the UID in the precondition (${choices.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`;
    throw conflict(subject, name, why);
  }
  if (choices.resourceVersion !== undefined && choices.resourceVersion !== resourceVersion) {
    const why = `the ResourceVersion in the precondition (${choices.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`;
    throw conflict(subject, name, why);
  }
}

function removeOrMark(cluster: Cluster, call: Call, stored: KubeObject, choices: DeleteChoices): Removed {
  const { resource, namespace, name } = call.request;
  const key = keyOfResource(resource);
  const grace = graceOf(resource, stored, choices);
  const marked = markedForDeletion(resource, stored, choices, grace, cluster.now());
  const version = stored.metadata.resourceVersion ?? "";
  if (staysFor(resource, marked)) {
    if (marked === stored || choices.dryRun) return { object: marked, gone: false };
    return { object: cluster.store.update(key, toStorage(resource, marked), version), gone: false };
  }
  if (!choices.dryRun) cluster.store.delete(key, namespace, name, version);
  return { object: isPod(resource) ? marked : stored, gone: true };
}

function isPod(resource: Resource): boolean {
  return resource.group === "" && resource.plural === "pods";
}

/** True when something still has to happen before the object may go. */
function staysFor(resource: Resource, object: KubeObject): boolean {
  const { finalizers = [], deletionGracePeriodSeconds = 0 } = object.metadata;
  if (finalizers.length > 0) return true;
  if (isNamespace(resource)) return (object["spec"]?.finalizers ?? []).length > 0;
  return deletionGracePeriodSeconds > 0;
}

function isNamespace(resource: Resource): boolean {
  return resource.group === "" && resource.plural === "namespaces";
}

/** Seconds a pod is left to end by itself: none when no node runs it. */
function graceOf(resource: Resource, stored: KubeObject, choices: DeleteChoices): number {
  if (!isPod(resource)) return 0;
  const { spec, status } = stored as { spec?: Record<string, unknown>; status?: Record<string, unknown> };
  if ((spec?.["nodeName"] ?? "") === "") return 0;
  if (status?.["phase"] === "Succeeded" || status?.["phase"] === "Failed") return 0;
  const asked = choices.gracePeriodSeconds ?? (spec?.["terminationGracePeriodSeconds"] as number | undefined) ?? 30;
  return asked < 0 ? 1 : asked;
}

function markedForDeletion(
  resource: Resource,
  stored: KubeObject,
  choices: DeleteChoices,
  grace: number,
  now: Date,
): KubeObject {
  const special = resource.strategy.prepareForDelete?.(stored, now);
  if (special !== undefined) return special;
  const finalizers = finalizersFor(stored.metadata.finalizers ?? [], choices);
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = stored.metadata;
  const sameFinalizers = finalizers.join() === (stored.metadata.finalizers ?? []).join();
  const shorter = deletionTimestamp === undefined || grace < deletionGracePeriodSeconds;
  if (!shorter && sameFinalizers) return stored;
  const object = clone(stored);
  if (finalizers.length > 0) object.metadata.finalizers = finalizers;
  else delete object.metadata.finalizers;
  if (!shorter) return object;
  if (deletionTimestamp === undefined && (object.metadata.generation ?? 0) > 0) {
    object.metadata.generation = (object.metadata.generation ?? 0) + 1;
  }
  object.metadata.deletionTimestamp = timestamp(new Date(now.getTime() + grace * 1000));
  if (isNamespace(resource)) object["status"] = { ...object["status"], phase: "Terminating" };
  else object.metadata.deletionGracePeriodSeconds = grace;
  return object;
}

/** The garbage collector's finalizers follow the propagation policy. */
function finalizersFor(finalizers: readonly string[], choices: DeleteChoices): string[] {
  const others = finalizers.filter((each) => each !== "foregroundDeletion" && each !== "orphan");
  switch (choices.propagation) {
    case "Foreground":
      return [...others, "foregroundDeletion"];
    case "Orphan":
      return [...others, "orphan"];
    case "Background":
      return others;
    case undefined:
      return [...finalizers];
  }
}
