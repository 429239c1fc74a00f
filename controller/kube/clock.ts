/** Where time comes from. Everything that waits takes one, so that tests own time. */
export interface Clock {
  /** Wall time, for what people read. It may jump. */
  now(): Date;
  /** Milliseconds that only rise, for measuring. */
  monotonicMs(): number;
  /** Runs `run` once after `ms` milliseconds; the answer cancels it. */
  setTimer(ms: number, run: () => void): () => void;
}

// setTimeout fires at once for anything longer.
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  setTimer(ms, run) {
    let handle: NodeJS.Timeout;
    const arm = (left: number): void => {
      const part = Math.min(left, LONGEST_TIMEOUT_MS);
      handle = setTimeout(() => (left > part ? arm(left - part) : run()), part);
    };
    arm(Math.max(0, ms));
    return () => clearTimeout(handle);
  },
};

/** Resolves after `ms`, or at once when the signal aborts: ask the signal afterwards. Never rejects. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = (): void => {
      cancel();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = clock.setTimer(ms, finish);
    signal?.addEventListener("abort", finish, { once: true });
  });
}
