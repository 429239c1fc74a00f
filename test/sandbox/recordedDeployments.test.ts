/**
 * Replays what a real controller manager was recorded doing (test/fixtures/kube/objects/deployments.json, condensed from the
 * recordings of v1.36): the test writes what the recorder wrote, stands in for the node as the recorder did, and expects the
 * same statuses, conditions, sizes and annotations at every step.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { KubeObject } from "../../sandbox/apiserver/types.ts";
import type { Condition, Deployment, Pod, ReplicaSet } from "../../sandbox/controllers/kinds.ts";
import { conditionOf } from "../../sandbox/controllers/metadata.ts";
import { startWorkloadCluster, type WorkloadCluster } from "./workloadCluster.ts";

interface RecordedSet {
  of: string;
  image: string;
  replicas: number;
  annotations: Record<string, string>;
  status: Record<string, unknown>;
}

interface Step {
  note: string;
  deployments: { name: string; revision: string | null; spec: Deployment["spec"]; status: Record<string, unknown> }[];
  sets: RecordedSet[];
  pods: Record<string, { live: number; ready: number; terminating: number }>;
}

const file = new URL("../fixtures/kube/objects/deployments.json", import.meta.url);
const recordings = JSON.parse(readFileSync(file, "utf8")) as Record<string, { why: string; steps: Step[] }>;

const REVISION = "deployment.kubernetes.io/revision";

describe("Deployments do what a real controller manager was recorded doing", () => {
  for (const [name, { why, steps }] of Object.entries(recordings)) {
    it(`${name}: ${why}`, () => replay(steps));
  }
});

async function replay(steps: readonly Step[]): Promise<void> {
  const clock = { ahead: 0 };
  const cluster = await startWorkloadCluster({ now: () => new Date(Date.now() + clock.ahead) });
  const stage = new Stage(cluster, clock);
  try {
    for (const [index, step] of steps.entries()) {
      if (index === 0) await stage.prepare(step);
      await stage.play(step);
    }
    assert.deepEqual(cluster.complaints, []);
  } finally {
    await cluster.stop();
  }
}

class Stage {
  readonly #cluster: WorkloadCluster;
  readonly #clock: { ahead: number };
  readonly #specs = new Map<string, string>();

  constructor(cluster: WorkloadCluster, clock: { ahead: number }) {
    this.#cluster = cluster;
    this.#clock = clock;
  }

  /** Recordings that begin in the middle: the first revision, complete. */
  async prepare(step: Step): Promise<void> {
    const [deployment] = step.deployments;
    const first = step.sets.find(({ annotations }) => annotations[REVISION] === "1");
    if (deployment === undefined || first === undefined) return;
    const { spec } = deployment;
    const [container] = spec.template.spec.containers;
    if (container === undefined || (container.image === first.image && spec.paused !== true)) return;
    const replicas = Number(first.annotations["deployment.kubernetes.io/desired-replicas"]);
    const template = {
      ...spec.template,
      spec: { ...spec.template.spec, containers: [{ ...container, image: first.image }] },
    };
    await this.#write(deployment.name, { ...spec, paused: false, replicas, template });
    const pods = { [`${deployment.name} ${first.image}`]: { live: replicas, ready: replicas, terminating: 0 } };
    await this.#until(
      pods,
      () => {
        const status = this.#deployment(deployment.name)?.status;
        return conditionOf(status?.conditions, "Progressing")?.reason === "NewReplicaSetAvailable";
      },
      "the first revision",
    );
  }

  async play(step: Step): Promise<void> {
    for (const { name, spec } of step.deployments) await this.#write(name, spec);
    const deadline = step.note.includes("eadline") || step.note.includes("never scheduled");
    const expected = expectation(step);
    let seen: unknown;
    const matches = (): boolean => {
      seen = this.#snapshot(step);
      return JSON.stringify(seen) === JSON.stringify(expected);
    };
    try {
      if (deadline) await this.#passDeadline(step);
      else if (step.note === "available") await this.#passMinReadySeconds();
      await this.#until(step.pods, matches, step.note);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("waited")) throw error;
      assert.deepEqual(seen, expected, step.note);
    }
  }

  /** Lets the rollout get as far as it can, then time pass, and wakes the controller by a label. */
  async #passDeadline(step: Step): Promise<void> {
    const unready = new Set(step.deployments.map(({ name }) => name));
    await this.#until(
      step.pods,
      () => {
        for (const name of unready) {
          if (conditionOf(this.#deployment(name)?.status?.conditions, "Progressing")?.reason === "ReplicaSetUpdated")
            return true;
        }
        return false;
      },
      `progress before: ${step.note}`,
    );
    this.#clock.ahead += 700_000;
    for (const name of unready) {
      const body = { metadata: { labels: { woken: String(this.#clock.ahead) } } };
      await this.#cluster.api.patch("deployments.apps", "test", name, "merge", body);
    }
  }

  async #passMinReadySeconds(): Promise<void> {
    this.#clock.ahead += 10_000;
    const body = { metadata: { labels: { woken: "yes" } } };
    for (const { metadata } of this.#cluster.api.list("replicasets.apps", "test")) {
      await this.#cluster.api.patch("replicasets.apps", "test", metadata.name ?? "", "merge", body);
    }
  }

  async #write(name: string, spec: Deployment["spec"]): Promise<void> {
    const text = JSON.stringify(spec);
    if (this.#specs.get(name) === text) return;
    this.#specs.set(name, text);
    const { api } = this.#cluster;
    const live = api.get("deployments.apps", "test", name);
    if (live !== undefined) {
      await api.update("deployments.apps", { ...live, spec });
      return;
    }
    const metadata = { name, namespace: "test", labels: { app: name } };
    await api.create("deployments.apps", { apiVersion: "apps/v1", kind: "Deployment", metadata, spec });
  }

  /** Waits, making pods as ready and as gone as the recording has them. */
  async #until(pods: Step["pods"], done: () => boolean, what: string): Promise<void> {
    await this.#cluster.until(() => {
      if (done()) return true;
      this.#act(pods);
      return undefined;
    }, what);
  }

  #act(wanted: Step["pods"]): void {
    const { api } = this.#cluster;
    const groups = Map.groupBy(api.list("pods", "test") as Pod[], (pod) => this.#titleOf(pod));
    for (const [title, pods] of groups) {
      const { ready, terminating } = wanted[title] ?? { ready: 0, terminating: 0 };
      const leaving = pods.filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
      for (const pod of leaving.slice(terminating)) void this.#removed(pod);
      const live = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      for (const pod of live) if (pod.spec.nodeName === undefined) void this.#bound(pod);
      const already = live.filter(isReady).length;
      const next = live.filter((pod) => !isReady(pod) && pod.spec.nodeName !== undefined);
      for (const pod of next.slice(0, Math.max(0, ready - already))) void this.#ready(pod);
    }
  }

  async #removed({ metadata }: Pod): Promise<void> {
    await this.#cluster.api.delete("pods", "test", metadata.name ?? "", { gracePeriodSeconds: 0 });
  }

  async #bound({ metadata }: Pod): Promise<void> {
    const body = { spec: { nodeName: "node-a" } };
    await this.#cluster.api.patch("pods", "test", metadata.name ?? "", "merge", body, "binding").catch(() => undefined);
  }

  async #ready({ metadata }: Pod): Promise<void> {
    const lastTransitionTime = new Date(Date.now() + this.#clock.ahead).toISOString().replace(/\.\d+Z/, "Z");
    const conditions = [{ type: "Ready", status: "True", lastTransitionTime }];
    const body = { status: { phase: "Running", podIP: "10.0.0.1", conditions } };
    await this.#cluster.api.patch("pods", "test", metadata.name ?? "", "merge", body, "status").catch(() => undefined);
  }

  #deployment(name: string): Deployment | undefined {
    return this.#cluster.api.get("deployments.apps", "test", name) as Deployment | undefined;
  }

  #snapshot(step: Step): unknown {
    const sets = this.#cluster.api.list("replicasets.apps", "test") as ReplicaSet[];
    const titles = new Map(sets.map((set) => [set.metadata.name ?? "", titleOfSet(set)]));
    const deployments = step.deployments.map(({ name }) => {
      const { metadata, status } = this.#deployment(name) ?? {};
      const { observedGeneration: _observed, conditions = [], ...counters } = status ?? {};
      const plain = conditions.map((condition) => named(condition, titles));
      return { name, revision: metadata?.annotations?.[REVISION] ?? null, ...counters, conditions: plain };
    });
    const names = new Set(step.deployments.map(({ name }) => name));
    const recorded = sets.filter((set) => names.has(ownerOf(set)));
    return sorted({
      deployments,
      sets: recorded.map((set) => {
        const { observedGeneration: _observed, ...status } = set.status ?? { replicas: 0 };
        const title = titleOfSet(set);
        return { title, replicas: set.spec.replicas, annotations: set.metadata.annotations ?? {}, status };
      }),
    });
  }

  #titleOf(pod: Pod): string {
    const set = this.#cluster.api.get("replicasets.apps", "test", ownerOf(pod));
    return set === undefined ? "" : titleOfSet(set as ReplicaSet);
  }
}

