/**
 * The whole life of an application whose chart holds its Canary, under steady traffic, with an admission webhook and with every one
 * of its pods dead: then the controller puts right what a writer resets. Helm 3 computes patches, helm 4 applies on the server's side; so does the third writer, which needs no program.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Traffic } from "../../examples/demo/traffic.ts";
import { type ReleaseCluster, startReleaseCluster } from "../sandbox/release/cluster.ts";
import { type Eyewitness, witness } from "./life/eyewitness.ts";
import { hostOf, shopOf, yamlOf } from "./life/shop.ts";
import { writers } from "./life/writers.ts";
import { findProgram, run } from "./program.ts";
import { skipLoudly } from "./target.ts";

const kubectl = findProgram("kubectl");
const noDiff = kubectl === undefined ? skipLoudly("kubectl diff of a chart at rest", "install kubectl") : false;
/** How long the network takes to follow a Service, on a busy machine. */
const lagMs = 250;
/** A controller that put right by looking every so often, and not by the event, would take longer. */
const longestResetMs = 2_000;
const kinds = [
  "canaries.flagger.app",
  "deployments.apps",
  "services",
  "horizontalpodautoscalers.autoscaling",
  "ingresses.networking.k8s.io",
  "httproutes.gateway.networking.k8s.io",
  "pods",
];

