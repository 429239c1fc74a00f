/** ReplicaSets: as many pods of one template as asked for, the least useful ones deleted first. */
import { isDeepStrictEqual } from "node:util";
import { ApiError } from "../apiserver/types.ts";
import type { Access } from "./access.ts";
import { deletionOrder } from "./deletionOrder.ts";
import { type Condition, type Pod, REPLICA_SETS, type ReplicaSet, type ReplicaSetStatus } from "./kinds.ts";
import {
  conditionOf,
  controllerOf,
  controllerReference,
  isActive,
  isFinished,
  isReady,
  keyOfObject,
  matchesSelector,
  millisecondsToAvailable,
  splitKey,
  timestamp,
  withoutZeros,
} from "./metadata.ts";
import { claim } from "./ownership.ts";
import type { KeyQueue } from "./queue.ts";

/** Most pods that one sync creates or deletes. */
const BURST = 500;

/** Enqueues ReplicaSets for changes of themselves and of their pods; orphans go to whoever selects them. */
export function watchReplicaSets(access: Access, queue: KeyQueue): void {
  const sets = access.informer<ReplicaSet>(REPLICA_SETS);
  sets.listen(({ object }) => queue.add(keyOfObject(object)));
  access.informer<Pod>("pods").listen(({ object, old }) => {
    for (const state of old === undefined ? [object] : [object, old]) {
      const owner = controllerOf(state);
      if (owner?.kind === "ReplicaSet") queue.add(`${state.metadata.namespace}/${owner.name}`);
    }
    if (controllerOf(object) !== undefined) return;
    for (const set of sets.list(object.metadata.namespace)) {
      if (matchesSelector(set.spec.selector, object.metadata.labels)) queue.add(keyOfObject(set));
    }
  });
}

/** One look at one ReplicaSet. */
export async function syncReplicaSet(access: Access, key: string): Promise<number | undefined> {
  const { namespace, name } = splitKey(key);
  const set = access.informer<ReplicaSet>(REPLICA_SETS).get(namespace, name);
  if (set === undefined) return undefined;
  const pods = await claim<Pod>(access, "pods", set, set.spec.selector);
  const active = pods.filter(isActive);
  let failure: unknown;
  if (set.metadata.deletionTimestamp === undefined) failure = await resize(access, set, active);
  const current = access.informer<ReplicaSet>(REPLICA_SETS).get(namespace, name);
  if (current === undefined) return undefined;
  const owned = access
    .informer<Pod>("pods")
    .ownedBy(set.metadata.uid)
    .filter(
      (pod) => controllerOf(pod)?.uid === set.metadata.uid && matchesSelector(set.spec.selector, pod.metadata.labels),
    );
  const status = statusOf(current, owned, failure, access.now());
  if (!isDeepStrictEqual(status, current.status ?? {})) {
    await access.update<ReplicaSet>(REPLICA_SETS, { ...current, status }, "status");
  }
  if (failure !== undefined) throw failure;
  return nextAvailability(set, owned, access.now());
}

/** Creates or deletes pods. Answers with the error that stopped it. */
async function resize(access: Access, set: ReplicaSet, active: readonly Pod[]): Promise<unknown> {
  const difference = (set.spec.replicas ?? 1) - active.length;
  try {
    if (difference > 0) await createPods(access, set, Math.min(difference, BURST));
    if (difference < 0) {
      const related = relatedPods(access, set);
      for (const pod of deletionOrder(active, related, access.now()).slice(0, Math.min(-difference, BURST))) {
        await access.remove("pods", pod);
        access.events.record(set, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
      }
    }
  } catch (error) {
    return error;
  }
  return undefined;
}

/** In batches that double while they succeed, so that a refusal costs one request and not hundreds. */
async function createPods(access: Access, set: ReplicaSet, count: number): Promise<void> {
  let left = count;
  for (let batch = 1; left > 0; batch *= 2) {
    const size = Math.min(batch, left);
    const results = await Promise.allSettled(Array.from({ length: size }, () => createPod(access, set)));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    left -= size;
  }
}

async function createPod(access: Access, set: ReplicaSet): Promise<void> {
  const { labels, annotations } = set.spec.template.metadata ?? {};
  try {
    const pod = await access.create<Pod>("pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        generateName: `${set.metadata.name}-`,
        namespace: set.metadata.namespace ?? "",
        ...(labels === undefined ? {} : { labels: { ...labels } }),
        ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
        ownerReferences: [controllerReference(set)],
      },
      spec: structuredClone(set.spec.template.spec),
    });
    access.events.record(set, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
  } catch (error) {
    // A namespace on its way out refuses pods; nobody needs to be told.
    const terminating = error instanceof ApiError && error.details?.causes?.[0]?.reason === "NamespaceTerminating";
    const message = error instanceof Error ? error.message : String(error);
    if (!terminating) access.events.record(set, "Warning", "FailedCreate", `Error creating: ${message}`);
    throw error;
  }
}

/** Active pods of all ReplicaSets of the same owner: a node that holds many of them loses one first. */
function relatedPods(access: Access, set: ReplicaSet): Pod[] {
  const owner = controllerOf(set)?.uid;
  const sets = owner === undefined ? [set] : access.informer<ReplicaSet>(REPLICA_SETS).ownedBy(owner);
  return sets.flatMap(({ metadata }) => access.informer<Pod>("pods").ownedBy(metadata.uid)).filter(isActive);
}

function statusOf(set: ReplicaSet, pods: readonly Pod[], failure: unknown, now: Date): ReplicaSetStatus {
  const active = pods.filter(isActive);
  const wanted = { matchLabels: set.spec.template.metadata?.labels ?? {} };
  const available = active.filter((pod) => millisecondsToAvailable(pod, set.spec.minReadySeconds ?? 0, now) === 0);
  const conditions = conditionsOf(set, active.length, failure, now);
  return withoutZeros<ReplicaSetStatus>(
    {
      replicas: active.length,
      fullyLabeledReplicas: active.filter((pod) => matchesSelector(wanted, pod.metadata.labels)).length,
      readyReplicas: active.filter(isReady).length,
      availableReplicas: available.length,
      terminatingReplicas: pods.filter((pod) => !isFinished(pod) && pod.metadata.deletionTimestamp !== undefined)
        .length,
      observedGeneration: set.metadata.generation ?? 0,
      ...(conditions.length === 0 ? {} : { conditions }),
    },
    ["replicas", "terminatingReplicas"],
  );
}

function conditionsOf(set: ReplicaSet, active: number, failure: unknown, now: Date): Condition[] {
  const before = set.status?.conditions ?? [];
  const others = before.filter(({ type }) => type !== "ReplicaFailure");
  if (failure === undefined) return others;
  const standing = conditionOf(before, "ReplicaFailure");
  if (standing !== undefined) return before;
  const reason = active < (set.spec.replicas ?? 1) ? "FailedCreate" : "FailedDelete";
  const message = failure instanceof Error ? failure.message : String(failure);
  return [...others, { type: "ReplicaFailure", status: "True", lastTransitionTime: timestamp(now), reason, message }];
}

function nextAvailability(set: ReplicaSet, pods: readonly Pod[], now: Date): number | undefined {
  const waits = pods
    .filter(isActive)
    .map((pod) => millisecondsToAvailable(pod, set.spec.minReadySeconds ?? 0, now) ?? 0)
    .filter((milliseconds) => milliseconds > 0);
  return waits.length === 0 ? undefined : Math.min(...waits);
}
