import { type Fields, fieldsOf, itemsOf, numberOf, type RawObject, type Readiness } from "../../api/index.ts";
import type { ReadinessOptions } from "./workload.ts";

/** Whether a Deployment has rolled out, by the known rules; the first that applies gives the text (spec/flagger-core.md §2.8). */
export function deploymentReadiness(deployment: RawObject, options: ReadinessOptions): Readiness {
  const status = fieldsOf(deployment["status"]);
  const generation = deployment.metadata.generation ?? 0;
  if (generation > (numberOf(status["observedGeneration"]) ?? 0)) {
    return { ...waiting("observed deployment generation less than desired generation"), settling: true };
  }
  if (condition(status, "Progressing")?.["reason"] === "ProgressDeadlineExceeded") {
    return { ready: false, why: `deployment "${options.name}" exceeded its progress deadline`, retriable: false };
  }
  const why = unfinished(deployment, status, options.thresholdPercent);
  if (why !== undefined) {
    return withDeadline(why, status, options);
  }
  if (options.mustServe && numberOf(fieldsOf(deployment["spec"])["replicas"]) === 0) {
    return waiting("it is scaled to zero");
  }
  return { ready: true };
}

function unfinished(deployment: RawObject, status: Fields, thresholdPercent: number): string | undefined {
  const wanted = numberOf(fieldsOf(deployment["spec"])["replicas"]);
  const updated = numberOf(status["updatedReplicas"]) ?? 0;
  const total = numberOf(status["replicas"]) ?? 0;
  const available = numberOf(status["availableReplicas"]) ?? 0;
  if (wanted !== undefined && updated < wanted) {
    return `${updated} out of ${wanted} new replicas have been updated`;
  }
  if (total > updated) {
    return `${total - updated} old replicas are pending termination`;
  }
  const need = Math.trunc((updated * thresholdPercent) / 100);
  return available < need
    ? `${available} of ${need} (readyThreshold ${thresholdPercent}%) updated replicas are available`
    : undefined;
}

/** Waiting ends when too few replicas have been available for longer than the deadline, counted from when that was last noted. */
function withDeadline(why: string, status: Fields, options: ReadinessOptions): Readiness {
  const available = condition(status, "Available");
  const short = available?.["status"] === "False" && available["reason"] === "MinimumReplicasUnavailable";
  const since = Date.parse(String(available?.["lastUpdateTime"]));
  if (condition(status, "Progressing") === undefined || !short || Number.isNaN(since)) {
    return waiting(why);
  }
  const deadline = since + options.deadlineSeconds * 1000;
  // A millisecond later: at the deadline itself it is not past yet, and looking again then would find nothing new.
  return options.now > deadline ? { ...waiting(why), retriable: false } : { ...waiting(why), recheckAt: deadline + 1 };
}

/** Whether a DaemonSet runs its template on every node that fits. Its own status knows no deadline: it is counted from the last progress. */
export function daemonSetReadiness(set: RawObject, isParked: boolean, options: ReadinessOptions): Readiness {
  const status = fieldsOf(set["status"]);
  if ((set.metadata.generation ?? 0) > (numberOf(status["observedGeneration"]) ?? 0)) {
    return { ...waiting("observed daemonset generation less than desired generation"), settling: true };
  }
  if (isParked) {
    return options.mustServe ? waiting("it is kept off its nodes") : { ready: true };
  }
  const why = missingPods(status, options.thresholdPercent);
  if (why === undefined) {
    return { ready: true };
  }
  if (options.progressAt === undefined) {
    return waiting(why);
  }
  const deadline = options.progressAt + options.deadlineSeconds * 1000;
  return options.now > deadline
    ? { ready: false, why: `exceeded its progressDeadlineSeconds: ${options.deadlineSeconds}`, retriable: false }
    : { ...waiting(why), recheckAt: deadline + 1 };
}

function missingPods(status: Fields, thresholdPercent: number): string | undefined {
  const wanted = numberOf(status["desiredNumberScheduled"]) ?? 0;
  const updated = numberOf(status["updatedNumberScheduled"]) ?? 0;
  const available = numberOf(status["numberAvailable"]) ?? 0;
  const need = Math.trunc((wanted * thresholdPercent) / 100);
  if (wanted === 0) {
    return "no node fits its pods";
  }
  if (updated < wanted) {
    return `${updated} out of ${wanted} new pods have been updated`;
  }
  return available < need
    ? `${available} of ${need} (readyThreshold ${thresholdPercent}%) updated pods are available`
    : undefined;
}

function waiting(why: string): { ready: false; why: string; retriable: boolean } {
  return { ready: false, why: `waiting for rollout to finish: ${why}`, retriable: true };
}

function condition(status: Fields, type: string): Fields | undefined {
  return itemsOf(status["conditions"]).find((entry) => entry["type"] === type);
}