for (const admission of ["answers", "is dead"] as const)
  describe(`an application's life where admission ${admission}`, () => {
    let cluster: ReleaseCluster;
    before(async () => {
      cluster = await startReleaseCluster();
      await cluster.startController();
    });
    after(() => cluster.stop());

    for (const [at, writer] of writers.entries()) {
      const { missing } = writer;
      const skip = missing === undefined ? false : skipLoudly(`the life by ${writer.name}`, missing);
      describe(`by ${writer.name}`, { skip }, () => {
        const namespace = `life${at}`;
        const [first, second, third] = ["6.0.0", "6.0.1", "6.0.2"].map((tag) => shopOf(namespace, tag));
        assert.ok(first && second && third);
        let traffic: readonly Traffic[] = [];
        let seen: Eyewitness;
        let stopServer: () => Promise<void>;
        const allFailed = () => traffic.flatMap(({ hits }) => hits.filter(({ ok }) => !ok));
        /** With nobody to answer, callers of the apex Service meet what a writer resets, until the controller has put it right. */
        const failed = () =>
          allFailed().filter(
            ({ sentAt }) => !seen.resets.some(({ from, to }) => sentAt > from - lagMs && sentAt < to + lagMs),
          );
        const isPutRight = () => {
          const { selector } = cluster.look.get("services", namespace, "podinfo")?.["spec"] ?? {};
          return isPrimary(selector) && cluster.routed(namespace) !== undefined;
        };
        const write = async (writing: Promise<void>): Promise<void> => {
          await writing;
          await cluster.until("what was reset being put right", isPutRight);
        };
        const names = (key: string) => cluster.look.list(key, namespace).map(({ metadata }) => metadata.name ?? "");
        const isAtRest = async (): Promise<void> => {
          await cluster.untilTargetIsEmpty(namespace);
          await cluster.until("only pods of the primary", () => names("pods").every((name) => /-primary-/.test(name)));
          await cluster.until("everybody on the primary", () => isPutRight() && cluster.routed(namespace) === 0);
        };

        before(async () => {
          await cluster.addNamespace(namespace);
          seen = witness(cluster.look, namespace);
          // Without anybody to judge it a new Canary is refused, so the server lives until the application is installed.
          ({ stop: stopServer } = await cluster.startServer());
        });
        after(async () => {
          seen.stop();
          await stopServer();
        });

        it("is installed", async () => {
          await writer.write(cluster, first);
          await cluster.until("podinfo serving", () => cluster.deployment(namespace)["status"]?.readyReplicas > 0);
          traffic = [cluster.visit(hostOf(namespace)), cluster.call(`http://podinfo.${namespace}/`)];
          await cluster.untilPhase(namespace, "Initialized");
          await isAtRest();
          assert.deepEqual(failed(), []);
          assert.deepEqual(seen.selectors, ["podinfo", "podinfo-primary"]);
          assert.deepEqual(seen.replicas, [2, 0]);
          assert.deepEqual(seen.weights, [undefined, 0]);
          // What it registered stays, as it does when its pods die.
          if (admission === "is dead") await stopServer();
        });

        it("is upgraded, and upgraded again while that is released", async () => {
          await write(writer.write(cluster, second));
          await cluster.until("a share for the canary", () => (cluster.routed(namespace) ?? 0) > 0);
          await write(writer.write(cluster, third));
          await cluster.untilOver(namespace);
          await isAtRest();
          assert.equal(cluster.canary(namespace).status?.phase, "Succeeded");
          assert.deepEqual(failed(), []);
          assert.equal(seen.revisions.length, 3);
        });

        it("is rolled back, which is a release as well", async () => {
          await write(writer.rollback(cluster, first));
          await cluster.until("the fourth revision", () => seen.revisions.length === 4);
          await cluster.untilOver(namespace);
          await isAtRest();
          assert.deepEqual(failed(), []);
          assert.equal(seen.revisions.at(-1), seen.revisions[0]);
        });

        it("is applied twenty times more, which makes no revision and restarts no pod", async () => {
          const pods = names("pods").filter((name) => /-primary-/.test(name));
          const replicas = seen.replicas.length;
          for (let time = 0; time < 20; time++) await write(writer.write(cluster, first));
          await isAtRest();
          assert.deepEqual(failed(), []);
          assert.deepEqual(names("pods"), pods);
          assert.equal(seen.revisions.length, 4);
          assert.equal(seen.replicaSets.size, 3);
          if (admission === "answers") assert.equal(seen.replicas.length, replicas);
        });

        for (const args of admission === "answers" ? [[], ["--server-side", "--force-conflicts"]] : [])
          it(`has nothing to show in kubectl diff ${args.join(" ")}`, { skip: noDiff }, async () => {
            const { kubeconfigPath: KUBECONFIG, folder: HOME } = cluster.sandbox;
            const ended = await run({
              program: kubectl ?? "",
              args: ["diff", ...args, "-f", "-"],
              env: { KUBECONFIG, HOME },
              input: yamlOf(first),
            });
            assert.deepEqual([ended.stdout, ended.exit], ["", 0], ended.stderr);
          });

        it("is uninstalled, and leaves nothing", async (t) => {
          await Promise.all(traffic.map((each) => each.stop()));
          assert.deepEqual(failed(), []);
          const lasted = seen.resets.map(({ from, to }) => to - from).sort((a, b) => a - b);
          const [medianMs = 0, longestMs = 0] = [lasted[Math.floor(lasted.length / 2)], lasted.at(-1)];
          const requests = traffic.reduce((sum, { hits }) => sum + hits.length, 0);
          const [atGateway, atService] = traffic.map(({ hits }) => hits.filter(({ ok }) => !ok).length);
          const failures = { atGateway, atService };
          t.diagnostic(JSON.stringify({ resets: lasted.length, medianMs, longestMs, requests, failures }));
          if (admission === "answers") assert.deepEqual(lasted, []);
          assert.ok(longestMs < longestResetMs, `${longestMs} ms`);
          for (const { hits } of traffic) assert.ok(hits.length > 100, `${hits.length} requests prove little`);
          if (admission === "answers") assertNothingWrong(seen);
          await writer.uninstall(cluster, first);
          const left = () => kinds.flatMap(names).filter((name) => name !== "flagger-loadtester");
          await cluster
            .until("nothing being left", () => left().length === 0)
            .catch((error: Error) => {
              throw new Error(`${error.message}: ${left().join(", ")} are`);
            });
        });
      });
    }
  });

/** What a writer resets is right in the very version that is stored, so no watcher ever sees it wrong. */
function assertNothingWrong({ selectors, weights }: Eyewitness): void {
  assert.deepEqual(selectors, ["podinfo", "podinfo-primary"]);
  const release = [25, 50, 0];
  // The second upgrade may come at either step of the first.
  const [taken, turned, ...others] = weights;
  assert.deepEqual([taken, turned], [undefined, 0]);
  assert.deepEqual(others.slice(-6), [...release, ...release]);
  assert.match(others.slice(0, -6).join(), /^(25|25,50|25,0|25,50,0)?$/);
}

function isPrimary(selector: Readonly<Record<string, string>> | undefined): boolean {
  return Object.values(selector ?? {}).join() === "podinfo-primary";
}
