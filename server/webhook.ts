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
import { notReady } from "./readiness.ts";
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
interface Start {
  notAfter: Date | undefined;
  published: boolean;
}

/** Obtains a certificate, listens, publishes the authority once the caches are complete, answers until told to stop, and drains. */
export async function runWebhook(parts: WebhookParts): Promise<void> {
  const { options, log, signals, cache } = parts;
  const metrics = createMetrics();
  const start: Start = { notAfter: undefined, published: false };
  const status = createStatusServer({
    metrics,
    notReady: () =>
      notReady({ ...start, stopping: signals.stop.aborted, hasIndex: cache.index() !== undefined }, new Date()),
    refresh: () => {
      for (const { resource, hasSynced, size } of cache.stores) {
        metrics.watch(resource.plural, hasSynced, size);
      }
    },
  });
  try {
    const metricsPort = await listen(status, options.host, options.metricsPort, "--metrics-port");
    log.info("starting", { host: options.host, metricsPort });
    await admit(parts, metrics, start);
  } finally {
    await closeNow(status);
  }
}

async function admit(parts: WebhookParts, metrics: Metrics, start: Start): Promise<void> {
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
      start.notAfter = notAfter;
      metrics.certificate(notAfter);
      log.info("certificate", { notAfter: notAfter.toISOString() });
    };
    const port = await listen(webhook, options.host, options.port, "--port");
    const certificates = createCertificates({ options: atPort(options, port), api, log, renewed });
    if ((await obtain(certificates, log, signals.stop)) === undefined) {
      return;
    }
    log.info("listening", { host: options.host, port });
    keepRotating(certificates, () => start.published, { options, log, signal: signals.stop });
    await Promise.race([cache.synced, aborted(signals.stop)]);
    start.published = await publish(certificates, options, log, signals.stop);
    await aborted(signals.stop);
    log.info("going down", { drainSeconds: options.drainSeconds });
    await drain(webhook, options.drainSeconds, signals.hurry);
  } finally {
    await closeNow(webhook);
    await recorder.stop();
  }
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
