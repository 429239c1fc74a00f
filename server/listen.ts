import { constants } from "node:crypto";
import type { RequestListener, Server } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { SecureContextOptions } from "node:tls";
import { WeirError } from "../api/index.ts";
import type { Pair } from "../certs/issue.ts";

/** The TLS side of the webhook, not yet listening; without a certificate until `setSecureContext`. */
export function createWebhookServer(app: RequestListener, context: SecureContextOptions = {}): TlsServer {
  const options = { ...context, requestCert: context.ca !== undefined, rejectUnauthorized: true };
  const server = createTlsServer({ ...options, connectionsCheckingInterval: 5_000 }, app);
  // The API server keeps idle connections for 90 s: closing earlier would cut off a call that is just being sent.
  server.keepAliveTimeout = 100_000;
  // It waits 5 s for an answer: what takes longer to arrive only holds a place.
  server.headersTimeout = 10_000;
  server.requestTimeout = 10_000;
  return server;
}

/** What every certificate is served with. Without tickets, so that a resumed session cannot pass with a certificate of before. */
export function contextOf(pair: Pair, clientCa?: string): SecureContextOptions {
  const shared = { ...pair, minVersion: "TLSv1.2" } as const;
  return clientCa === undefined ? shared : { ...shared, ca: clientCa, secureOptions: constants.SSL_OP_NO_TICKET };
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
