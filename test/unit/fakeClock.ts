import type { Clock } from "../../controller/kube/clock.ts";

/** A clock that stands still until it is told to move. */
export interface FakeClock extends Clock {
  /** Moves time and runs the timers that fall due, in their order, letting promises settle after each. */
  advance(ms: number): Promise<void>;
  /** Timers that are armed. */
  readonly pending: number;
  /** Resolves once at least `count` timers are armed. */
  armed(count: number): Promise<void>;
}

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** `start` is the wall time at which monotonic time is 0. */
export function fakeClock(start = new Date("2026-01-01T00:00:00Z")): FakeClock {
  let elapsed = 0;
  let timers: Timer[] = [];
  let waiters: { count: number; resolve: () => void }[] = [];

  const tellWaiters = (): void => {
    const ready = waiters.filter((waiter) => timers.length >= waiter.count);
    waiters = waiters.filter((waiter) => timers.length < waiter.count);
    for (const waiter of ready) waiter.resolve();
  };

  return {
    now: () => new Date(start.getTime() + elapsed),
    monotonicMs: () => elapsed,
    setTimer(ms, run) {
      const timer = { at: elapsed + Math.max(0, ms), run };
      timers.push(timer);
      timers.sort((a, b) => a.at - b.at);
      tellWaiters();
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    async advance(ms) {
      const end = elapsed + ms;
      for (;;) {
        await settle();
        const next = timers[0];
        if (next === undefined || next.at > end) break;
        timers.shift();
        elapsed = Math.max(elapsed, next.at);
        next.run();
      }
      elapsed = end;
      await settle();
    },
    get pending() {
      return timers.length;
    },
    armed(count) {
      return new Promise((resolve) => {
        waiters.push({ count, resolve });
        tellWaiters();
      });
    },
  };
}

/** Lets everything run that waits for nothing but a microtask or a finished callback. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
