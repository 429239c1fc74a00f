/** Binds pending pods to nodes: ready, schedulable, with the labels the pod asks for; the emptiest of them. */
import { ApiError } from "../apiserver/types.ts";
import type { Access } from "./access.ts";
import type { Node, Pod } from "./kinds.ts";
import { conditionOf, isFinished, keyOfObject, matchesSelector, splitKey, timestamp } from "./metadata.ts";
import type { KeyQueue } from "./queue.ts";

/** Enqueues pods without a node, and all of them again when a node changes. */
export function watchPendingPods(access: Access, queue: KeyQueue): void {
  const pods = access.informer<Pod>("pods");
  pods.listen(({ type, object }) => {
    if (type !== "DELETED" && isPending(object)) queue.add(keyOfObject(object));
  });
  access.informer<Node>("nodes").listen(() => {
    for (const pod of pods.list()) if (isPending(pod)) queue.add(keyOfObject(pod));
  });
}

function isPending(pod: Pod): boolean {
  return pod.spec.nodeName === undefined && pod.metadata.deletionTimestamp === undefined && !isFinished(pod);
}

/** Binds one pod, or says in its conditions why that is not possible. */
export async function schedule(access: Access, key: string): Promise<undefined> {
  const { namespace, name } = splitKey(key);
  const pod = access.informer<Pod>("pods").get(namespace, name);
  if (pod === undefined || !isPending(pod)) return undefined;
  const nodes = access.informer<Node>("nodes").list();
  const fitting = nodes.filter((node) => isSchedulable(node) && isWantedBy(pod, node));
  const node = emptiest(fitting, access.informer<Pod>("pods").list());
  if (node === undefined) {
    await reject(access, pod, nodes.length);
    return undefined;
  }
  await bind(access, pod, node);
  access.events.record(pod, "Normal", "Scheduled", `Successfully assigned ${key} to ${node.metadata.name}`);
  return undefined;
}

/** What `pods/binding` does, in one write. */
async function bind(access: Access, pod: Pod, node: Node): Promise<void> {
  const { uid } = pod.metadata;
  try {
    await access.patch("pods", pod, "merge", { metadata: { uid }, spec: { nodeName: node.metadata.name } }, "binding");
  } catch (error) {
    // Gone or bound meanwhile: both are fine.
    if (!(error instanceof ApiError) || (error.code !== 404 && error.code !== 409)) throw error;
  }
}

function isSchedulable(node: Node): boolean {
  const ready = conditionOf(node.status?.conditions, "Ready")?.status === "True";
  return ready && node.spec?.unschedulable !== true && node.metadata.deletionTimestamp === undefined;
}

/** Whether a pod's nodeSelector and required node affinity allow this node. */
export function isWantedBy(pod: Pick<Pod, "spec">, node: Node): boolean {
  if (!matchesSelector({ matchLabels: pod.spec.nodeSelector ?? {} }, node.metadata.labels)) return false;
  const required = pod.spec.affinity?.["nodeAffinity"]?.requiredDuringSchedulingIgnoredDuringExecution;
  const terms: { matchExpressions?: Requirement[]; matchFields?: Requirement[] }[] = required?.nodeSelectorTerms ?? [];
  if (terms.length === 0) return true;
  const fields = { "metadata.name": node.metadata.name ?? "" };
  return terms.some(
    ({ matchExpressions = [], matchFields = [] }) =>
      matchesSelector({ matchExpressions }, node.metadata.labels) &&
      matchesSelector({ matchExpressions: matchFields }, fields),
  );
}

interface Requirement {
  key: string;
  operator: string;
  values?: string[];
}

function emptiest(nodes: readonly Node[], pods: readonly Pod[]): Node | undefined {
  if (nodes.length < 2) return nodes[0];
  const load = new Map<string, number>();
  for (const { spec } of pods) load.set(spec.nodeName ?? "", (load.get(spec.nodeName ?? "") ?? 0) + 1);
  const loadOf = (node: Node): number => load.get(node.metadata.name ?? "") ?? 0;
  return nodes.reduce((best, node) => (loadOf(node) < loadOf(best) ? node : best));
}

async function reject(access: Access, pod: Pod, nodes: number): Promise<void> {
  const message =
    nodes === 0
      ? "no nodes available to schedule pods"
      : `0/${nodes} nodes are available: ${nodes} node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/${nodes} nodes are available: ${nodes} Preemption is not helpful for scheduling.`;
  const before = conditionOf(pod.status?.conditions, "PodScheduled");
  if (before?.reason === "Unschedulable" && before.message === message) return;
  const condition = {
    type: "PodScheduled",
    status: "False",
    lastProbeTime: null,
    lastTransitionTime: before?.lastTransitionTime ?? timestamp(access.now()),
    reason: "Unschedulable",
    message,
  };
  const conditions = [...(pod.status?.conditions ?? []).filter(({ type }) => type !== "PodScheduled"), condition];
  await access.patch("pods", pod, "merge", { status: { conditions } }, "status");
  access.events.record(pod, "Warning", "FailedScheduling", message);
}
