/** Deployments: ReplicaSets by revision, rolling and recreating, scaling, pausing, history. */
import { isDeepStrictEqual } from "node:util";
import type { Access } from "../access.ts";
import { DEPLOYMENTS, type Deployment, type DeploymentStatus, REPLICA_SETS, type ReplicaSet } from "../kinds.ts";
import { conditionOf, controllerOf, keyOfObject, matchesSelector, splitKey } from "../metadata.ts";
import { claim } from "../ownership.ts";
import type { KeyQueue } from "../queue.ts";
import { Rollout } from "./rollout.ts";
import { compact, countedStatus, finds, millisecondsToDeadline, withCondition, withProgress } from "./status.ts";

/** Enqueues Deployments for changes of themselves and of their ReplicaSets and pods. */
export function watchDeployments(access: Access, queue: KeyQueue): void {
  const deployments = access.informer<Deployment>(DEPLOYMENTS);
  deployments.listen(({ object }) => queue.add(keyOfObject(object)));
  access.informer<ReplicaSet>(REPLICA_SETS).listen(({ object, old }) => {
    for (const state of old === undefined ? [object] : [object, old]) {
      const owner = controllerOf(state);
      if (owner?.kind === "Deployment") queue.add(`${state.metadata.namespace}/${owner.name}`);
    }
    if (controllerOf(object) !== undefined) return;
    for (const deployment of deployments.list(object.metadata.namespace)) {
      if (matchesSelector(deployment.spec.selector, object.metadata.labels)) queue.add(keyOfObject(deployment));
    }
  });
  // A Deployment that recreates waits for the last old pod to be gone.
  access.informer("pods").listen(({ type, object }) => {
    const owner = controllerOf(object);
    if (type !== "DELETED" || owner?.kind !== "ReplicaSet") return;
    const set = access.informer(REPLICA_SETS).get(object.metadata.namespace ?? "", owner.name);
    const deployment = set === undefined ? undefined : controllerOf(set);
    if (deployment !== undefined) queue.add(`${object.metadata.namespace}/${deployment.name}`);
  });
}

/** One look at one Deployment. */
export async function syncDeployment(access: Access, key: string): Promise<number | undefined> {
  const { namespace, name } = splitKey(key);
  const deployment = access.informer<Deployment>(DEPLOYMENTS).get(namespace, name);
  if (deployment === undefined) return undefined;
  const sets = await claim<ReplicaSet>(access, REPLICA_SETS, deployment, deployment.spec.selector);
  const rollout = new Rollout(access, deployment, sets);
  if (deployment.metadata.deletionTimestamp !== undefined) {
    return report(access, rollout, { progress: false });
  }
  if (await notePause(access, rollout)) return 0;
  if (deployment.spec.paused === true || rollout.isScaling()) {
    await rollout.findNewSet({ create: false });
    await rollout.scale();
    if (deployment.spec.paused === true) await rollout.cleanUp();
    return report(access, rollout, { progress: false });
  }
  const done = deployment.spec.strategy?.type === "Recreate" ? await rollout.recreate() : await rollout.roll();
  if (done) await rollout.cleanUp();
  return report(access, rollout, { progress: true });
}

/** Writes down that the Deployment was paused or resumed. True when it had to be written. */
async function notePause(access: Access, rollout: Rollout): Promise<boolean> {
  const { deployment } = rollout;
  if (deployment.spec.progressDeadlineSeconds === undefined) return false;
  const conditions = deployment.status?.conditions ?? [];
  const current = conditionOf(conditions, "Progressing");
  if (current?.reason === "ProgressDeadlineExceeded") return false;
  const paused = deployment.spec.paused === true;
  if (paused === (current?.reason === "DeploymentPaused")) return false;
  const finding = paused
    ? finds("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused")
    : finds("Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed");
  const status = { ...deployment.status, conditions: withCondition(conditions, finding, access.now()) };
  await access.update<Deployment>(DEPLOYMENTS, { ...deployment, status }, "status");
  return true;
}

/** Writes the status when it changed. Answers when to look again for the progress deadline. */
async function report(access: Access, rollout: Rollout, options: { progress: boolean }): Promise<number | undefined> {
  const { deployment, all, newSet } = rollout;
  const now = access.now();
  const counted = countedStatus(deployment, all, newSet, now);
  const status: DeploymentStatus = compact(
    options.progress ? withProgress(deployment, counted, all, newSet, now) : counted,
  );
  if (!isDeepStrictEqual(status, deployment.status ?? {})) {
    await access.update<Deployment>(DEPLOYMENTS, { ...deployment, status }, "status");
  }
  const left = millisecondsToDeadline(deployment, status, now);
  // A second more than the deadline: times are stored in whole seconds.
  return left === undefined ? undefined : Math.max(left, 0) + 1000;
}
