/** What a cluster concludes about a node that it does not hear of any more. */
import { ApiError, type Client } from "../apiserver/types.ts";
import type { Condition, Node, Pod, Taint } from "./kinds.ts";
import { conditionOf, isFinished, isReady, timestamp } from "./metadata.ts";

const UNREACHABLE = "node.kubernetes.io/unreachable";
const MANAGER = { fieldManager: "kube-controller-manager" };

/** The node's conditions become Unknown, it gets the taints of such nodes, and its pods count as not ready. */
export async function markUnreachable(client: Client, name: string, now: () => Date): Promise<void> {
  const node = client.get("nodes", "", name) as Node | undefined;
  if (node === undefined) return;
  const time = timestamp(now());
  const unknown = (condition: Condition): Condition => ({
    ...condition,
    status: "Unknown",
    lastTransitionTime: time,
    reason: "NodeStatusUnknown",
    message: "Kubelet stopped posting node status.",
  });
  const conditions = (node.status?.conditions ?? []).map(unknown);
  await client.patch("nodes", "", name, "merge", { status: { conditions } }, "status", MANAGER);
  const others = taintsOf(node).filter(({ key }) => key !== UNREACHABLE);
  const taints = [
    ...others,
    { key: UNREACHABLE, effect: "NoSchedule", timeAdded: time },
    { key: UNREACHABLE, effect: "NoExecute", timeAdded: time },
  ];
  await client.patch("nodes", "", name, "merge", { spec: { taints } }, undefined, MANAGER);
  const pods = (client.list("pods") as Pod[]).filter((pod) => pod.spec.nodeName === name && !isFinished(pod));
  for (const pod of pods.filter(isReady)) await markNotReady(client, pod, time);
}

/** The node is heard of again. Its kubelet reports itself and its pods. */
export async function markReachable(client: Client, name: string): Promise<void> {
  const node = client.get("nodes", "", name) as Node | undefined;
  if (node === undefined) return;
  const taints = taintsOf(node).filter(({ key }) => key !== UNREACHABLE);
  const spec = { taints: taints.length === 0 ? null : taints };
  await client.patch("nodes", "", name, "merge", { spec }, undefined, MANAGER);
}

async function markNotReady(client: Client, pod: Pod, time: string): Promise<void> {
  const { namespace = "", name = "", uid } = pod.metadata;
  const before = conditionOf(pod.status?.conditions, "Ready");
  const conditions = (pod.status?.conditions ?? []).map((condition) =>
    condition === before ? { ...condition, status: "False", lastTransitionTime: time } : condition,
  );
  try {
    await client.patch(
      "pods",
      namespace,
      name,
      "merge",
      { metadata: { uid }, status: { conditions } },
      "status",
      MANAGER,
    );
  } catch (error) {
    if (!(error instanceof ApiError) || (error.code !== 404 && error.code !== 409)) throw error;
  }
}

function taintsOf(node: Node): readonly Taint[] {
  return node.spec?.taints ?? [];
}
