/** What a Deployment's status says about its ReplicaSets. Pure: the time is an argument. */
import type { Condition, Deployment, DeploymentStatus, ReplicaSet } from "../kinds.ts";
import { conditionOf, timestamp, withoutZeros } from "../metadata.ts";
import { availableReplicas, replicasOf, rollingLimits, totalReplicas } from "./sizes.ts";

/** A condition before its times are known. */
export interface Finding {
  readonly type: string;
  readonly status: Condition["status"];
  readonly reason: string;
  readonly message: string;
}

/** Puts a finding among the conditions. Nothing changes while status and reason stay the same. */
export function withCondition(conditions: readonly Condition[], finding: Finding, now: Date): Condition[] {
  const before = conditions.find(({ type }) => type === finding.type);
  if (before?.status === finding.status && before.reason === finding.reason) return [...conditions];
  return [...conditions.filter(({ type }) => type !== finding.type), dated(finding, before, now)];
}

function dated(finding: Finding, before: Condition | undefined, now: Date): Condition {
  const lastUpdateTime = timestamp(now);
  const unchanged = before?.status === finding.status ? before.lastTransitionTime : undefined;
  const { type, status, reason, message } = finding;
  return { type, status, lastUpdateTime, lastTransitionTime: unchanged ?? lastUpdateTime, reason, message };
}

/** Counters and the Available condition. */
export function countedStatus(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  newSet: ReplicaSet | undefined,
  now: Date,
): DeploymentStatus {
  const available = availableReplicas(all);
  const sum = (count: (set: ReplicaSet) => number | undefined): number =>
    all.reduce((total, set) => total + (count(set) ?? 0), 0);
  const minimum = replicasOf(deployment) - rollingLimits(deployment).unavailable;
  const finding: Finding =
    available >= minimum
      ? finds("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
      : finds("Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.");
  const collisions = deployment.status?.collisionCount;
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: sum((set) => set.status?.replicas),
    updatedReplicas: newSet?.status?.replicas ?? 0,
    readyReplicas: sum((set) => set.status?.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, totalReplicas(all) - available),
    terminatingReplicas: sum((set) => set.status?.terminatingReplicas),
    conditions: withCondition(deployment.status?.conditions ?? [], finding, now),
    ...(collisions === undefined ? {} : { collisionCount: collisions }),
  };
}

/** Adds the Progressing and ReplicaFailure conditions to a status, as a rollout (and not a mere scaling) reports it. */
export function withProgress(
  deployment: Deployment,
  status: DeploymentStatus,
  all: readonly ReplicaSet[],
  newSet: ReplicaSet | undefined,
  now: Date,
): DeploymentStatus {
  const current = conditionOf(status.conditions, "Progressing");
  let conditions = status.conditions ?? [];
  if (deployment.spec.progressDeadlineSeconds === undefined) {
    conditions = conditions.filter(({ type }) => type !== "Progressing");
  } else if (!(status.replicas === status.updatedReplicas && current?.reason === "NewReplicaSetAvailable")) {
    conditions = judgeProgress(deployment, status, newSet, now);
  }
  const failure = all.map((set) => conditionOf(set.status?.conditions, "ReplicaFailure")).find((found) => found);
  if (failure === undefined)
    return { ...status, conditions: conditions.filter(({ type }) => type !== "ReplicaFailure") };
  const { status: truth, reason = "", message = "" } = failure;
  return { ...status, conditions: withCondition(conditions, finds("ReplicaFailure", truth, reason, message), now) };
}

function judgeProgress(
  deployment: Deployment,
  status: DeploymentStatus,
  newSet: ReplicaSet | undefined,
  now: Date,
): Condition[] {
  const conditions = status.conditions ?? [];
  const subject = newSet ? `ReplicaSet "${newSet.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  if (isComplete(deployment, status)) {
    const message = `${subject} has successfully progressed.`;
    return withCondition(conditions, finds("Progressing", "True", "NewReplicaSetAvailable", message), now);
  }
  if (hasProgressed(deployment.status ?? {}, status)) {
    const current = conditionOf(conditions, "Progressing");
    const message = `${subject} is progressing.`;
    const condition = dated(finds("Progressing", "True", "ReplicaSetUpdated", message), current, now);
    return [...conditions.filter(({ type }) => type !== "Progressing"), condition];
  }
  if ((millisecondsToDeadline(deployment, status, now) ?? 1) <= 0) {
    const message = `${subject} has timed out progressing.`;
    return withCondition(conditions, finds("Progressing", "False", "ProgressDeadlineExceeded", message), now);
  }
  return conditions;
}

/** All wanted pods are of the new revision and available, and no others are left. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = replicasOf(deployment);
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

function hasProgressed(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(after) < old(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

/** Milliseconds until the rollout counts as stuck; 0 or less when it is, undefined when no deadline runs. */
export function millisecondsToDeadline(
  deployment: Deployment,
  status: DeploymentStatus,
  now: Date,
): number | undefined {
  const seconds = deployment.spec.progressDeadlineSeconds;
  const condition = conditionOf(status.conditions, "Progressing");
  if (seconds === undefined || condition === undefined || deployment.spec.paused === true) return undefined;
  if (condition.reason === "NewReplicaSetAvailable" || condition.reason === "ProgressDeadlineExceeded")
    return undefined;
  return Date.parse(condition.lastUpdateTime ?? "") + seconds * 1000 - now.getTime();
}

/** Without the counters that are zero, as the API server stores them. */
export function compact(status: DeploymentStatus): DeploymentStatus {
  return withoutZeros(status, ["terminatingReplicas"]);
}

export function finds(type: string, status: Condition["status"], reason: string, message: string): Finding {
  return { type, status, reason, message };
}
