import type { Server as TlsServer } from "node:https";
import { messageOf, WeirError } from "../api/index.ts";
import { type AuthorityStore, inMemory, inSecret, type SecretApi } from "../certs/authorityStore.ts";
import type { PublishApi } from "../certs/publish.ts";
import { keepRenewed, obtainServing, type Serving } from "../certs/serving.ts";
import type { Logger } from "../controller/kube/log.ts";
import { createApp } from "./app.ts";
import type { CanaryCache } from "./canaryCache.ts";
import { closeNow, drain } from "./drain.ts";
import { createWebhookServer, listen } from "./listen.ts";
import { createLookAround, type LookApi } from "./lookAround.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import type { Options } from "./options.ts";
import { publish } from "./publication.ts";
import { routes } from "./routes.ts";
import { createStatusServer } from "./statusApp.ts";
import { untilDone } from "./untilDone.ts";

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
  readonly api: PublishApi & SecretApi & LookApi;
}

const secretName = "weir-server-tls";
const mostInFlight = 200;

/** How far the start has come. */
interface Progress {
  certified: boolean;
  published: boolean;
}

/** Obtains a certificate, listens, publishes the authority once the caches are complete, answers until told to stop, and drains. */
export async function runWebhook(parts: WebhookParts): Promise<void> {
  const { options, log, signals, cache } = parts;
  const metrics = createMetrics();
  const progress: Progress = { certified: false, published: false };
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
  const store = options.selfSigned ? inMemory : inSecret(api, options.namespace, secretName);
  const obtained = await obtain(parts, store);
  if (obtained === undefined) {
    return;
  }
  const serving = obtained.done;
  metrics.certificate(serving.notAfter);
  progress.certified = true;
  const draining = () => signals.stop.aborted;
  const lookAround = createLookAround(api, options.readSecrets);
  const app = createApp({ routes, index: cache.index, lookAround, log, metrics, mostInFlight, draining });
  const webhook = createWebhookServer(serving.pair, app);
  try {
    const port = await listen(webhook, options.host, options.port, "--port");
    log.info("listening", { host: options.host, port });
    renew({ parts, store, serving, webhook, metrics });
    await Promise.race([cache.synced, aborted(signals.stop)]);
    progress.published = await publish(api, serving.bundle, atPort(options, port), log, signals.stop);
    await aborted(signals.stop);
    log.info("going down", { drainSeconds: options.drainSeconds });
    await drain(webhook, options.drainSeconds, signals.hurry);
  } finally {
    await closeNow(webhook);
  }
}

/** The shared authority is in the cluster, which may come up after us. What waiting cannot mend (no rights) ends the process. */
function obtain({ options, log, signals }: WebhookParts, store: AuthorityStore) {
  return untilDone(() => obtainServing(store, hostsOf(options), new Date()), {
    signal: signals.stop,
    failed(error, retryMs) {
      if (!(error instanceof WeirError) || error.class === "terminal") {
        throw error;
      }
      log.warn("no certificate yet", { error: messageOf(error), retryMs });
    },
  });
}

function notReady({ stop }: StopSignals, cache: CanaryCache, progress: Progress): string | undefined {
  if (stop.aborted) {
    return "going down";
  }
  if (!progress.certified) {
    return "there is no certificate yet: the API server does not answer";
  }
  if (cache.index() === undefined) {
    return "the cache of canaries is not complete yet";
  }
  return progress.published ? undefined : "the authority is not published yet";
}

interface Renewing {
  readonly parts: WebhookParts;
  readonly store: AuthorityStore;
  readonly serving: Serving;
  readonly webhook: TlsServer;
  readonly metrics: Metrics;
}

/** Swaps in new certificates while serving; connections that are open keep the old one. */
function renew({ parts, store, serving, webhook, metrics }: Renewing): void {
  const { options, log, signals, api } = parts;
  const renewal = {
    now: () => new Date(),
    obtain: (now: Date) => obtainServing(store, hostsOf(options), now),
    async renewed(next: Serving) {
      // Callers must trust the next authority before they meet it.
      await publish(api, next.bundle, options, log, signals.stop);
      webhook.setSecureContext(next.pair);
      metrics.certificate(next.notAfter);
      log.info("certificate renewed", { notAfter: next.notAfter.toISOString() });
    },
    failed: (error: unknown) => log.error("certificate not renewed", { error: messageOf(error) }),
  };
  keepRenewed(serving, renewal, signals.stop);
}

/** Every name and address by which the API server may call. */
function hostsOf({ namespace, host, publishUrl }: Options): readonly string[] {
  const service = `weir-server.${namespace}.svc`;
  const outside = publishUrl === undefined ? [] : [new URL(publishUrl).hostname.replace(/^\[|\]$/g, "")];
  const local = ["localhost", "127.0.0.1", "::1", ...(host === "0.0.0.0" || host === "::" ? [] : [host])];
  return [...new Set([service, `${service}.cluster.local`, ...outside, ...local])];
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
