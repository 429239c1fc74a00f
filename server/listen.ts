import type { RequestListener, Server } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { WeirError } from "../api/index.ts";
import type { Pair } from "../certs/issue.ts";

/** The TLS side of the webhook, not yet listening. */
export function createWebhookServer(pair: Pair, app: RequestListener): TlsServer {
  const server = createTlsServer({ ...pair, minVersion: "TLSv1.2" }, app);
  // The API server keeps idle connections for 90 s: closing earlier would cut off a call that is just being sent.
  server.keepAliveTimeout = 100_000;
  server.headersTimeout = 32_000;
  server.requestTimeout = 35_000;
  return server;
}

/** Listens, and resolves with the port. A port in use is told with the flag that chooses another. */
export function listen(server: Server | TlsServer, host: string, port: number, flag: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(refused(error, host, port, flag)));
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

function refused(error: NodeJS.ErrnoException, host: string, port: number, flag: string): WeirError {
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} on ${host} is in use: stop the other process, or choose another port with ${flag}`,
    EACCES: `port ${port} on ${host} is not allowed for this user: choose one above 1023 with ${flag}`,
    EADDRNOTAVAIL: `${host} is no address of this machine: choose another with --host`,
  };
  const message = why[error.code ?? ""] ?? `cannot listen on ${host}:${port}: ${error.message}`;
  return new WeirError("config.invalid", "terminal", message, { cause: error });
}
