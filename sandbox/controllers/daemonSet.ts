/** DaemonSets: one pod on every node that fits, replaced node by node. */
import { isDeepStrictEqual } from "node:util";
import { ApiError, type KubeObject } from "../apiserver/types.ts";
import type { Access } from "./access.ts";
import { daemonPod, nodeOf } from "./daemonPod.ts";
import { scaledValue } from "./deployment/sizes.ts";
import { DAEMON_SETS, type DaemonSet, type Node, type Pod } from "./kinds.ts";
import { entryOf } from "./maps.ts";
import {
  controllerOf,
  controllerReference,
  isFinished,
  isReady,
  keyOfObject,
  millisecondsToAvailable,
  splitKey,
  withoutZeros,
} from "./metadata.ts";
import { claim } from "./ownership.ts";
import type { KeyQueue } from "./queue.ts";
import { isWantedBy } from "./scheduler.ts";
import { templateHash } from "./templateHash.ts";

const CONTROLLER_REVISIONS = "controllerrevisions.apps";
const REVISION_HASH = "controller-revision-hash";

/** Enqueues DaemonSets for changes of themselves, their pods and the nodes. */
export function watchDaemonSets(access: Access, queue: KeyQueue): void {
  const sets = access.informer<DaemonSet>(DAEMON_SETS);
  sets.listen(({ object }) => queue.add(keyOfObject(object)));
  access.informer<Pod>("pods").listen(({ object }) => {
    const owner = controllerOf(object);
    if (owner?.kind === "DaemonSet") queue.add(`${object.metadata.namespace}/${owner.name}`);
  });
  access.informer<Node>("nodes").listen(() => {
    for (const set of sets.list()) queue.add(keyOfObject(set));
  });
}

/** One look at one DaemonSet. */
export async function syncDaemonSet(access: Access, key: string): Promise<number | undefined> {
  const { namespace, name } = splitKey(key);
  const set = access.informer<DaemonSet>(DAEMON_SETS).get(namespace, name);
  if (set === undefined || set.metadata.deletionTimestamp !== undefined) return undefined;
  const hash = await currentRevision(access, set);
  const pods = await claim<Pod>(access, "pods", set, set.spec.selector);
  const round = new Round(access, set, hash, pods);
  await round.placePods();
  if ((set.spec.updateStrategy?.type ?? "RollingUpdate") === "RollingUpdate") await round.replaceOld();
  const status = round.status();
  if (!isDeepStrictEqual(status, set.status ?? {})) {
    await access.update<DaemonSet>(DAEMON_SETS, { ...set, status }, "status");
  }
  return round.nextAvailability();
}

/** The hash of the template's revision, which is created when it is new; old revisions beyond the limit go. */
async function currentRevision(access: Access, set: DaemonSet): Promise<string> {
  const revisions = access
    .informer<KubeObject & { revision: number }>(CONTROLLER_REVISIONS)
    .ownedBy(set.metadata.uid)
    .sort((a, b) => a.revision - b.revision);
  const hash = templateHash(set.spec.template);
  const name = `${set.metadata.name}-${hash}`;
  const latest = revisions.at(-1)?.revision ?? 0;
  const current = revisions.find(({ metadata }) => metadata.name === name);
  if (current !== undefined && current.revision < latest) {
    await access.update(CONTROLLER_REVISIONS, { ...current, revision: latest + 1 });
  }
  if (current === undefined) {
    await access.create(CONTROLLER_REVISIONS, {
      apiVersion: "apps/v1",
      kind: "ControllerRevision",
      metadata: {
        name,
        namespace: set.metadata.namespace ?? "",
        labels: { ...set.spec.template.metadata?.labels, [REVISION_HASH]: hash },
        annotations: { ...set.metadata.annotations },
        ownerReferences: [controllerReference(set)],
      },
      data: { spec: { template: { $patch: "replace", ...set.spec.template } } },
      revision: latest + 1,
    });
  }
  const old = revisions.filter(({ metadata }) => metadata.name !== name);
  const excess = old.length - (set.spec.revisionHistoryLimit ?? 10);
  for (const revision of old.slice(0, Math.max(0, excess))) await access.remove(CONTROLLER_REVISIONS, revision);
  return hash;
}

/** The nodes and pods of one sync. */
class Round {
  readonly #access: Access;
  readonly #set: DaemonSet;
  readonly #hash: string;
  readonly #byNode = new Map<string, Pod[]>();
  readonly #wanted: readonly string[];

