import { randomUUID } from "node:crypto";
import { createApi } from "../../../controller/kube/api.ts";
import type { Clock } from "../../../controller/kube/clock.ts";
import { loadKubeConfig } from "../../../controller/kube/config.ts";
import { createLogger, type LogValues } from "../../../controller/kube/log.ts";
import { createTransport } from "../../../controller/kube/transport.ts";
import { startController } from "../../../controller/run.ts";
import { parseSettings } from "../../../controller/settings.ts";
import { startCanaryCache } from "../../../server/canaryCache.ts";
import { readOptions } from "../../../server/options.ts";
import { runWebhook } from "../../../server/webhook.ts";

export interface Stoppable {
  /** Lines that were logged at warning or above. */
  readonly complaints: readonly string[];
  stop(): Promise<void>;
}

/** A process with a page for Prometheus. */
export interface Measured extends Stoppable {
  /** What it tells Prometheus now. */
  metrics(): Promise<string>;
}

export interface ControllerOptions {
  readonly clock?: Clock;
  readonly metricsServer?: string;
  readonly drainSeconds?: number;
  /** Of /metrics; any free one when absent. */
  readonly port?: number;
  /** More flags; of two of one name the last counts. */
  readonly flags?: readonly string[];
}

const provider = "gatewayapi:v1";

/** `weir controller` in this process. */
export async function runController(
  kubeconfig: string,
  env: Readonly<Record<string, string>>,
  options: ControllerOptions = {},
): Promise<Measured> {
  const settings = parseSettings([
    `--kubeconfig=${kubeconfig}`,
    `--mesh-provider=${provider}`,
    `--metrics-server=${options.metricsServer ?? "http://prometheus.istio-system:9090"}`,
    "--host=127.0.0.1",
    `--port=${options.port ?? 0}`,
    `--drain-seconds=${options.drainSeconds ?? 1}`,
    "--log-level=warn",
    ...(options.flags ?? []),
  ]);
  if (typeof settings === "string") throw new Error("the controller's flags are not understood");
  const complaints: string[] = [];
  const running = await startController({
    settings,
    version: "test",
    identity: randomUUID(),
    log: createLogger({ level: "warn", write: (line) => void complaints.push(line) }),
    env,
    onLost: () => complaints.push("lost the lease"),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  return { complaints, metrics: () => metricsAt(running.port), stop: () => running.stop() };
}

async function metricsAt(port: unknown): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

/** `weir server` in this process; resolves when the API server knows it. */
export async function runServer(kubeconfig: string, controllerUsers: readonly string[]): Promise<Measured> {
  const flags = ["--port=0", "--metrics-port=0", "--publish-url=https://127.0.0.1", `--mesh-provider=${provider}`];
  const options = readOptions([
    ...flags,
    "--drain-seconds=0",
    ...controllerUsers.map((user) => `--controller-user=${user}`),
  ]);
  if (options === undefined) throw new Error("the server's flags are not understood");
  const complaints: string[] = [];
  const published = Promise.withResolvers<void>();
  let metricsPort: unknown;
  const log = createLogger({
    write(line) {
      const { level, msg, metricsPort: port } = JSON.parse(line) as LogValues;
      metricsPort = port ?? metricsPort;
      if (msg === "authority published") published.resolve();
      if (level !== "info") complaints.push(line);
    },
  });
  const transport = createTransport(await loadKubeConfig({ path: kubeconfig, env: {} }), {
    userAgent: "weir-server/test",
  });
  const cache = startCanaryCache({ transport, provider, controllerUsers, log });
  const stop = new AbortController();
  const signals = { stop: stop.signal, hurry: AbortSignal.abort() };
  const ended = runWebhook({ options, log, signals, cache, api: createApi(transport) });
  await Promise.race([published.promise, ended]);
  return {
    complaints,
    metrics: () => metricsAt(metricsPort),
    async stop() {
      stop.abort();
      await ended;
      await cache.stop();
      await transport.close();
    },
  };
}
