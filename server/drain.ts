import type { Server } from "node:http";
import type { Server as TlsServer } from "node:https";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Goes down without losing a call. The API server goes on calling a pod that is going away until its connection is closed:
 *
 *   SIGTERM ── readiness 503, "Connection: close" on every answer ──┐ drainSeconds: endpoints spread
 *              close the listener and idle connections ◄────────────┘
 *              wait for what is in flight, 5 s at most ── cut the rest
 *
 * Readiness and the header follow from `draining` of the app; the caller sets it before.
 */
export async function drain(server: Server | TlsServer, drainSeconds: number, hurry: AbortSignal): Promise<void> {
  await delay(drainSeconds * 1000, undefined, { signal: hurry }).catch(() => undefined);
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), 5_000);
  await closed;
  clearTimeout(cut);
}

/** Closes a server at once. */
export async function closeNow(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
