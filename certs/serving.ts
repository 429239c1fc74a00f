import { X509Certificate } from "node:crypto";
import type { AuthorityStore } from "./authorityStore.ts";
import { issueServing, type Pair } from "./issue.ts";

/** What the TLS server needs now, and until when it is good. */
export interface Serving {
  readonly pair: Pair;
  /** PEM of every authority a caller must trust. More than one while a rotation is under way. */
  readonly bundle: string;
  readonly notAfter: Date;
  /** Two thirds of its life: time for a new one. */
  readonly renewAt: Date;
}

/** Loads the authority and signs a leaf for the hosts. */
export async function obtainServing(store: AuthorityStore, hosts: readonly string[], now: Date): Promise<Serving> {
  const authority = await store.load(now);
  const pair = await issueServing(authority, hosts, now);
  const { validFromDate, validToDate } = new X509Certificate(pair.cert);
  const life = validToDate.getTime() - validFromDate.getTime();
  return {
    pair,
    bundle: authority.cert,
    notAfter: validToDate,
    renewAt: new Date(validFromDate.getTime() + (life * 2) / 3),
  };
}

export interface Renewal {
  readonly now: () => Date;
  obtain(now: Date): Promise<Serving>;
  /** Told of each new certificate: swap it in. */
  renewed(serving: Serving): void | Promise<void>;
  failed(error: unknown): void;
}

/**
 * Renews by wall clock, asked once a minute: a machine that slept must not wait for a timer of months. A failure keeps the old
 * certificate, which has a third of its life left, and is tried again the next minute.
 */
export function keepRenewed(first: Serving, renewal: Renewal, signal: AbortSignal): void {
  let current = first;
  let busy = false;
  const check = async () => {
    const now = renewal.now();
    if (busy || now < current.renewAt) {
      return;
    }
    busy = true;
    try {
      current = await renewal.obtain(now);
      await renewal.renewed(current);
    } catch (error) {
      renewal.failed(error);
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(() => void check(), 60_000);
  timer.unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}
