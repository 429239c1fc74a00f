/** Small pure questions about objects that every controller asks. */
import { selectorOf, selects } from "../apiserver/admission/labels.ts";
import type { KubeObject, OwnerReference } from "../apiserver/types.ts";
import type { Condition, LabelSelector, Pod } from "./kinds.ts";

/** RFC 3339 with whole seconds, as the API server writes times. */
export function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** Key of an object in queues and caches: `namespace/name`; `/name` in no namespace. */
export function keyOfObject(object: KubeObject): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
}

export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf("/");
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The owner that manages this object, if any. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

/** Reference from a dependent to the object that manages it. */
export function controllerReference(owner: KubeObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name ?? "",
    uid: owner.metadata.uid ?? "",
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Whether labels satisfy a selector. An absent selector matches nothing, an empty one everything. */
export function matchesSelector(selector: LabelSelector | undefined, labels: Record<string, string> = {}): boolean {
  return selector !== undefined && selects(selectorOf(selector), labels);
}

export function conditionOf(conditions: Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function isReady(pod: Pod): boolean {
  return conditionOf(pod.status?.conditions, "Ready")?.status === "True";
}

/** A pod that counts: neither finished nor being deleted. */
export function isActive(pod: Pod): boolean {
  return !isFinished(pod) && pod.metadata.deletionTimestamp === undefined;
}

export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

/** Milliseconds until a ready pod counts as available; 0 when it does, undefined while it is not ready. */
export function millisecondsToAvailable(pod: Pod, minReadySeconds: number, now: Date): number | undefined {
  const ready = conditionOf(pod.status?.conditions, "Ready");
  if (ready?.status !== "True") return undefined;
  if (minReadySeconds === 0) return 0;
  const since = Date.parse(ready.lastTransitionTime ?? "");
  return Number.isNaN(since) ? undefined : Math.max(0, since + minReadySeconds * 1000 - now.getTime());
}

/** Drops counters that are zero: the API server leaves them out. `keep` names those that stay. */
export function withoutZeros<T extends object>(status: T, keep: readonly string[]): T {
  const entries = Object.entries(status).filter(
    ([name, value]) => value !== undefined && (value !== 0 || keep.includes(name)),
  );
  return Object.fromEntries(entries) as T;
}
