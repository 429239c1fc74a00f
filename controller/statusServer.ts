import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { WeirError } from "../api/index.ts";

export interface StatusServer {
  readonly port: number;
  close(): Promise<void>;
}

/** `/healthz` (the process answers), `/readyz` (caches are filled), `/metrics`. Plain HTTP, no state of its own. */
export async function startStatusServer(options: {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  readonly ready: () => boolean;
}): Promise<StatusServer> {
  const server = createServer(
    { keepAliveTimeout: 15_000, headersTimeout: 5_000, requestTimeout: 5_000 },
    async (request, response) => {
      request.resume();
      const path = (request.url ?? "").split("?")[0];
      if (path === "/healthz") return void response.end("OK");
      if (path === "/readyz")
        return void response
          .writeHead(options.ready() ? 200 : 503)
          .end(options.ready() ? "OK" : "caches are not filled yet");
      if (path === "/metrics") {
        const text = await options.registry.metrics().catch(() => undefined);
        if (text === undefined) return void response.writeHead(500).end("a metric could not be read");
        return void response.writeHead(200, { "content-type": options.registry.contentType }).end(text);
      }
      response
        .writeHead(404, { "content-type": "application/json" })
        .end('{"error":"not found: /healthz, /readyz and /metrics are here"}');
    },
  );
  await listen(server, options.host, options.port);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const why = cause.code === "EADDRINUSE" ? "it is in use: choose another one with --port" : cause.message;
      reject(new WeirError("config.invalid", "terminal", `cannot listen on ${host}:${port}: ${why}`, { cause }));
    });
    server.listen(port, host, resolve);
  });
}
