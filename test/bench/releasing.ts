import type { Print } from "./controller.ts";
import type { Fleet } from "./fleet.ts";
import { processorSeconds } from "./sandboxProcess.ts";
import { quantile } from "./timing.ts";

const intervalMs = 1000;
const share = 10;

/**
 * A tenth of all canaries get a new template at once. Lateness is what lies between two weights of a canary in its route beyond the
 * interval, as the API server sees them. Processor time is counted from the first weight of the first to the last weight of the last.
 */
export async function measureReleasing(fleet: Fleet, pid: number, canaries: number): Promise<Parameters<Print>[0]> {
  const some = new Set(Array.from({ length: canaries / share }, (_, index) => index * share + 5));
  const last = new Map<number, { readonly routed: number; readonly at: number }>();
  const lateness: number[] = [];
  let [begun, used, ended, usedAtEnd] = [0, 0, 0, 0];
  const stop = fleet.onSight((index, { routed }, at) => {
    const before = last.get(index);
    if (!some.has(index) || routed === (before?.routed ?? 0)) return;
    if (begun === 0) [begun, used] = [at, processorSeconds(pid)];
    [ended, usedAtEnd] = [at, processorSeconds(pid)];
    if (before !== undefined && routed > before.routed) lateness.push(at - before.at - intervalMs);
    last.set(index, { routed, at });
  });
  await Promise.all([...some].map((index) => fleet.change(index)));
  await Promise.all([...some].map((index) => fleet.until(index, "its first weight", ({ routed }) => routed > 0)));
  await Promise.all([...some].map((index) => fleet.untilAtRest(index)));
  stop();
  return {
    bench: "releasing",
    canaries: some.size,
    latenessP99Ms: quantile(lateness, 0.99),
    cpuPercent: Math.round(((usedAtEnd - used) * 100_000) / (ended - begun)),
  };
}
