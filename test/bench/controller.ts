/** What the controller takes and how fast it is, beside many canaries. It runs as a process of its own, as in the image. */
import type { WeirProcess } from "../../examples/demo/processes.ts";
import { requestsOf, startControllerProcess, sum } from "./controllerProcess.ts";
import { type Fleet, startFleet } from "./fleet.ts";
import { startGate } from "./gate.ts";
import { type PlainCluster, startPlainCluster } from "./plainCluster.ts";
import { measureReactions } from "./reactions.ts";
import { measureRelease } from "./release.ts";
import { measureReleasing } from "./releasing.ts";
import { memoryMegabytes, processorSeconds } from "./sandboxProcess.ts";
import { pause } from "./timing.ts";

export type Print = (line: Readonly<Record<string, string | number>>) => void;

/** One after another: canaries at rest beside which the next ones are made. */
const idleSizes = [100, 500, 2000];
const idleSeconds = 30;
/** What was set off by the last write is over by then, garbage included. */
const calmSeconds = 5;
/** Canaries that get a new template while no controller runs: it is up when all of them are scaled. Spread over all there are. */
const startupReactions = 20;

export async function measureController(print: Print, say: (what: string) => void): Promise<void> {
  say("a whole release with an autoscaler");
  print(await measureRelease());
  const cluster = await startPlainCluster();
  const gate = await startGate();
  const controllers: WeirProcess[] = [];
  const start = async (): Promise<WeirProcess> => {
    const controller = await startControllerProcess(cluster.kubeconfig);
    controllers.push(controller);
    return controller;
  };
  const ten = { interval: "1s", threshold: 1, maxWeight: 50, stepWeight: 5 };
  const fleet = startFleet(cluster, "app", ten);
  const gated = startFleet(cluster, "gated", { ...ten, webhooks: [gate.hook] });
  try {
    const first = await start();
    for (const size of idleSizes) {
      say(`${size} canaries are made`);
      await fleet.growTo(size);
      print(await measureIdle(cluster, first, size));
    }
    await gated.growTo(1);
    await first.stop();
    say("the controller starts again");
    const canaries = idleSizes.at(-1) ?? 0;
    const { controller, seconds } = await measureStartup(fleet, canaries, start);
    print({ bench: "startup", canaries, seconds });
    say("reactions, one at a time");
    for (const line of await measureReactions(cluster, fleet, gated, gate)) print(line);
    say("a tenth of them releases");
    print(await measureReleasing(fleet, controller.pid, canaries));
  } finally {
    for (const controller of controllers) await controller.stop();
    for (const each of [fleet, gated]) each.stop();
    await gate.stop();
    await cluster.stop();
  }
}

/** `requests` are all but renewals of the Lease: also lists and watches that are opened anew. */
async function measureIdle({ apiServer }: PlainCluster, { pid }: WeirProcess, canaries: number) {
  await pause(calmSeconds);
  const [begun, used, requests] = [performance.now(), processorSeconds(pid), sum(requestsOf(apiServer))];
  await pause(idleSeconds);
  const cpuPercent = ((processorSeconds(pid) - used) * 100_000) / (performance.now() - begun);
  return {
    bench: "idle",
    canaries,
    rssMb: memoryMegabytes(pid),
    cpuPercent: Math.round(cpuPercent * 100) / 100,
    requests: sum(requestsOf(apiServer)) - requests,
  };
}

/** From the start of the process to full function: every canary looked at, and what was changed meanwhile answered. */
async function measureStartup(fleet: Fleet, canaries: number, start: () => Promise<WeirProcess>) {
  const changed = Array.from({ length: startupReactions }, (_, index) => (index * canaries) / startupReactions);
  for (const index of changed) await fleet.change(index);
  const begun = performance.now();
  const scaled = changed.map((index) => fleet.until(index, "its scale-up", ({ replicas }) => replicas > 0));
  const controller = await start();
  await Promise.all(scaled);
  while ((await canariesLookedAt(controller)) < canaries) await pause(0.1);
  const seconds = Math.round((performance.now() - begun) / 100) / 10;
  await Promise.all(changed.map((index) => fleet.untilAtRest(index)));
  return { controller, seconds };
}

/** From its page for Prometheus, which has a gauge for each namespace. */
async function canariesLookedAt({ ready }: WeirProcess): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${ready["port"]}/metrics`)).text();
  return [...page.matchAll(/^flagger_canary_total\S* (\d+)$/gm)].reduce((total, [, count]) => total + Number(count), 0);
}
