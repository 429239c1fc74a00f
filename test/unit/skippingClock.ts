import { type Clock, systemClock } from "../../controller/kube/clock.ts";

/** The real clock, which can be made to skip: for tests in which real sockets talk and time shall pass all the same. */
export interface SkippingClock extends Clock {
  /** Lets time pass at once; what falls due meanwhile runs, in its order. */
  skip(ms: number): void;
}

export function skippingClock(): SkippingClock {
  let skipped = 0;
  const timers = new Set<{ readonly at: number; readonly run: () => void; readonly cancel: () => void }>();
  const monotonicMs = (): number => systemClock.monotonicMs() + skipped;
  return {
    now: () => new Date(systemClock.now().getTime() + skipped),
    monotonicMs,
    setTimer(ms, run) {
      const timer = {
        at: monotonicMs() + ms,
        run(): void {
          timers.delete(timer);
          timer.cancel();
          run();
        },
        cancel: systemClock.setTimer(ms, () => timer.run()),
      };
      timers.add(timer);
      return () => {
        timers.delete(timer);
        timer.cancel();
      };
    },
    skip(ms) {
      skipped += ms;
      const due = [...timers].filter(({ at }) => at <= monotonicMs()).sort((a, b) => a.at - b.at);
      for (const timer of due) timer.run();
    },
  };
}
