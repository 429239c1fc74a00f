import { controllerUser, startReleaseCluster } from "../sandbox/release/cluster.ts";
import { releaseInTenSteps } from "../sandbox/release/wholeRelease.ts";
import type { Print } from "./controller.ts";
import { requestsOf, startControllerProcess, sum } from "./controllerProcess.ts";

/** One release of podinfo with its autoscaler on the whole sandbox, from the change to the empty target. */
export async function measureRelease(): Promise<Parameters<Print>[0]> {
  const cluster = await startReleaseCluster();
  try {
    const controller = await startControllerProcess(cluster.sandbox.users[controllerUser] ?? "");
    cluster.atEnd.push(() => controller.stop());
    const count = () => requestsOf(cluster.sandbox.apiServer);
    const { requests, seconds } = await releaseInTenSteps(cluster, "release", count);
    return { bench: "release", requests: sum(requests), seconds };
  } finally {
    await cluster.stop();
  }
}
