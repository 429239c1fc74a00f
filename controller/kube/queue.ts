import { WeirError } from "../../api/errors.ts";
import { type Clock, pause, systemClock } from "./clock.ts";

export interface QueueOptions {
  /** Looks at one key. What it throws is retried with backoff; terminal errors at the slowest pace. */
  readonly process: (key: string, signal: AbortSignal) => Promise<void>;
  /** Keys worked on at the same time. One key never has two workers. */
  readonly concurrency: number;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Doubles from the first to the longest with every failure in a row; 5 ms and 1000 s unless stated. */
  readonly backoff?: { readonly firstMs?: number; readonly longestMs?: number };
  readonly onError?: (failure: { key: string; error: unknown; failures: number; waitMs: number }) => void;
}

/** Keys to look at: each at most once in line, whatever happened to it (level-based, never an event). */
export interface Queue {
  /** Now; again when it is being worked on. */
  add(key: string): void;
  /** Later; the earliest of several wins, unless `replace` says that this one counts. */
  addAfter(key: string, ms: number, options?: { readonly replace?: boolean }): void;
  /** Takes back what `addAfter` planned. */
  cancel(key: string): void;
  /** Keys in line, at work, and planned. */
  readonly depth: { readonly waiting: number; readonly running: number; readonly planned: number };
  /** Takes nothing more, lets what runs finish, and aborts it after `graceMs`. */
  stop(graceMs?: number): Promise<void>;
}

const FIRST_BACKOFF_MS = 5;
const LONGEST_BACKOFF_MS = 1_000_000;

interface Plan {
  readonly atMs: number;
  readonly cancel: () => void;
}

/** Starts working at once. */
export function createQueue(options: QueueOptions): Queue {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const firstMs = options.backoff?.firstMs ?? FIRST_BACKOFF_MS;
  const longestMs = options.backoff?.longestMs ?? LONGEST_BACKOFF_MS;
  const waiting = new Set<string>();
  const running = new Map<string, Promise<void>>();
  const again = new Set<string>();
  const plans = new Map<string, Plan>();
  const failures = new Map<string, number>();
  const abort = new AbortController();
  let stopped = false;

  const add = (key: string): void => {
    if (stopped) return;
    if (running.has(key)) again.add(key);
    else waiting.add(key);
    start();
  };

  const start = (): void => {
    for (const key of waiting) {
      if (running.size >= options.concurrency) return;
      waiting.delete(key);
      running.set(key, work(key));
    }
  };

  const work = async (key: string): Promise<void> => {
    try {
      // The caller of `add` goes on first: a listener must not find itself inside a reconciliation.
      await Promise.resolve();
      await options.process(key, abort.signal);
      failures.delete(key);
    } catch (error) {
      retry(key, error);
    } finally {
      running.delete(key);
      if (again.delete(key)) add(key);
      if (!stopped) start();
    }
  };

  const retry = (key: string, error: unknown): void => {
    const count = (failures.get(key) ?? 0) + 1;
    failures.set(key, count);
    const waitMs = backoffOf(error, count);
    if (!stopped) options.onError?.({ key, error, failures: count, waitMs });
    addAfter(key, waitMs);
  };

  const backoffOf = (error: unknown, count: number): number => {
    const known = error instanceof WeirError ? error : undefined;
    if (known?.class === "terminal") return longestMs;
    const doubled = Math.min(longestMs, firstMs * 2 ** Math.min(count - 1, 40));
    // A little jitter, so that keys that failed together don't come back together.
    return Math.max(doubled * (1 - 0.1 * random()), known?.retryAfterMs ?? 0);
  };

  const addAfter = (key: string, ms: number, { replace = false } = {}): void => {
    if (stopped) return;
    const atMs = clock.monotonicMs() + Math.max(0, ms);
    const planned = plans.get(key);
    if (planned !== undefined && !replace && planned.atMs <= atMs) return;
    planned?.cancel();
    if (ms <= 0) {
      plans.delete(key);
      add(key);
      return;
    }
    const cancel = clock.setTimer(ms, () => {
      plans.delete(key);
      add(key);
    });
    plans.set(key, { atMs, cancel });
  };

  const cancel = (key: string): void => {
    plans.get(key)?.cancel();
    plans.delete(key);
  };

  return {
    add,
    addAfter,
    cancel,
    get depth() {
      return { waiting: waiting.size + again.size, running: running.size, planned: plans.size };
    },
    async stop(graceMs = 10_000) {
      stopped = true;
      waiting.clear();
      again.clear();
      for (const key of [...plans.keys()]) cancel(key);
      const idle = Promise.all(running.values());
      const enough = new AbortController();
      const grace = pause(clock, graceMs, enough.signal).then(() => abort.abort());
      await idle;
      enough.abort();
      await grace;
    },
  };
}
