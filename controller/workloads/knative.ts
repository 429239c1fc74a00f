import {
  apiVersionOf,
  type Fields,
  fieldsOf,
  itemsOf,
  knativeServiceResource,
  knownKeys,
  newestRevision,
  promotedRevision,
  type RawObject,
  type Readiness,
  type Resource,
  revisionOf,
  targetName,
} from "../../api/index.ts";
import { templateOf } from "./primary.ts";
import type { ReadinessOptions, WorkloadKind } from "./workload.ts";

const revisions: Resource = { ...knativeServiceResource, plural: "revisions", kind: "Revision" };

/**
 * A Service of Knative is target and primary in one: Knative makes an immutable Revision of every change, the newest is the canary, and an
 * annotation names the one that is the primary. What is released is that Revision, by its name.
 */
export const knativeService: WorkloadKind = {
  resource: knativeServiceResource,
  obstacle: (target) =>
    newestRevision(target) === undefined
      ? `Service ${target.metadata.name}.${target.metadata.namespace ?? ""} has no revision yet`
      : undefined,
  primaryName: targetName,
  primary: (_canary, target) => {
    const newest = newestRevision(target) ?? "";
    const traffic = trafficTo(newest, target);
    return {
      apiVersion: apiVersionOf(knativeServiceResource),
      kind: knativeServiceResource.kind,
      metadata: {
        name: target.metadata.name,
        namespace: target.metadata.namespace ?? "",
        annotations: { [knownKeys.primaryRevision]: newest },
      },
      ...(traffic === undefined ? {} : { spec: { traffic } }),
    };
  },
  revisionOfTarget: (target) => revisionOf(newestRevision(target) ?? ""),
  revisionOfPrimary: (primary) => {
    const name = promotedRevision(primary);
    return name === undefined ? undefined : revisionOf(name);
  },
  stamp: (target) => revisionOf(templateOf(target)),
  teller: (workload, side) => {
    const name = side === "target" ? newestRevision(workload) : promotedRevision(workload);
    return name === undefined ? undefined : { resource: revisions, namespace: workload.metadata.namespace ?? "", name };
  },
  // One without pods is ready too: it gets them with the first request.
  available: (revision) => (readyCondition(revision)?.["status"] === "True" ? 1 : 0),
  readiness,
};

/**
 * The split as it is, with the primary's share given to another revision: in one write with the annotation, so that they never name two.
 * Undefined before the first split.
 */
function trafficTo(revisionName: string, target: RawObject): readonly Fields[] | undefined {
  const promoted = promotedRevision(target);
  const entries = itemsOf(fieldsOf(target["spec"])["traffic"]);
  const isPrimary = (entry: Fields): boolean => promoted !== undefined && entry["revisionName"] === promoted;
  return entries.some(isPrimary)
    ? entries.map((entry) => (isPrimary(entry) ? { ...entry, revisionName } : entry))
    : undefined;
}

/** Knative's own word on the Revision. It may be taken back, so only the deadline of the Canary ends the wait. */
function readiness(revision: RawObject, { now, progressAt, deadlineSeconds }: ReadinessOptions): Readiness {
  const condition = readyCondition(revision);
  if (condition?.["status"] === "True") return { ready: true };
  const said = [condition?.["reason"], condition?.["message"]].filter(
    (text) => typeof text === "string" && text !== "",
  );
  const what = `revision ${revision.metadata.name} is not ready`;
  const why = `waiting for rollout to finish: ${[what, ...said].join(": ")}`;
  const deadline = (progressAt ?? now) + deadlineSeconds * 1000;
  return now > deadline
    ? { ready: false, why, retriable: false }
    : { ready: false, why, retriable: true, recheckAt: deadline + 1 };
}

function readyCondition(revision: RawObject): Fields | undefined {
  return itemsOf(fieldsOf(revision["status"])["conditions"]).find(({ type }) => type === "Ready");
}
