/** One Deployment with its ReplicaSets, and the moves that bring them towards what it asks for. */
import { isDeepStrictEqual } from "node:util";
import { ApiError } from "../../apiserver/types.ts";
import type { Access } from "../access.ts";
import { DEPLOYMENTS, type Deployment, type Pod, REPLICA_SETS, type ReplicaSet } from "../kinds.ts";
import { conditionOf, controllerReference, isFinished } from "../metadata.ts";
import { templateHash } from "../templateHash.ts";
import {
  findNewSet,
  newSetAnnotations,
  POD_TEMPLATE_HASH,
  REVISION,
  revisionOf,
  sizeAnnotations,
} from "./revisions.ts";
import {
  byAge,
  DESIRED_REPLICAS,
  newSetReplicas,
  proportionalSizes,
  remainingAvailable,
  replicasOf,
  rollingLimits,
  totalReplicas,
} from "./sizes.ts";
import { finds, isComplete, withCondition } from "./status.ts";

/** `deployment`, `newSet` and `oldSets` are always the newest states this process has seen. */
export class Rollout {
  deployment: Deployment;
  newSet: ReplicaSet | undefined;
  oldSets: ReplicaSet[];
  readonly #access: Access;

  constructor(access: Access, deployment: Deployment, sets: readonly ReplicaSet[]) {
    this.#access = access;
    this.deployment = deployment;
    this.newSet = findNewSet(deployment, sets);
    this.oldSets = sets.filter((set) => set !== this.newSet).sort(byAge);
  }

  get all(): ReplicaSet[] {
    return this.newSet === undefined ? this.oldSets : [...this.oldSets, this.newSet];
  }

  /** True when an active ReplicaSet remembers another size of the Deployment than it has now. */
  isScaling(): boolean {
    const wanted = String(replicasOf(this.deployment));
    return this.all.some((set) => {
      const desired = set.metadata.annotations?.[DESIRED_REPLICAS];
      return replicasOf(set) > 0 && desired !== undefined && desired !== wanted;
    });
  }

