/** The pod of a DaemonSet for one node: its template, tied to the node by affinity, tolerating the node's troubles. Pure. */
import type { KubeObject } from "../apiserver/types.ts";
import type { DaemonSet, Pod } from "./kinds.ts";
import { controllerReference } from "./metadata.ts";

const TEMPLATE_GENERATION = "deprecated.daemonset.template.generation";

const TOLERATED: readonly (readonly [key: string, effect: string])[] = [
  ["not-ready", "NoExecute"],
  ["unreachable", "NoExecute"],
  ["disk-pressure", "NoSchedule"],
  ["memory-pressure", "NoSchedule"],
  ["pid-pressure", "NoSchedule"],
  ["unschedulable", "NoSchedule"],
];

export function daemonPod(set: DaemonSet, node: string, hash: string): KubeObject {
  const { metadata, spec } = set.spec.template;
  const generation = set.metadata.annotations?.[TEMPLATE_GENERATION] ?? String(set.metadata.generation ?? 1);
  const tolerations = TOLERATED.map(([key, effect]) => ({
    key: `node.kubernetes.io/${key}`,
    operator: "Exists",
    effect,
  }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: `${set.metadata.name}-`,
      namespace: set.metadata.namespace ?? "",
      labels: { ...metadata?.labels, "controller-revision-hash": hash, "pod-template-generation": generation },
      ...(metadata?.annotations === undefined ? {} : { annotations: { ...metadata.annotations } }),
      ownerReferences: [controllerReference(set)],
    },
    spec: {
      ...structuredClone(spec),
      affinity: {
        ...spec.affinity,
        nodeAffinity: {
          ...spec.affinity?.["nodeAffinity"],
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: [node] }] }],
          },
        },
      },
      tolerations: [...(spec.tolerations ?? []), ...tolerations],
    },
  };
}

/** The node a pod is on, or is meant for. */
export function nodeOf(pod: Pod): string {
  if (pod.spec.nodeName !== undefined) return pod.spec.nodeName;
  const terms: { matchFields?: { values?: string[] }[] }[] =
    pod.spec.affinity?.["nodeAffinity"]?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  return terms[0]?.matchFields?.[0]?.values?.[0] ?? "";
}
