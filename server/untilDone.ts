import { setTimeout as delay } from "node:timers/promises";

const firstWaitMs = 500;
const longestWaitMs = 15_000;

export interface Persistence {
  /** Told of each failure and of the wait that follows. Throws to give up. */
  failed(error: unknown, retryMs: number): void;
  readonly signal: AbortSignal;
}

/** Tries until it is done: the API server, and what is installed on it, may come after us. Undefined when told to stop. */
export async function untilDone<T>(
  attempt: () => Promise<T>,
  { failed, signal }: Persistence,
): Promise<{ readonly done: T } | undefined> {
  for (let waitMs = firstWaitMs; !signal.aborted; waitMs = Math.min(longestWaitMs, waitMs * 2)) {
    try {
      return { done: await attempt() };
    } catch (error) {
      failed(error, waitMs);
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }
  return undefined;
}
