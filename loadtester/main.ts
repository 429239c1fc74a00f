import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createLoadtester, type Loadtester } from "./app.ts";
import { type Flags, parseFlags, USAGE } from "./flags.ts";
import { createLog, type Log } from "./log.ts";

/** Runs until SIGTERM or SIGINT. The answer is the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args);
  if (flags === "help") {
    process.stdout.write(USAGE);
    return 0;
  }
  if ("problem" in flags) {
    process.stderr.write(`weir loadtester: ${flags.problem}; see weir loadtester -help\n`);
    return 2;
  }
  const log = createLog(flags.logLevel, process.stdout);
  const { timeoutMs, namespacePattern } = flags;
  const loadtester = createLoadtester({ env: process.env, timeoutMs, namespacePattern, log });
  const server = createServer(loadtester.app);
  const problem = await listen(server, flags);
  if (problem !== undefined) {
    process.stderr.write(`weir loadtester: ${problem}\n`);
    return 1;
  }
  log("info", "load tester listens", { port: (server.address() as AddressInfo).port });
  const signal = await stopSignal();
  await shutDown(server, loadtester, log, signal);
  return 0;
}

function listen(server: Server, { port }: Flags): Promise<string | undefined> {
  return new Promise((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const inUse = `port ${port} is in use: stop what listens there, or choose another with -port`;
      resolve(error.code === "EADDRINUSE" ? inUse : `cannot listen on port ${port}: ${error.message}`);
    });
    server.listen(port, () => resolve(undefined));
  });
}

function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
}

/** No new requests; what runs is killed, so the answers that wait for it go out and their connections close. */
async function shutDown(server: Server, loadtester: Loadtester, log: Log, signal: NodeJS.Signals): Promise<void> {
  log("info", "load tester stops", { signal, running: loadtester.runner.running });
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  await loadtester.runner.stop();
  const late = setTimeout(() => server.closeAllConnections(), 1000);
  server.closeIdleConnections();
  await closed;
  clearTimeout(late);
}
