/** `weir controller` as the image starts it, in a process of its own; the sandbox runs in this one and counts what it is asked. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileAhead, startProcess, type WeirProcess } from "../../examples/demo/processes.ts";
import { frugal, lean } from "../../examples/demo/stack.ts";
import type { ApiServer } from "../../sandbox/apiserver/types.ts";
import { controllerUser } from "../sandbox/release/cluster.ts";

export async function startControllerProcess(kubeconfig: string): Promise<WeirProcess> {
  const logFolder = await mkdtemp(join(tmpdir(), "weir-bench-"));
  await compileAhead([{ name: "controller", nodeFlags: lean }], AbortSignal.timeout(60_000));
  const child = await startProcess({
    name: "controller",
    args: [
      "controller",
      ...["--kubeconfig", kubeconfig],
      ...["--mesh-provider", "gatewayapi:v1"],
      ...["--host", "127.0.0.1", "--port", "0"],
      ...["--drain-seconds", "1"],
    ],
    env: frugal,
    nodeFlags: lean,
    logFolder,
    isReady: (line) => line["msg"] === "started",
  });
  const stop = async (): Promise<void> => {
    await child.stop();
    await rm(logFolder, { recursive: true, force: true });
  };
  return { ...child, stop };
}

/** Requests of the controller so far, by verb and resource. Renewals of its Lease are left out: they are no canary's doing. */
export function requestsOf(apiServer: ApiServer): Readonly<Record<string, number>> {
  const all = Object.entries(apiServer.requests()[controllerUser] ?? {});
  return Object.fromEntries(all.filter(([what]) => !what.endsWith(" leases")));
}

export function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
