import type { Print } from "./controller.ts";
import type { Fleet } from "./fleet.ts";
import type { Gate } from "./gate.ts";
import type { PlainCluster } from "./plainCluster.ts";
import { median, pause, quantile } from "./timing.ts";

const releases = 20;
/** Between two canaries: those in between are left for other figures. */
const apart = 10;

/** Milliseconds from a change in the cluster to what the controller makes of it, as the API server sees both; one canary at a time. */
export async function measureReactions(
  cluster: PlainCluster,
  fleet: Fleet,
  gated: Fleet,
  gate: Gate,
): Promise<Parameters<Print>[0][]> {
  const scaleUps: number[] = [];
  const firstWeights: number[] = [];
  const rollbacks: number[] = [];
  for (let index = 0; index < releases * apart; index += apart) {
    const { metadata } = fleet.deployment(index);
    cluster.hold(metadata.namespace ?? "", metadata.name ?? "");
    const changedAt = performance.now();
    await fleet.change(index);
    scaleUps.push((await fleet.until(index, "its scale-up", ({ replicas }) => replicas > 0)) - changedAt);
    // What is told of pods that are waited for has been written then: it is ready pods that are waited for, and nothing else.
    await fleet.until(index, "its pods being waited for", ({ phase }) => phase === "Progressing");
    await pause(0.3);
    const readyAt = performance.now();
    await cluster.setAvailable(fleet.deployment(index), 1);
    firstWeights.push((await fleet.until(index, "its first weight", ({ routed }) => routed > 0)) - readyAt);
    // The only pod crashes: one failed check, and the threshold is one.
    const crashedAt = performance.now();
    await cluster.setAvailable(fleet.deployment(index), 0);
    rollbacks.push((await fleet.until(index, "its rollback", ({ phase }) => phase === "Failed")) - crashedAt);
    await fleet.untilAtRest(index);
  }
  return [
    { bench: "reaction", medianMs: median(scaleUps), p99Ms: quantile(scaleUps, 0.99) },
    lineOf("pods ready to first weight", firstWeights),
    lineOf("crash to rollback", rollbacks),
    lineOf("gate open to next step", await openings(gated, gate)),
  ];
}

function lineOf(of: string, values: readonly number[]) {
  return { bench: "reaction", of, medianMs: median(values), p99Ms: quantile(values, 0.99) };
}

/** Opened at any moment of a second after the controller was refused; closed again behind the step. */
async function openings(gated: Fleet, gate: Gate): Promise<number[]> {
  const found: number[] = [];
  for (let release = 0; release < 2; release += 1) {
    gate.open = false;
    await gated.change(0);
    for (let weight = 5; weight <= 50; weight += 5) {
      const before = gate.refused;
      while (gate.refused === before) await pause(0.01);
      await pause(weight / 50);
      const openedAt = performance.now();
      gate.open = true;
      found.push((await gated.until(0, `weight ${weight}`, ({ routed }) => routed === weight)) - openedAt);
      gate.open = weight === 50;
    }
    await gated.untilAtRest(0);
  }
  return found;
}