  /** Brings the new ReplicaSet's annotations up to date, or creates it. */
  async findNewSet(options: { create: boolean }): Promise<void> {
    const revision = Math.max(0, ...this.oldSets.map(revisionOf)) + 1;
    if (this.newSet === undefined) {
      if (options.create) await this.#createNewSet(revision);
      return;
    }
    const annotations = newSetAnnotations(this.deployment, this.newSet, revision);
    const minReadySeconds = this.deployment.spec.minReadySeconds ?? 0;
    const stale = (this.newSet.spec.minReadySeconds ?? 0) !== minReadySeconds;
    if (stale || !isDeepStrictEqual(annotations, this.newSet.metadata.annotations ?? {})) {
      this.newSet = await this.#access.update<ReplicaSet>(REPLICA_SETS, {
        ...this.newSet,
        metadata: { ...this.newSet.metadata, annotations },
        spec: { ...this.newSet.spec, ...(stale ? { minReadySeconds } : {}) },
      });
    }
    const message = `Found new replica set "${this.newSet.metadata.name}"`;
    const first = conditionOf(this.deployment.status?.conditions, "Progressing") === undefined;
    await this.#noteRevision(String(revisionOf(this.newSet)), first ? ["FoundNewReplicaSet", message] : undefined);
  }

  /** Scales without rolling: one ReplicaSet takes all of it, several take their shares. */
  async scale(): Promise<void> {
    const wanted = replicasOf(this.deployment);
    const active = this.all.filter((set) => replicasOf(set) > 0);
    const only = active.length > 1 ? undefined : (active[0] ?? this.newSet ?? this.oldSets.at(-1));
    if (active.length <= 1) {
      if (only !== undefined && replicasOf(only) !== wanted) await this.#resize(only, wanted);
      return;
    }
    if (this.newSet !== undefined && isSaturated(this.deployment, this.newSet)) {
      for (const set of [...this.oldSets]) if (replicasOf(set) > 0) await this.#resize(set, 0);
      return;
    }
    if (this.deployment.spec.strategy?.type === "Recreate") return;
    for (const [set, size] of proportionalSizes(this.deployment, active)) await this.#resize(set, size);
  }

  /** One step of a rolling update. True when the rollout is complete. */
  async roll(): Promise<boolean> {
    await this.findNewSet({ create: true });
    if (this.newSet === undefined) return false;
    const current = replicasOf(this.newSet);
    const wanted = replicasOf(this.deployment);
    const target = current > wanted ? wanted : newSetReplicas(this.deployment, this.all, current);
    if (target !== current) await this.#resize(this.newSet, target);
    else await this.#scaleDownOld();
    return isComplete(this.deployment, this.deployment.status ?? {});
  }

  /** One step of a recreation: the new pods come when the last old one is gone. */
  async recreate(): Promise<boolean> {
    if (this.newSet !== undefined) await this.findNewSet({ create: false });
    const active = this.oldSets.filter((set) => replicasOf(set) > 0);
    for (const set of active) await this.#resize(set, 0);
    if (active.length > 0 || this.#oldPodsLeft()) return false;
    await this.findNewSet({ create: true });
    const wanted = replicasOf(this.deployment);
    if (this.newSet !== undefined && replicasOf(this.newSet) !== wanted) await this.#resize(this.newSet, wanted);
    return isComplete(this.deployment, this.deployment.status ?? {});
  }

  /** Deletes empty ReplicaSets beyond revisionHistoryLimit, oldest revision first. */
  async cleanUp(): Promise<void> {
    const limit = this.deployment.spec.revisionHistoryLimit ?? 10;
    const kept = this.oldSets.filter((set) => set.metadata.deletionTimestamp === undefined);
    const excess = kept.length - limit;
    if (excess <= 0) return;
    for (const set of kept.sort((a, b) => revisionOf(a) - revisionOf(b)).slice(0, excess)) {
      const settled = (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0);
      if ((set.status?.replicas ?? 0) === 0 && replicasOf(set) === 0 && settled) {
        await this.#access.remove(REPLICA_SETS, set, { propagationPolicy: "Background" });
      }
    }
  }

  async #createNewSet(revision: number): Promise<void> {
    const { deployment } = this;
    const hash = templateHash(deployment.spec.template, deployment.status?.collisionCount ?? 0);
    const labels = { ...deployment.spec.template.metadata?.labels, [POD_TEMPLATE_HASH]: hash };
    const selector = deployment.spec.selector;
    const replicas = newSetReplicas(deployment, this.all, 0);
    const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
    const name = `${deployment.metadata.name}-${hash}`;
    const set = {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: {
        name,
        namespace: deployment.metadata.namespace ?? "",
        labels,
        annotations: newSetAnnotations(deployment, undefined, revision),
        ownerReferences: [controllerReference(deployment)],
      },
      spec: {
        replicas,
        ...(minReadySeconds === 0 ? {} : { minReadySeconds }),
        selector: { ...selector, matchLabels: { ...selector.matchLabels, [POD_TEMPLATE_HASH]: hash } },
        template: { ...deployment.spec.template, metadata: { ...deployment.spec.template.metadata, labels } },
      },
    };
    try {
      this.newSet = await this.#access.create<ReplicaSet>(REPLICA_SETS, set);
    } catch (error) {
      await this.#creationFailed(error);
      throw error;
    }
    if (replicas > 0) this.#scaled(name, 0, replicas);
    await this.#noteRevision(String(revision), ["NewReplicaSetCreated", `Created new replica set "${name}"`]);
  }

  /** A taken name makes the next try use another hash; any other refusal is shown in the status. */
  async #creationFailed(error: unknown): Promise<void> {
    if (!(error instanceof ApiError)) return;
    const { deployment } = this;
    const status = { ...deployment.status };
    if (error.reason === "AlreadyExists") {
      status.collisionCount = (status.collisionCount ?? 0) + 1;
    } else if (deployment.spec.progressDeadlineSeconds !== undefined) {
      const message = `Failed to create new replica set: ${error.message}`;
      const finding = finds("Progressing", "False", "ReplicaSetCreateError", message);
      status.conditions = withCondition(status.conditions ?? [], finding, this.#access.now());
      this.#access.events.record(deployment, "Warning", "ReplicaSetCreateError", message);
    }
    if (isDeepStrictEqual(status, deployment.status ?? {})) return;
    this.deployment = await this.#access.update(DEPLOYMENTS, { ...deployment, status }, "status");
  }

  /** Raises the revision annotation (it passes through the status subresource) and notes the first sight of a ReplicaSet. */
  async #noteRevision(revision: string, found: readonly [reason: string, message: string] | undefined): Promise<void> {
    const { deployment } = this;
    const note = found !== undefined && deployment.spec.progressDeadlineSeconds !== undefined;
    if (!note && deployment.metadata.annotations?.[REVISION] === revision) return;
    const conditions = deployment.status?.conditions ?? [];
    const finding = found && note ? finds("Progressing", "True", found[0], found[1]) : undefined;
    this.deployment = await this.#access.update<Deployment>(
      DEPLOYMENTS,
      {
        ...deployment,
        metadata: { ...deployment.metadata, annotations: { ...deployment.metadata.annotations, [REVISION]: revision } },
        status: finding
          ? { ...deployment.status, conditions: withCondition(conditions, finding, this.#access.now()) }
          : { ...deployment.status },
      },
      "status",
    );
  }

  /** Takes old pods away as far as availability allows, broken ones first. */
  async #scaleDownOld(): Promise<void> {
    if (totalReplicas(this.oldSets) === 0 || this.newSet === undefined) return;
    const minimum = replicasOf(this.deployment) - rollingLimits(this.deployment).unavailable;
    const newUnavailable = replicasOf(this.newSet) - (this.newSet.status?.availableReplicas ?? 0);
    let removable = totalReplicas(this.all) - minimum - newUnavailable;
    if (removable <= 0) return;
    for (const set of [...this.oldSets]) {
      const broken = Math.min(removable, replicasOf(set) - (set.status?.availableReplicas ?? 0));
      if (broken <= 0) continue;
      removable -= broken;
      await this.#resize(set, replicasOf(set) - broken);
    }
    let surplus = remainingAvailable(this.all) - minimum;
    for (const set of [...this.oldSets]) {
      const fewer = Math.min(surplus, replicasOf(set));
      if (fewer <= 0) continue;
      surplus -= fewer;
      await this.#resize(set, replicasOf(set) - fewer);
    }
  }

  #oldPodsLeft(): boolean {
    const pods = this.#access.informer<Pod>("pods");
    return this.oldSets.some((set) => pods.ownedBy(set.metadata.uid).some((pod) => !isFinished(pod)));
  }

  async #resize(set: ReplicaSet, replicas: number): Promise<void> {
    const before = replicasOf(set);
    const annotations = { ...set.metadata.annotations, ...sizeAnnotations(this.deployment) };
    if (replicas === before && isDeepStrictEqual(annotations, set.metadata.annotations ?? {})) return;
    const next = await this.#access.update<ReplicaSet>(REPLICA_SETS, {
      ...set,
      metadata: { ...set.metadata, annotations },
      spec: { ...set.spec, replicas },
    });
    if (set === this.newSet) this.newSet = next;
    else this.oldSets = this.oldSets.map((old) => (old === set ? next : old));
    if (replicas !== before) this.#scaled(set.metadata.name ?? "", before, replicas);
  }

  #scaled(set: string, from: number, to: number): void {
    const message = `Scaled ${to > from ? "up" : "down"} replica set ${set} from ${from} to ${to}`;
    this.#access.events.record(this.deployment, "Normal", "ScalingReplicaSet", message);
  }
}

function isSaturated(deployment: Deployment, set: ReplicaSet): boolean {
  const wanted = replicasOf(deployment);
  const desired = Number(set.metadata.annotations?.[DESIRED_REPLICAS]);
  return replicasOf(set) === wanted && desired === wanted && (set.status?.availableReplicas ?? 0) === wanted;
}
