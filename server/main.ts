import process from "node:process";
import { messageOf } from "../api/index.ts";
import { createApi } from "../controller/kube/api.ts";
import { loadKubeConfig } from "../controller/kube/config.ts";
import { createLineWriter, createLogger, type Logger } from "../controller/kube/log.ts";
import { createTransport } from "../controller/kube/transport.ts";
import { startCanaryCache } from "./canaryCache.ts";
import { help, type Options, readOptions } from "./options.ts";
import { runWebhook, type StopSignals } from "./webhook.ts";

/** `weir server`: runs until SIGTERM or SIGINT, and resolves with the exit code. Never throws. */
export async function main(args: readonly string[], version = "0.0.0"): Promise<number> {
  try {
    const options = readOptions(args);
    if (options === undefined) {
      process.stdout.write(help);
      return 0;
    }
    await serve(
      options,
      createLogger({ level: options.logLevel, write: createLineWriter(process.stdout).write }),
      version,
    );
    return 0;
  } catch (error) {
    process.stderr.write(`weir server: ${messageOf(error)}\n`);
    return 1;
  }
}

async function serve(options: Options, log: Logger, version: string): Promise<void> {
  const signals = stopSignals();
  const path = options.kubeconfig === undefined ? {} : { path: options.kubeconfig };
  const cluster = await loadKubeConfig({ ...path, env: process.env });
  const transport = createTransport(cluster, { userAgent: `weir-server/${version}` });
  const cache = startCanaryCache({
    transport,
    provider: options.provider,
    controllerUsers: options.controllerUsers,
    crossNamespaceRefs: options.crossNamespaceRefs,
    log,
  });
  try {
    await runWebhook({ options, log, signals, cache, api: createApi(transport) });
  } finally {
    await cache.stop();
    await transport.close();
    log.info("stopped");
  }
}

/** The second signal means hurry: a terminal sends SIGINT again. */
function stopSignals(): StopSignals {
  const stop = new AbortController();
  const hurry = new AbortController();
  const onSignal = () => (stop.signal.aborted ? hurry : stop).abort();
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  return { stop: stop.signal, hurry: hurry.signal };
}
