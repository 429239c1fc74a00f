import { createServer, type Server } from "node:http";
import type { Metrics } from "./metrics.ts";

export interface StatusOptions {
  /** Why the process should get no traffic, or undefined when it may. */
  notReady(): string | undefined;
  /** Brings gauges up to date before they are read. */
  refresh(): void;
  readonly metrics: Metrics;
}

/** `/healthz`, `/readyz` and `/metrics`, on a port of their own without TLS. */
export function createStatusServer({ notReady, refresh, metrics }: StatusOptions): Server {
  return createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    const answer = (status: number, text: string, type = "text/plain; charset=utf-8") => {
      response.writeHead(status, { "Content-Type": type }).end(text);
    };
    const path = (request.url ?? "").split("?")[0];
    if (request.method !== "GET" && request.method !== "HEAD") {
      answer(405, "use GET\n");
    } else if (path === "/healthz") {
      answer(200, "ok\n");
    } else if (path === "/readyz") {
      const why = notReady();
      answer(why === undefined ? 200 : 503, why === undefined ? "ok\n" : `${why}\n`);
    } else if (path === "/metrics") {
      refresh();
      metrics.render().then(
        (text) => answer(200, text, metrics.contentType),
        () => answer(500, "metrics cannot be rendered\n"),
      );
    } else {
      answer(404, "there are /healthz, /readyz and /metrics\n");
    }
  });
}
