import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { startProcess, type WeirProcess } from "../../../examples/demo/processes.ts";
import type { Traffic } from "../../../examples/demo/traffic.ts";
import type { KubeObject, ResourceKey } from "../../../sandbox/apiserver/types.ts";
import { controllerUser, type ReleaseCluster, startReleaseCluster } from "./cluster.ts";
import { aRelease } from "./manifests.ts";

const namespace = "test";
const deployments = "deployments.apps";
const canaries = "canaries.flagger.app";

interface Moment {
  readonly what: string;
  readonly key: ResourceKey;
  /** True in the very write at which the controller dies, before it has the answer. */
  readonly is: (object: KubeObject) => boolean;
}

const image = (object: KubeObject): string => object["spec"].template.spec.containers[0].image;
const isPhase = (phase: string) => (object: KubeObject) => object["status"]?.phase === phase;

const bootstrapMoments: readonly Moment[] = [
  { what: "the primary is made", key: deployments, is: ({ metadata }) => metadata.name === "podinfo-primary" },
  {
    what: "the apex Service turns to the primary",
    key: "services",
    is: ({ metadata, spec }) => metadata.name === "podinfo" && spec.selector?.app === "podinfo-primary",
  },
];
const goodMoments: readonly Moment[] = [
  {
    what: "the target is scaled up",
    key: deployments,
    is: ({ metadata, spec }) => metadata.name === "podinfo" && spec.replicas > 0,
  },
  { what: "the status says 25, the route not yet", key: canaries, is: ({ status }) => status?.canaryWeight === 25 },
  {
    what: "the primary is promoted, the route not yet back",
    key: deployments,
    is: (object) => object.metadata.name === "podinfo-primary" && image(object).endsWith("6.0.1"),
  },
  { what: "all traffic shall go to the primary", key: canaries, is: isPhase("Finalising") },
];
const badMoments: readonly Moment[] = [
  { what: "the release has failed, the route not yet back", key: canaries, is: isPhase("Failed") },
];

describe("a controller that is killed again and again", () => {
  let cluster: ReleaseCluster;
  let controller: WeirProcess;
  let traffic: readonly Traffic[] = [];
  const failed = () => traffic.flatMap(({ hits }) => hits.filter(({ ok }) => !ok));

  before(async () => {
    cluster = await startReleaseCluster();
    await cluster.startServer();
    controller = await start();
    cluster.atEnd.push(() => controller.stop());
  });
  after(() => cluster.stop());

  function start(): Promise<WeirProcess> {
    const { users, network, folder } = cluster.sandbox;
    const flags = ["--mesh-provider=gatewayapi:v1", "--host=127.0.0.1", "--port=0", "--drain-seconds=1"];
    return startProcess({
      name: "controller",
      args: ["controller", `--kubeconfig=${users[controllerUser]}`, "--enable-leader-election=false", ...flags],
      env: { HTTP_PROXY: network.proxyUrl, NO_PROXY: "127.0.0.1,localhost" },
      logFolder: folder,
      isReady: ({ msg }) => msg === "working",
      signal: AbortSignal.timeout(20_000),
    });
  }

  /** Begins something, kills the controller at each moment in turn, and starts it again. Answers what it died of. */
  async function killedAt(moments: readonly Moment[], begin: () => Promise<unknown>): Promise<readonly string[]> {
    const died: string[] = [];
    let begun: Promise<unknown> | undefined;
    for (const moment of moments) {
      const { pid, exited } = controller;
      const stop = cluster.look.watch(moment.key, ({ object }) => {
        if (object.metadata.namespace === namespace && begun !== undefined && moment.is(object))
          process.kill(pid, "SIGKILL");
      });
      begun ??= begin();
      await Promise.all([begun, exited]);
      stop();
      died.push(moment.what);
      controller = await start();
    }
    return died;
  }

  it("bootstraps all the same, and no caller notices", async () => {
    const gate = { name: "gate", url: "http://flagger-loadtester.test/gate/approve" };
    await killedAt(bootstrapMoments, async () => {
      await cluster.bootstrapTarget(namespace);
      traffic = [cluster.call("http://podinfo.test:9898/")];
      await cluster.apply(aRelease(namespace, { webhooks: [gate] }));
    });
    await cluster.untilPhase(namespace, "Initialized");
    await cluster.untilTargetIsEmpty(namespace);
    traffic = [...traffic, cluster.visit("test.example.com")];
    assert.deepEqual(failed(), []);
  });

  it("promotes all the same, and nobody notices", async () => {
    await killedAt(goodMoments, () => cluster.setImage(namespace, "6.0.1"));
    assert.equal((await cluster.untilOver(namespace)).status?.phase, "Succeeded");
    await cluster.untilTargetIsEmpty(namespace);
    assert.equal(cluster.routed(namespace), 0);
    assert.ok(image(cluster.deployment(namespace, "podinfo-primary")).endsWith("6.0.1"));
    assert.deepEqual(failed(), []);
  });

  it("takes back all the same: the next one gives the canary's share to the primary", async () => {
    const gate = { name: "gate", url: "http://flagger-loadtester.test/gate/halt" };
    await cluster.apply(aRelease(namespace, { threshold: 1, webhooks: [gate] }));
    await killedAt(badMoments, () => cluster.setImage(namespace, "6.0.2-error"));
    // Started again it must not wait for anything but its caches: the bad version is still being visited.
    await cluster.until("the canary's share being taken", () => cluster.routed(namespace) === 0, 2_500);
    const turned = Date.now();
    await cluster.untilTargetIsEmpty(namespace);
    assert.equal(cluster.canary(namespace).status?.phase, "Failed");
    await Promise.all(traffic.map((each) => each.stop()));
    assert.deepEqual(
      failed().filter(({ outcome, sentAt }) => outcome !== 500 || sentAt > turned),
      [],
    );
  });
});
