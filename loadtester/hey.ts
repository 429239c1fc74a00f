import { readFileSync } from "node:fs";
import autocannon, { type Client } from "autocannon";
import { type LoadPlan, parseHeyFlags, USAGE } from "./heyFlags.ts";
import { createTally, type Tally } from "./heyReport.ts";
import { proxyFor } from "./proxy.ts";

/*
 * The load generator hey, as far as the commands in canaries use it: a program of its own, started by bin/hey.
 * autocannon sends; it spends the requests of each second at its beginning, so the pace is right by the second.
 */

// autocannon reconnects without a pause. With nobody listening, stop after so many errors, wait, and go on.
const ERRORS_IN_A_ROUND = 10;
const PAUSE_MS = 500;

function roundOf(plan: LoadPlan, left: LoadPlan["stop"], tally: Tally, stop: AbortSignal): Promise<void> {
  const proxy = proxyFor(plan.url, process.env);
  const path = `${plan.url.pathname}${plan.url.search}`;
  const headers = Object.fromEntries(plan.headers);
  // Through a proxy the URL is whole and the Host must still be that of the target.
  headers["Host"] ??= plan.url.host;
  if (proxy?.authorization !== undefined) headers["Proxy-Authorization"] = proxy.authorization;
  const body = plan.bodyFile === undefined ? plan.body : readFileSync(plan.bodyFile);
  const connections = left.kind === "count" ? Math.min(plan.workers, left.requests) : plan.workers;
  const clients: Client[] = [];
  let errors = 0;
  return new Promise((resolve, reject) => {
    const run = autocannon(
      {
        url: proxy === undefined ? plan.url.origin : `http://${proxy.host}:${proxy.port}`,
        requests: [{ path: proxy === undefined ? path : `${plan.url.origin}${path}` }],
        method: plan.method,
        headers,
        ...(body === undefined ? {} : { body: Buffer.from(body) }),
        connections,
        ...(left.kind === "count" ? { amount: left.requests } : { duration: left.ms / 1000 }),
        ...(plan.requestsPerSecond === 0 ? {} : { connectionRate: Math.max(1, Math.round(plan.requestsPerSecond)) }),
        timeout: plan.timeoutSeconds || 86_400,
        sampleInt: 100,
        setupClient: (client) => clients.push(client),
      },
      (error) => (error === null ? resolve() : reject(error)),
    );
    run.on("response", (_client: unknown, status: number, bytes: number, milliseconds: number) =>
      tally.add(status, milliseconds / 1000, bytes),
    );
    run.on("reqError", (error: Error) => {
      tally.addError(`${plan.method} ${plan.url.href}: ${error.message}`);
      errors += 1;
      if (errors === ERRORS_IN_A_ROUND) for (const client of clients) client.destroy();
    });
    stop.addEventListener("abort", () => run.stop(), { once: true });
  });
}

async function generate(plan: LoadPlan, tally: Tally, stop: AbortSignal): Promise<number> {
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  const left = (): LoadPlan["stop"] =>
    plan.stop.kind === "after"
      ? { kind: "after", ms: plan.stop.ms - elapsed() }
      : { kind: "count", requests: plan.stop.requests - tally.responses - tally.errors };
  const isDone = (): boolean => {
    const rest = left();
    return stop.aborted || (rest.kind === "after" ? rest.ms < 50 : rest.requests <= 0);
  };
  while (!isDone()) {
    const errors = tally.errors;
    await roundOf(plan, left(), tally, stop);
    if (tally.errors > errors && !isDone()) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return elapsed() / 1000;
}

async function main(args: readonly string[]): Promise<number> {
  const plan = parseHeyFlags(args);
  if ("problem" in plan) {
    process.stderr.write(`hey: ${plan.problem}\n${USAGE}`);
    return 1;
  }
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const tally = createTally();
  const seconds = await generate(plan, tally, stop.signal);
  process.stdout.write(tally.report(seconds));
  return 0;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: Error) => {
  process.stderr.write(`hey: ${error.message}\n`);
  return 1;
});
