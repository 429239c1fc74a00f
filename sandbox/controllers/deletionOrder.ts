/** Which pods a ReplicaSet gives up first. Pure. */

import type { Pod } from "./kinds.ts";
import { conditionOf, isReady } from "./metadata.ts";

const DELETION_COST = "controller.kubernetes.io/pod-deletion-cost";

/**
 * Sorted so that the first is the least useful: unassigned before assigned, pending before running, unready before ready, low
 * deletion cost, on a node with many siblings, ready for a shorter time (in powers of two), restarted more often, younger.
 */
export function deletionOrder(pods: readonly Pod[], related: readonly Pod[], now: Date): Pod[] {
  const perNode = new Map<string, number>();
  for (const { spec } of related) perNode.set(spec.nodeName ?? "", (perNode.get(spec.nodeName ?? "") ?? 0) + 1);
  const ranks = new Map(pods.map((pod) => [pod, rank(pod, perNode.get(pod.spec.nodeName ?? "") ?? 0, now)]));
  return [...pods].sort((a, b) => {
    const left = ranks.get(a) ?? [];
    const right = ranks.get(b) ?? [];
    for (let index = 0; index < left.length; index += 1) {
      const difference = (left[index] ?? 0) - (right[index] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  });
}

/** Numbers to compare one after the other; smaller goes first. */
function rank(pod: Pod, siblings: number, now: Date): number[] {
  const phase = pod.status?.phase;
  const readySince = Date.parse(conditionOf(pod.status?.conditions, "Ready")?.lastTransitionTime ?? "");
  const readySeconds = isReady(pod) && !Number.isNaN(readySince) ? (now.getTime() - readySince) / 1000 : 0;
  const restarts = (pod.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount);
  return [
    pod.spec.nodeName === undefined ? 0 : 1,
    phase === "Pending" || phase === undefined ? 0 : phase === "Unknown" ? 1 : 2,
    isReady(pod) ? 1 : 0,
    Number(pod.metadata.annotations?.[DELETION_COST] ?? 0) || 0,
    -siblings,
    Math.floor(Math.log2(Math.max(readySeconds, 1))),
    -Math.max(0, ...restarts),
    -(Date.parse(pod.metadata.creationTimestamp ?? "") || 0),
  ];
}
