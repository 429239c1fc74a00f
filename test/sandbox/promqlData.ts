import type { Labels } from "../../sandbox/metrics/exposition.ts";

/** A point of a series; time in milliseconds. */
export interface Reading {
  readonly labels: Labels;
  readonly time: number;
  readonly value: number;
}

/** Seconds of data. */
export const SPAN = 300;

const ISTIO_BOUNDS = ["1", "5", "10", "25", "50", "100", "250", "500", "+Inf"];
const SECOND_BOUNDS = ["0.1", "0.3", "1.2", "5", "+Inf"];

/** Five minutes of what a cluster exports, one reading a second a little off the full second; the same for the same seed. */
export function readings(from: number, seed = 7): Reading[] {
  const random = generator(seed);
  const all: Reading[] = [];
  const at = (second: number): number => from + second * 1000 + Math.floor(random() * 20);
  const add = (labels: Labels, value: (second: number) => number | undefined): void => {
    for (let second = 0; second < SPAN; second++) {
      const read = value(second);
      if (read !== undefined) all.push({ labels, time: at(second), value: read });
    }
  };
  const growing = (perSecond: number): ((second: number) => number) => {
    let count = 0;
    return () => {
      count += Math.floor(random() * perSecond * 2);
      return count;
    };
  };

  for (const reporter of ["source", "destination"]) {
    for (const workload of ["podinfo", "podinfo-primary"]) {
      const labels = { reporter, destination_workload: workload, destination_workload_namespace: "test" };
      for (const [code, rate] of [
        ["200", 90],
        ["500", 3],
        ["404", 1],
      ] as const) {
        add({ __name__: "istio_requests_total", ...labels, response_code: code }, growing(rate));
      }
      addHistogram(add, "istio_request_duration_milliseconds", labels, ISTIO_BOUNDS, random);
    }
  }
  for (const pod of ["podinfo-6d5f-x1", "podinfo-6d5f-x2", "podinfo-primary-7c-y1"]) {
    const labels = { kubernetes_namespace: "test", kubernetes_pod_name: pod };
    for (const status of ["200", "500"])
      addHistogram(add, "http_request_duration_seconds", { ...labels, status }, SECOND_BOUNDS, random);
  }
  for (const code of ["200", "404", "503"]) {
    const labels = { service: "test-podinfo-canary-80@kubernetescrd", code, method: "GET", protocol: "http" };
    addHistogram(add, "traefik_service_request_duration_seconds", labels, SECOND_BOUNDS, random);
  }
  const restarted = growing(20);
  let lost = 0;
  add({ __name__: "resets_total" }, (second) => {
    const count = restarted(second);
    if (second % 97 === 60) lost = count;
    return count - lost;
  });
  add({ __name__: "gauge" }, () => Math.round(random() * 1000) / 100);
  const late = growing(10);
  add({ __name__: "late_total" }, (second) => (second < 140 ? undefined : 500 + late(second)));
  const gone = growing(10);
  add({ __name__: "gone_total" }, (second) => (second > 100 ? undefined : gone(second)));
  const sparse = growing(10);
  add({ __name__: "sparse_total" }, (second) => (second % 17 === 0 ? sparse(second) : undefined));
  add({ __name__: "once_total" }, (second) => (second === 20 ? 4 : undefined));
  return all.sort((a, b) => a.time - b.time);
}

function addHistogram(
  add: (labels: Labels, value: (second: number) => number) => void,
  name: string,
  labels: Labels,
  bounds: readonly string[],
  random: () => number,
): void {
  // All buckets of a histogram grow together: what a lower one counts, the upper ones count as well.
  const history = Array.from({ length: SPAN }, () => bounds.map(() => Math.floor(random() * 4)));
  bounds.forEach((le, bucket) => {
    const counts = runningSum(history.map((step) => step.slice(0, bucket + 1).reduce((sum, one) => sum + one, 0)));
    add({ __name__: `${name}_bucket`, ...labels, le }, (second) => counts[second] ?? 0);
    if (le !== "+Inf") return;
    add({ __name__: `${name}_count`, ...labels }, (second) => counts[second] ?? 0);
    add({ __name__: `${name}_sum`, ...labels }, (second) => (counts[second] ?? 0) * 13.37);
  });
}

function runningSum(steps: readonly number[]): number[] {
  let sum = 0;
  return steps.map((step) => (sum += step));
}

/** A small pseudo-random generator (mulberry32): numbers from 0 to 1. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