function expectation(step: Step): unknown {
  return sorted({
    deployments: step.deployments.map(({ name, revision, status }) => {
      const { conditions, ...counters } = status;
      return { name, revision, ...counters, conditions };
    }),
    sets: step.sets.map(({ of, image, ...rest }) => ({ title: `${of} ${image}`, ...rest })),
  });
}

/** With sorted keys and sets, so that equal states have equal text. */
function sorted(state: { deployments: unknown[]; sets: { title: string }[] }): unknown {
  const byTitle = [...state.sets].sort((a, b) => a.title.localeCompare(b.title));
  return sortKeys({ deployments: state.deployments, sets: byTitle });
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, sortKeys(member)]));
}

function named({ type, status, reason, message = "" }: Condition, titles: ReadonlyMap<string, string>): unknown {
  let text = message;
  for (const [name, title] of titles) text = text.replace(`"${name}"`, `"${title}"`);
  return { type, status, reason, message: text };
}

function titleOfSet(set: ReplicaSet): string {
  return `${ownerOf(set)} ${set.spec.template.spec.containers[0]?.image}`;
}

function ownerOf({ metadata }: KubeObject): string {
  return metadata.ownerReferences?.[0]?.name ?? "";
}

function isReady(pod: Pod): boolean {
  return conditionOf(pod.status?.conditions, "Ready")?.status === "True";
}
