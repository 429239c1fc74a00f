import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { KubeObject } from "../../../sandbox/apiserver/types.ts";
import type { Fault, FaultName } from "../../../sandbox/faults/catalog.ts";
import { controllerUser, type ReleaseCluster, startReleaseCluster } from "./cluster.ts";
import { aScene, type Chapter, chapters, lastWords } from "./scenes.ts";

/** Where faults strike: as soon as the status says so in that chapter. */
const moments: readonly string[] = [
  "bootstrap: Initializing 0",
  "release: Progressing 0",
  "release: Progressing 20",
  "release: Progressing 40",
  "release: WaitingPromotion 40",
  "release: Promoting 40",
  "release: Finalising 0",
  "rollback: Progressing 0",
  "rollback: Progressing 20",
  "rollback: Failed 0",
];

interface Strike {
  readonly faults: (victim: KubeObject) => readonly Fault[];
  /** 0: it happens, and is over. */
  readonly forMs: number;
  /** Takes pods away that serve: then it is the fault itself that visitors notice. */
  readonly hurts?: true;
  /** A scene for each moment: who is struck again and again is given up, and rightly so. */
  readonly once?: true;
}

const user = controllerUser;
const written = [
  "canaries",
  "deployments",
  "services",
  "httproutes",
  "horizontalpodautoscalers",
  "configmaps",
  "events",
];
const makers = ["deployment-controller", "replicaset-controller", "endpointslice-controller"];
const strikes: Readonly<Record<FaultName, Strike>> = {
  dropWatches: { forMs: 700, faults: () => [{ name: "dropWatches", user }] },
  expireHistory: { forMs: 0, faults: () => [{ name: "expireHistory" }] },
  conflictNext: { forMs: 700, faults: () => written.map((resource) => ({ name: "conflictNext", resource, user })) },
  throttle: { forMs: 700, faults: () => [{ name: "throttle", user }] },
  fail: { forMs: 700, faults: () => [{ name: "fail", code: 503, user }] },
  delay: { forMs: 1000, faults: () => [{ name: "delay", milliseconds: 400, user }] },
  stallWatches: { forMs: 1000, faults: () => [{ name: "stallWatches", user }] },
  freezeController: {
    forMs: 1000,
    faults: () => makers.map((controller) => ({ name: "freezeController", controller })),
  },
  killPod: {
    forMs: 0,
    hurts: true,
    once: true,
    faults: ({ metadata: { name = "", namespace = "" } }) => [{ name: "killPod", namespace, pod: name }],
  },
  unreachableNode: {
    forMs: 1500,
    hurts: true,
    faults: ({ spec }) => [{ name: "unreachableNode", node: spec.nodeName, graceMilliseconds: 200 }],
  },
  loseMetrics: { forMs: 700, faults: () => [{ name: "loseMetrics" }] },
  slowMetrics: { forMs: 1500, faults: () => [{ name: "slowMetrics", milliseconds: 1000 }] },
  cutWebhook: { forMs: 1500, faults: () => [{ name: "cutWebhook" }] },
};
/** Faults concern a whole cluster, so each has one of its own. */
const sideBySide = 7;
/** Failed rounds that a release survives: a fault may cost one at each moment. */
const threshold = 5;

describe("each fault of the catalog in each phase", { concurrency: sideBySide }, () => {
  const calm = Promise.withResolvers<ReadonlyMap<Chapter, unknown>>();

  it("nothing breaks: this is how it ends", async () => {
    const ends = new Map<Chapter, unknown>();
    try {
      await inCluster((cluster) =>
        playAll(cluster, "calm", { after: async (chapter, look) => ends.set(chapter, look()) }),
      );
      calm.resolve(ends);
    } catch (error) {
      calm.reject(error);
      throw error;
    }
  });

  for (const [name, strike] of Object.entries(strikes)) {
    it(`${name}: it ends the same`, () =>
      inCluster(async (cluster) => {
        const scenes = strike.once === true ? moments.map((moment) => [moment]) : [moments];
        await Promise.all(scenes.map((when, index) => playStruck(cluster, `struck-${index}`, strike, when)));
      }));
  }

  async function playStruck(
    cluster: ReleaseCluster,
    namespace: string,
    strike: Strike,
    when: readonly string[],
  ): Promise<void> {
    const left = new Set(when);
    await playAll(cluster, namespace, {
      hurts: strike.hurts === true,
      at: (moment) => left.delete(moment) && begin(cluster, namespace, strike),
      async after(chapter, look) {
        const expected = (await calm.promise).get(chapter);
        const same = (): boolean => isDeepStrictEqual(look(), expected);
        await cluster.until("the same end", same, 20_000).catch(() => undefined);
        assert.deepEqual(look(), expected, `${chapter} of ${namespace}, struck at ${when}`);
      },
    });
    assert.deepEqual([...left], [], "it struck at each of its moments");
  }
});

function begin({ look, sandbox }: ReleaseCluster, namespace: string, { faults, forMs }: Strike): void {
  const running = look.list("pods", namespace).filter(({ status }) => status?.phase === "Running");
  // The canary's, if there is one.
  const victim = running.find(({ metadata }) => metadata.labels?.["app"] === "podinfo") ?? running[0];
  assert.ok(victim, "somebody runs all the time");
  for (const fault of faults(victim)) sandbox.faults.inject(fault, forMs === 0 ? undefined : forMs);
}

interface Director {
  /** Visitors must notice it. */
  readonly hurts?: boolean;
  readonly at?: (moment: string) => unknown;
  readonly after: (chapter: Chapter, look: () => unknown) => Promise<unknown>;
}

async function playAll(cluster: ReleaseCluster, namespace: string, { hurts, at, after }: Director): Promise<void> {
  const scene = aScene(cluster, namespace, threshold);
  for (const chapter of chapters) {
    const unwatch = cluster.look.watch("canaries.flagger.app", ({ object: { metadata, status } }) => {
      const moment = `${chapter}: ${status?.phase} ${status?.canaryWeight ?? 0}`;
      // Not within the write that tells of it.
      if (metadata.namespace === namespace) setImmediate(() => at?.(moment));
    });
    await scene.play(chapter);
    // What comes next is written by a user, whom no fault shall meet.
    cluster.sandbox.faults.stop();
    await cluster.untilTold(namespace, lastWords[chapter]);
    await after(chapter, scene.look);
    unwatch();
  }
  await scene.stop(hurts);
}

async function inCluster(run: (cluster: ReleaseCluster) => Promise<void>): Promise<void> {
  const cluster = await startReleaseCluster({ nodes: 2 });
  try {
    await Promise.all([cluster.startServer(), cluster.startController()]);
    await run(cluster);
  } finally {
    await cluster.stop();
  }
}
