import assert from "node:assert/strict";
import { fieldsOf, type RawObject } from "../../../api/index.ts";
import { findProgram, run } from "../../cluster/program.ts";
import { skipLoudly } from "../../cluster/target.ts";
import { type ReleaseCluster, startWeirCluster } from "./cluster.ts";
import { aRelease, podinfo } from "./manifests.ts";

const program = findProgram("kubectl");

/** Why tests of this folder that type commands cannot run here; false where they can. */
export const withoutKubectl =
  program === undefined && skipLoudly("what writers meet", "install kubectl (Debian: kubernetes-client)");

/** What the writer of a command saw. */
export interface Seen {
  readonly exit: number | "killed";
  /** What Weir said, without its name. */
  readonly told: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
}

/** Where a Canary may stand when somebody writes: the name of a namespace that stays there. */
export type Stage = "resting" | "running" | "early";

/** A cluster with a Canary of podinfo in each stage, and kubectl. */
export interface Desk extends ReleaseCluster {
  kubectl(namespace: string, args: readonly string[], input?: unknown): Promise<Seen>;
  /** podinfo as its team has it in a file. */
  file(namespace: string, replicas: number, tag?: string): Promise<RawObject>;
  replicas(namespace: string): number;
  /** The release has its first share, and stays there: its interval is an hour. */
  untilRunning(namespace: string): Promise<unknown>;
}

/** `early` is held where it is by `suspend`: nothing was made for it yet. */
export async function openDesk(): Promise<Desk> {
  const cluster = await startWeirCluster();
  const desk: Desk = {
    ...cluster,
    async kubectl(namespace, args, input) {
      const { exit, stdout, stderr } = await run({
        program: program ?? "",
        args: ["--namespace", namespace, ...args],
        env: { KUBECONFIG: cluster.sandbox.kubeconfigPath, HOME: cluster.sandbox.folder },
        ...(input === undefined ? {} : { input: JSON.stringify(input) }),
      });
      const told = [...stderr.matchAll(/^Warning: Weir: (.*)$/gm)].map(([, line = ""]) => line);
      return { exit, told, stdout, stderr };
    },
    async file(namespace, replicas, tag = "6.0.0") {
      const [deployment] = await podinfo(namespace, { replicas });
      assert.ok(deployment);
      return JSON.parse(JSON.stringify(deployment).replace("podinfo:6.0.0", `podinfo:${tag}`));
    },
    replicas: (namespace) => Number(fieldsOf(cluster.deployment(namespace)["spec"])["replicas"]),
    untilRunning: (namespace) =>
      cluster.until(`the canary of ${namespace} having its share`, () => {
        const { phase, lastAppliedSpec, canaryWeight } = cluster.canary(namespace).status ?? {};
        const stamp = cluster.deployment(namespace).metadata.annotations?.["weir.sh/revision"];
        return (
          phase === "Progressing" &&
          canaryWeight === 25 &&
          cluster.routed(namespace) === 25 &&
          lastAppliedSpec === stamp
        );
      }),
  };
  try {
    const slow = { interval: "1h" };
    await cluster.bootstrap(aRelease("resting", slow));
    await cluster.bootstrap(aRelease("running", slow));
    await cluster.bootstrapTarget("early");
    await cluster.apply(aRelease("early", slow, { suspend: true }));
    await cluster.setImage("running", "6.0.1");
    await desk.untilRunning("running");
    return desk;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}
