/** Which ReplicaSet is of which revision, and the annotations that say so. Pure. */
import { isDeepStrictEqual } from "node:util";
import type { Deployment, PodTemplate, ReplicaSet } from "../kinds.ts";
import { byAge, DESIRED_REPLICAS, MAX_REPLICAS, replicasOf, rollingLimits } from "./sizes.ts";

export const REVISION = "deployment.kubernetes.io/revision";
export const POD_TEMPLATE_HASH = "pod-template-hash";
const REVISION_HISTORY = "deployment.kubernetes.io/revision-history";

/** Annotations of a Deployment that do not go to its ReplicaSets. */
const NOT_COPIED: ReadonlySet<string> = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  "deprecated.deployment.rollback.to",
]);

export function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.[REVISION] ?? 0) || 0;
}

/** The ReplicaSet of the Deployment's template, if there is one; the oldest of several. */
export function findNewSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const wanted = withoutHash(deployment.spec.template);
  return [...sets].sort(byAge).find((set) => isDeepStrictEqual(withoutHash(set.spec.template), wanted));
}

function withoutHash(template: PodTemplate): unknown {
  const { [POD_TEMPLATE_HASH]: _hash, ...labels } = template.metadata?.labels ?? {};
  const annotations = template.metadata?.annotations ?? {};
  return { spec: template.spec, labels, annotations };
}

/** Annotations of the new ReplicaSet: the Deployment's own, its revision, and the revisions it had before. */
export function newSetAnnotations(
  deployment: Deployment,
  existing: ReplicaSet | undefined,
  revision: number,
): Record<string, string> {
  const annotations: Record<string, string> = { ...existing?.metadata.annotations };
  for (const [name, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!NOT_COPIED.has(name)) annotations[name] = value;
  }
  const before = Number(annotations[REVISION] ?? 0) || 0;
  if (before < revision) {
    annotations[REVISION] = String(revision);
    if (before > 0) {
      const history = annotations[REVISION_HISTORY];
      annotations[REVISION_HISTORY] = history === undefined ? String(before) : `${history},${before}`;
    }
  }
  return existing === undefined ? { ...annotations, ...sizeAnnotations(deployment) } : annotations;
}

/** What a ReplicaSet remembers of the Deployment's size, for proportional scaling. */
export function sizeAnnotations(deployment: Deployment): Record<string, string> {
  const desired = replicasOf(deployment);
  return { [DESIRED_REPLICAS]: String(desired), [MAX_REPLICAS]: String(desired + rollingLimits(deployment).surge) };
}
