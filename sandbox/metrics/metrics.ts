import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "../apiserver/types.ts";
import type { Locate } from "../network/directory.ts";
import { listen } from "../network/entryPoint.ts";
import { pipe } from "../network/pipe.ts";
import { printExposition, type Sample } from "./exposition.ts";
import { findPrometheus, type PrometheusProcess, startPrometheus } from "./prometheus.ts";
import { handleQueries } from "./queryApi.ts";
import { createSampleStore } from "./sampleStore.ts";
import { createCollector, type Target } from "./targets.ts";

export interface MetricsOptions {
  readonly client: Client;
  /** Exporters that are no pods. */
  readonly targets: () => readonly Target[];
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
  /** Folders to look for the program `prometheus` in, in the form of `PATH`. Absent: don't look, use the embedded store. */
  readonly searchPath?: string;
  /** An empty folder for the program's data; removed at the end. */
  readonly folder?: string;
  /** Between two scrapes. Default: 1000. */
  readonly intervalMs?: number;
  readonly port?: number;
  readonly locate?: Locate;
}

/** The cluster's metrics, behind the HTTP API of Prometheus. */
export interface Metrics {
  readonly url: string;
  readonly port: number;
  /** Who answers. Settles when that is decided; queries that come earlier wait for it. */
  readonly backend: Promise<"prometheus" | "embedded">;
  /** Lets queries break off ("lost") or wait so many milliseconds; undefined: neither. */
  disturb(how: "lost" | number | undefined): void;
  stop(): Promise<void>;
}

/** Where Prometheus finds everything on one page. */
const PAGE = "/sandbox/metrics";

/** Scrapes pods and exporters, with the program `prometheus` where it is found and with the embedded store otherwise. */
export async function startMetrics(options: MetricsOptions): Promise<Metrics> {
  const { log, intervalMs = 1000 } = options;
  const collector = createCollector(
    options.client,
    options.targets,
    options.locate ?? ((host, port) => ({ host, port })),
  );
  const store = createSampleStore();
  const answerEmbedded = handleQueries(store, Date.now);
  const gatherPage = async (response: ServerResponse): Promise<void> => {
    const samples = (await collector.collect()).flatMap((scrape) => scrape.samples);
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4" });
    response.end(printExposition(firstOfEach(samples)));
  };
  let running: PrometheusProcess | undefined;
  const leaving = new AbortController();
  let stopped = false;
  let disturbance: "lost" | number | undefined;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.url === PAGE) return gatherPage(response);
    if (disturbance !== undefined && !(await endure(disturbance, response))) return;
    if ((await backend) === "prometheus" && running !== undefined) {
      pipe(request, response, { host: "127.0.0.1", port: running.port }, request.url ?? "/");
    } else answerEmbedded(request, response);
  };
  const front = await listen((request, response) => {
    answer(request, response).catch((error) => response.destroy(error));
  }, options.port);

  let timer: NodeJS.Timeout | undefined;
  const scrapeEmbedded = (): "embedded" => {
    const round = async (): Promise<void> => {
      const at = Date.now();
      const scrapes = await collector.collect();
      const seen = new Set(scrapes.map((scrape) => scrape.source));
      for (const scrape of scrapes) store.append(scrape.source, scrape.samples, at);
      for (const source of known) if (!seen.has(source)) store.append(source, [], at);
      known = seen;
      if (!stopped) timer = setTimeout(run, Math.max(0, at + intervalMs - Date.now()));
    };
    const run = (): void => {
      round().catch((error) => log("a scrape failed", { error: String(error) }));
    };
    let known = new Set<string>();
    run();
    return "embedded";
  };
  const decide = async (): Promise<"prometheus" | "embedded"> => {
    const program = options.searchPath === undefined ? undefined : findPrometheus(options.searchPath);
    if (program === undefined || options.folder === undefined) return scrapeEmbedded();
    try {
      running = await startPrometheus(
        program,
        options.folder,
        { port: front.port, path: PAGE, intervalMs },
        leaving.signal,
      );
      void running.ended.then((why) => {
        running = undefined;
        if (stopped) return;
        log("prometheus is gone, the embedded store takes over", { why });
        scrapeEmbedded();
      });
      return "prometheus";
    } catch (error) {
      if (stopped) return "embedded";
      log("prometheus does not start, the embedded store is used", { error: String(error) });
      return scrapeEmbedded();
    }
  };
  const backend = decide();

  return {
    url: `http://127.0.0.1:${front.port}`,
    port: front.port,
    backend,
    disturb: (how) => {
      disturbance = how;
    },
    stop: async () => {
      stopped = true;
      leaving.abort();
      await backend;
      await running?.stop();
      clearTimeout(timer);
      await front.close();
      await collector.stop();
    },
  };
}

/** False: the query is lost, or its asker has gone meanwhile. */
async function endure(disturbance: "lost" | number, response: ServerResponse): Promise<boolean> {
  if (disturbance !== "lost") await delay(disturbance, undefined, { ref: false });
  else response.destroy();
  return !response.destroyed;
}

/** Prometheus refuses a page on which a series appears twice. */
function firstOfEach(samples: readonly Sample[]): Sample[] {
  const seen = new Set<string>();
  return samples.filter(({ labels }) => {
    const key = JSON.stringify(labels);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
