import { assertNever, type Canary, eventReason, keyOf, messageOf, type Resource } from "../api/index.ts";
import { createAsker } from "./ask.ts";
import { createDispatchers } from "./hooks/dispatchers.ts";
import { createApi } from "./kube/api.ts";
import { type Clock, systemClock } from "./kube/clock.ts";
import { loadKubeConfig } from "./kube/config.ts";
import { createRecorder } from "./kube/events.ts";
import { type Lease, startLease } from "./kube/lease.ts";
import type { Incident } from "./kube/listWatch.ts";
import type { Logger } from "./kube/log.ts";
import { createQueue, type Queue } from "./kube/queue.ts";
import { createTransport, fenceWrites, type Transport } from "./kube/transport.ts";
import { createLoop } from "./loop.ts";
import { createMetrics } from "./metrics.ts";
import { type Caches, createCaches } from "./observe/caches.ts";
import { createConfigs } from "./observe/configs.ts";
import { createPods } from "./observe/pods.ts";
import { allRefs, refsOf } from "./observe/refs.ts";
import { createOutbox } from "./outbox.ts";
import type { Settings } from "./settings.ts";
import { startStatusServer } from "./statusServer.ts";
import { createTellers } from "./tellers.ts";

export interface RunOptions {
  readonly settings: Settings;
  readonly version: string;
  /** Unique among all replicas, restarts included. */
  readonly identity: string;
  readonly log: Logger;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
  /** The lease is gone: leave, at once. */
  readonly onLost: () => void;
}

export interface Running {
  /** Where /metrics and the health checks are. */
  readonly port: number;
  readonly caches: Caches;
  stop(): Promise<void>;
}

/** No write may take longer than this: it bounds what a controller that lost its lease can still do, in milliseconds. */
const writeTimeoutMs = 5_000;
/** How long alerts and event hooks of the last moment may take when the process ends, in milliseconds. */
const farewellMs = 2_000;
const longestBackoffMs = 60_000;

/** Puts the controller together. Caches fill on every replica; only the leader works on canaries. */
export async function startController(options: RunOptions): Promise<Running> {
  const { settings, log } = options;
  const clock = options.clock ?? systemClock;
  const cluster = await loadKubeConfig({
    env: options.env,
    ...(settings.kubeconfig === undefined ? {} : { path: settings.kubeconfig }),
  });
  const metrics = createMetrics({ version: options.version, meshProvider: settings.meshProvider });
  const dispatchers = createDispatchers(options.env);
  let ready = (): boolean => false;
  // First, for a process that cannot have its port must not take the lease, nor leave anything running.
  const status = await startStatusServer({
    host: settings.host,
    port: settings.port,
    registry: metrics.registry,
    ready: () => ready(),
  });
  const transport = createTransport(cluster, { userAgent: `weir-controller/${options.version}`, clock });
  const lease = settings.leaderElection ? lead(options, transport, clock) : undefined;
  const api = createApi(lease === undefined ? transport : fenceWrites(transport, lease.refuseWrites, writeTimeoutMs));
  const recorder = createRecorder({ api, component: "flagger", clock });

  let queue: Queue | undefined;
  const caches = createCaches({
    transport,
    clock,
    refsOf: (canary) => allRefs(refsOf(canary, settings.meshProvider)),
    onChange: (key) => queue?.add(key),
    onIncident: (resource, incident) => report(log, resource, incident),
    ...(settings.namespace === undefined ? {} : { namespace: settings.namespace }),
  });
  const outbox = createOutbox(clock);
  const complain = (canary: Canary, message: string): void => {
    log.warn(message, { canary: keyOf(canary.metadata) });
    recorder.record({ object: canary, type: "Warning", reason: eventReason, message });
  };
  const configs = !settings.configTracking
    ? undefined
    : createConfigs({
        transport,
        api,
        clock,
        onChange: (key) => queue?.add(key),
        onIncident: (resource, incident) => report(log, resource, incident),
        onError: (what, error) => log.warn("reading failed", { what, error }),
      });
  const pods = createPods({
    transport,
    clock,
    onChange: (key) => queue?.add(key),
    onIncident: (resource, incident) => report(log, resource, incident),
  });
  const loop = createLoop({
    tellers: createTellers({ api, outbox, settings, dispatchers, clock, complain }),
    settings,
    caches,
    configs,
    pods,
    api,
    asker: createAsker({ api, caches, settings, dispatchers, clock }),
    recorder,
    metrics,
    log,
    clock,
    wakeAfter: (key, ms) => queue?.addAfter(key, ms, { replace: true }),
  });
  ready = () => caches.hasSynced;

  let stopping = false;
  const work = (): void => {
    if (stopping) return;
    queue = createQueue({
      process: loop.pass,
      concurrency: settings.concurrency,
      clock,
      backoff: { longestMs: longestBackoffMs },
      onError: ({ key, error, failures, waitMs }) =>
        log.warn("canary pass failed", { canary: key, error: messageOf(error), failures, waitMs }),
    });
    for (const canary of caches.canaries.list()) queue.add(keyOf(canary.metadata));
    log.info("working", { identity: options.identity });
  };
  if (lease === undefined) work();
  else void lease.acquired.then(work);
  log.info("started", { port: status.port, server: cluster.server, meshProvider: settings.meshProvider });

  return {
    port: status.port,
    caches,
    async stop() {
      // A lease that comes now comes too late.
      stopping = true;
      await queue?.stop(writeTimeoutMs);
      await loop.stop();
      await outbox.stop(farewellMs);
      await recorder.stop(1_000);
      await configs?.stop();
      await pods.stop();
      await caches.stop();
      await status.close();
      await dispatchers.close();
      await lease?.stop();
      await transport.close();
    },
  };
}

function lead(options: RunOptions, transport: Transport, clock: Clock): Lease {
  const { settings, log } = options;
  return startLease({
    api: createApi(transport),
    namespace: settings.namespace ?? settings.leaderElectionNamespace,
    name: "weir-controller",
    identity: options.identity,
    clock,
    requestTimeoutMs: writeTimeoutMs,
    onLost: () => {
      log.error("lost the lease", { identity: options.identity });
      options.onLost();
    },
    onError: (message) => log.warn("lease", { error: message }),
  });
}

function report(log: Logger, resource: Resource, incident: Incident): void {
  const where = { resource: resource.plural };
  switch (incident.kind) {
    case "failed":
      log.warn("watch failed", { ...where, error: incident.error.message, waitMs: incident.waitMs });
      break;
    case "relisted":
      if (incident.missed > 0)
        log.error("watch had missed changes", { ...where, missed: incident.missed, total: incident.total });
      break;
    case "notServed":
      log.info("kind is not served", where);
      break;
    case "listenerFailed":
      log.error("listener failed", { ...where, error: incident.message });
      break;
    default:
      assertNever(incident);
  }
}