  constructor(access: Access, set: DaemonSet, hash: string, pods: readonly Pod[]) {
    this.#access = access;
    this.#set = set;
    this.#hash = hash;
    for (const pod of pods) entryOf(this.#byNode, nodeOf(pod), () => [] as Pod[]).push(pod);
    const nodes = access.informer<Node>("nodes").list();
    const fitting = nodes.filter((node) => isWantedBy(set.spec.template, node));
    this.#wanted = fitting.map(({ metadata }) => metadata.name ?? "");
  }

  async placePods(): Promise<void> {
    for (const node of this.#wanted) {
      const pods = this.#byNode.get(node) ?? [];
      for (const pod of pods.filter(isFinished)) await this.#remove(pod);
      const [, ...extra] = byAge(pods.filter((pod) => isLive(pod) && !isFinished(pod)));
      for (const pod of extra) await this.#remove(pod);
      // A pod on its way out keeps its place until it is gone.
      if (pods.length === 0) await this.#create(node);
    }
    for (const [node, pods] of this.#byNode) {
      if (this.#wanted.includes(node)) continue;
      for (const pod of pods.filter(isLive)) await this.#remove(pod);
    }
  }

  /** Unavailable old pods go at once, available ones as far as maxUnavailable allows. */
  async replaceOld(): Promise<void> {
    const limit = this.#set.spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1;
    const unavailable = this.#wanted.filter((node) => !this.#pod(node, (pod) => isLive(pod) && this.#isAvailable(pod)));
    let allowed = Math.max(scaledValue(limit, this.#wanted.length, Math.ceil), 1) - unavailable.length;
    for (const node of this.#wanted) {
      const old = this.#pod(node, (pod) => isLive(pod) && !this.#isCurrent(pod));
      if (old === undefined) continue;
      const broken = !this.#isAvailable(old);
      if (!broken && allowed <= 0) continue;
      if (!broken) allowed -= 1;
      await this.#remove(old);
    }
  }

  status(): Record<string, number> {
    const counts = { current: 0, ready: 0, available: 0, updated: 0 };
    for (const node of this.#wanted) {
      const [pod] = byAge(this.#byNode.get(node) ?? []);
      if (pod === undefined) continue;
      counts.current += 1;
      if (isReady(pod)) counts.ready += 1;
      if (this.#isAvailable(pod)) counts.available += 1;
      if (this.#isCurrent(pod)) counts.updated += 1;
    }
    const misplaced = [...this.#byNode.keys()].filter((node) => !this.#wanted.includes(node));
    return withoutZeros<Record<string, number>>(
      {
        currentNumberScheduled: counts.current,
        numberMisscheduled: misplaced.length,
        desiredNumberScheduled: this.#wanted.length,
        numberReady: counts.ready,
        observedGeneration: this.#set.metadata.generation ?? 0,
        updatedNumberScheduled: counts.updated,
        numberAvailable: counts.available,
        numberUnavailable: this.#wanted.length - counts.available,
      },
      ["currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"],
    );
  }

  nextAvailability(): number | undefined {
    const seconds = this.#set.spec.minReadySeconds ?? 0;
    const pods = [...this.#byNode.values()].flat();
    const waits = pods.map((pod) => millisecondsToAvailable(pod, seconds, this.#access.now()) ?? 0);
    const next = Math.min(...waits.filter((milliseconds) => milliseconds > 0));
    return Number.isFinite(next) ? next : undefined;
  }

  #pod(node: string, wanted: (pod: Pod) => boolean): Pod | undefined {
    return this.#byNode.get(node)?.find(wanted);
  }

  #isAvailable(pod: Pod): boolean {
    return millisecondsToAvailable(pod, this.#set.spec.minReadySeconds ?? 0, this.#access.now()) === 0;
  }

  #isCurrent(pod: Pod): boolean {
    return pod.metadata.labels?.[REVISION_HASH] === this.#hash;
  }

  async #create(node: string): Promise<void> {
    try {
      const pod = await this.#access.create<Pod>("pods", daemonPod(this.#set, node, this.#hash));
      this.#byNode.set(node, [pod]);
      this.#access.events.record(this.#set, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
    } catch (error) {
      const message = error instanceof ApiError ? error.message : String(error);
      this.#access.events.record(this.#set, "Warning", "FailedCreate", `Error creating: ${message}`);
      throw error;
    }
  }

  async #remove(pod: Pod): Promise<void> {
    await this.#access.remove("pods", pod);
    this.#access.events.record(this.#set, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
    const pods = this.#byNode.get(nodeOf(pod)) ?? [];
    const left = this.#access.informer<Pod>("pods").get(pod.metadata.namespace ?? "", pod.metadata.name ?? "");
    const rest = pods.flatMap((each) => (each === pod ? (left ?? []) : each));
    if (rest.length > 0) this.#byNode.set(nodeOf(pod), rest);
    else this.#byNode.delete(nodeOf(pod));
  }
}

function isLive(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp === undefined;
}

function byAge(pods: readonly Pod[]): Pod[] {
  const born = (pod: Pod): string => pod.metadata.creationTimestamp ?? "";
  return [...pods].sort((a, b) => born(a).localeCompare(born(b)));
}
