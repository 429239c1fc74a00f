import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { createAuthority, issueServing } from "../../certs/issue.ts";
import type { Target } from "./admissionTarget.ts";
import { type Aim, type Round, reviewOf, shoot } from "./reviews.ts";

const connectionCounts = [1, 10, 50];
/** Rounds take turns, so that what else the machine does falls on all alike; the median of them counts. */
const rounds = 5;
const roundSeconds = 0.8;
const warmUpSeconds = 1.5;

interface Side extends Aim {
  readonly name: "managed" | "unmanaged" | "expressFloor" | "httpsFloor";
}

/** Requests a second of the webhook, for a Deployment with and without a Canary, beside two servers that decide nothing. */
export async function measureAdmission(print: (line: Record<string, string | number>) => void): Promise<void> {
  const now = new Date();
  const pair = await issueServing(await createAuthority(now), ["127.0.0.1"], now);
  const targets = await Promise.all((["weir", "express", "https"] as const).map((kind) => start({ kind, pair })));
  try {
    const [weir = 0, express = 0, https = 0] = targets.map(({ port }) => port);
    const managed = reviewOf("podinfo");
    const sides: readonly Side[] = [
      { name: "managed", port: weir, body: managed },
      { name: "unmanaged", port: weir, body: reviewOf("another") },
      { name: "expressFloor", port: express, body: managed },
      { name: "httpsFloor", port: https, body: managed },
    ];
    for (const side of sides) await shoot(side, { connections: 10, duration: warmUpSeconds });
    for (const connections of connectionCounts) print(await measure(sides, connections));
  } finally {
    await Promise.all(targets.map(({ worker }) => worker.terminate()));
  }
}

async function start(target: Target): Promise<{ readonly worker: Worker; readonly port: number }> {
  const worker = new Worker(new URL("./admissionTarget.ts", import.meta.url), { workerData: target });
  const [port] = await once(worker, "message");
  return { worker, port: port as number };
}

async function measure(sides: readonly Side[], connections: number): Promise<Record<string, string | number>> {
  const seen = new Map<string, Round[]>(sides.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const side of sides) seen.get(side.name)?.push(await shoot(side, { connections, duration: roundSeconds }));
  }
  const perSecond = (name: Side["name"]): number => median((seen.get(name) ?? []).map((round) => round.perSecond));
  const latencies = (name: Side["name"]): number[] =>
    (seen.get(name) ?? []).flatMap((round) => round.latencies).sort((a, b) => a - b);
  const ours = latencies("managed");
  return {
    bench: "admission",
    connections,
    managed: Math.round(perSecond("managed")),
    unmanaged: Math.round(perSecond("unmanaged")),
    expressFloor: Math.round(perSecond("expressFloor")),
    httpsFloor: Math.round(perSecond("httpsFloor")),
    ratioToExpress: hundredths(perSecond("managed") / perSecond("expressFloor")),
    p50Ms: hundredths(quantile(ours, 0.5)),
    p99Ms: hundredths(quantile(ours, 0.99)),
    p50AddedMs: hundredths(quantile(ours, 0.5) - quantile(latencies("expressFloor"), 0.5)),
  };
}

function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
