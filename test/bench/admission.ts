import { once } from "node:events";
import { Worker } from "node:worker_threads";
import autocannon from "autocannon";
import { createAuthority, issueServing } from "../../certs/issue.ts";
import { aReview } from "../unit/mutators/builders.ts";
import type { Target } from "./admissionTarget.ts";

const path = "/mutate/deployments";
const connectionCounts = [1, 10, 50];
/** Rounds take turns, so that what else the machine does falls on all alike; the median of them counts. */
const rounds = 5;
const roundSeconds = 0.8;
const warmUpSeconds = 1.5;

interface Side {
  readonly name: "managed" | "unmanaged" | "expressFloor" | "httpsFloor";
  readonly port: number;
  readonly body: Buffer;
}

interface Round {
  readonly perSecond: number;
  /** Milliseconds, in order. */
  readonly latencies: readonly number[];
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
    for (const side of sides) await shoot(side, 10, warmUpSeconds);
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
    for (const side of sides) seen.get(side.name)?.push(await shoot(side, connections, roundSeconds));
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
    expressP50Ms: hundredths(quantile(latencies("expressFloor"), 0.5)),
  };
}

function shoot({ name, port, body }: Side, connections: number, seconds: number): Promise<Round> {
  const latencies: number[] = [];
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const run = autocannon(
      {
        url: `https://127.0.0.1:${port}`,
        requests: [{ path }],
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        connections,
        duration: seconds,
        timeout: 10,
        sampleInt: 100,
        setupClient: () => undefined,
      },
      (error) => {
        const elapsed = (performance.now() - started) / 1000;
        if (error !== null) reject(error);
        else resolve({ perSecond: latencies.length / elapsed, latencies });
      },
    );
    run.on("response", (_client: unknown, status: number, _bytes: number, milliseconds: number) => {
      if (status === 200) latencies.push(milliseconds);
      else run.stop();
    });
    run.on("reqError", (error: Error) => reject(new Error(`${name}: ${error.message}`)));
  });
}

/** The update of an image, as the API server asks about it: 12 KB with both objects. */
function reviewOf(name: string): Buffer {
  const request = aReview(deploymentOf(name, "podinfo:6.0.1"), deploymentOf(name, "podinfo:6.0.0"), { name });
  return Buffer.from(JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request }));
}

function deploymentOf(name: string, image: string): object {
  const labels = { app: name };
  const env = Array.from({ length: 40 }, (_, index) => ({
    name: `SETTING_${index}`,
    value: `the value of setting number ${index}, which is of some length`,
  }));
  const fields = Object.fromEntries(env.map((each) => [`k:{"name":"${each.name}"}`, { ".": {}, "f:value": {} }]));
  const probe = { httpGet: { path: "/healthz", port: 9898 }, initialDelaySeconds: 5, timeoutSeconds: 5 };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name,
      namespace: "demo",
      labels,
      managedFields: [
        { manager: "kubectl", operation: "Update", time: "2026-01-01T10:00:00Z", fieldsV1: { "f:env": fields } },
      ],
    },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "podinfod", image, env, livenessProbe: probe, readinessProbe: probe }] },
      },
    },
    status: { readyReplicas: 2 },
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
