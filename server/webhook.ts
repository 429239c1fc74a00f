import type { Serving } from "../certs/serving.ts";
import type { Api } from "../controller/kube/api.ts";
import { createRecorder } from "../controller/kube/events.ts";
import type { Logger } from "../controller/kube/log.ts";
import { createApp } from "./app.ts";
import { createBreakGlass } from "./bypass.ts";
import { readCallers } from "./callers.ts";
import type { CanaryCache } from "./canaryCache.ts";
import { createCertificates, keepRotating, obtain, publish } from "./certificates.ts";
import { closeNow, drain } from "./drain.ts";
import { contextOf, createWebhookServer, listen } from "./listen.ts";
import { createLookAround } from "./lookAround.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import type { Options } from "./options.ts";
import { routes } from "./routes.ts";
import { createStatusServer } from "./statusApp.ts";

export interface StopSignals {
  /** Aborts at the first signal. */
  readonly stop: AbortSignal;
  /** Aborts at the second: somebody is in a hurry. */
  readonly hurry: AbortSignal;
}

export interface WebhookParts {
  readonly options: Options;
  readonly log: Logger;
  readonly signals: StopSignals;
  readonly cache: CanaryCache;
  readonly api: Api;
}

const mostInFlight = 200;

/** How far the start has come. */
interface Progress {
  /** When the serving certificate ends; undefined until there is one. */
  notAfter: Date | undefined;
  published: boolean;
}

/** Obtains a certificate, listens, publishes the authority once the caches are complete, answers until told to stop, and drains. */
export async function runWebhook(parts: WebhookParts): Promise<void> {
  const { options, log, signals, cache } = parts;
  const metrics = createMetrics();
  const progress: Progress = { notAfter: undefined, published: false };
  const status = createStatusServer({
    metrics,
    notReady: () => notReady(signals, cache, progress),
    refresh: () => {
      for (const { resource, hasSynced, size } of cache.stores) {
        metrics.watch(resource.plural, hasSynced, size);
      }
    },
  });
  try {
    const metricsPort = await listen(status, options.host, options.metricsPort, "--metrics-port");
    log.info("starting", { host: options.host, metricsPort });
    await admit(parts, metrics, progress);
  } finally {
    await closeNow(status);
  }
}

async function admit(parts: WebhookParts, metrics: Metrics, progress: Progress): Promise<void> {
  const { options, log, signals, cache, api } = parts;
  const lookAround = createLookAround(api, options.readSecrets);
  const draining = () => signals.stop.aborted;
  const callers = await readCallers(options);
  const recorder = createRecorder({ api, component: "weir" });
  const breakGlass = createBreakGlass({ api, recorder, nowMs: () => performance.now() });
  const app = createApp({
    routes,
    index: cache.index,
    lookAround,
    mayCall: callers?.mayCall,
    breakGlass,
    log,
    metrics,
    mostInFlight,
    draining,
  });
  const webhook = createWebhookServer(app, callers === undefined ? {} : { ca: callers.ca });
  try {
    const renewed = ({ pair, notAfter }: Serving) => {
      webhook.setSecureContext(contextOf(pair, callers?.ca));
      progress.notAfter = notAfter;
      metrics.certificate(notAfter);
      log.info("certificate", { notAfter: notAfter.toISOString() });
    };
    const port = await listen(webhook, options.host, options.port, "--port");
    const certificates = createCertificates({ options: atPort(options, port), api, log, renewed });
    if ((await obtain(certificates, log, signals.stop)) === undefined) {
      return;
    }
    log.info("listening", { host: options.host, port });
    keepRotating(certificates, () => progress.published, { options, log, signal: signals.stop });
    await Promise.race([cache.synced, aborted(signals.stop)]);
    progress.published = await publish(certificates, options, log, signals.stop);
    await aborted(signals.stop);
    log.info("going down", { drainSeconds: options.drainSeconds });
    await drain(webhook, options.drainSeconds, signals.hurry);
  } finally {
    await closeNow(webhook);
    await recorder.stop();
  }
}

function notReady({ stop }: StopSignals, cache: CanaryCache, progress: Progress): string | undefined {
  if (stop.aborted) {
    return "going down";
  }
  if (progress.notAfter === undefined) {
    return "there is no certificate yet: the API server does not answer, or the files are not there";
  }
  if (new Date() >= progress.notAfter) {
    return `the serving certificate has expired at ${progress.notAfter.toISOString()}`;
  }
  if (cache.index() === undefined) {
    return "the cache of canaries is not complete yet";
  }
  return progress.published ? undefined : "the authority is not published yet";
}

/** With `--port 0` nobody can know the URL's port beforehand. */
function atPort(options: Options, port: number): Options {
  const { publishUrl } = options;
  return options.port !== 0 || publishUrl === undefined || new URL(publishUrl).port !== ""
    ? options
    : { ...options, publishUrl: `${new URL(publishUrl).origin}:${port}` };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    } else {
      signal.addEventListener("abort", () => resolve(), { once: true });
    }
  });
}
