import { messageOf } from "../api/index.ts";
import { type Clock, pause } from "./kube/clock.ts";

/**
 * What is told to the world outside (alerts, event hooks): beside the queue, so that nothing of it ever holds up a canary. In one lane,
 * things are sent one after the other in their order; lanes do not wait for each other.
 */
export interface Outbox {
  /** `send` resolves with what went wrong, in words. `failed` hears of it once, and again only after something got through. */
  post(lane: string, send: (signal: AbortSignal) => Promise<string | undefined>, failed: Failed): void;
  /** Waits for what is on its way, at most `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

type Failed = (problem: string) => void;

/** Far more than a release says. A lane gets this long only when its receiver hangs; what is more is dropped. */
const laneCapacity = 100;
/** Lanes that are remembered as failing; for older ones, a failure is told again. */
const remembered = 4096;

interface Lane {
  waiting: number;
  tail: Promise<void>;
}

export function createOutbox(clock: Clock): Outbox {
  const lanes = new Map<string, Lane>();
  const failing = new Set<string>();
  const abort = new AbortController();

  const settle = (lane: string, problem: string | undefined, failed: Failed): void => {
    const known = failing.delete(lane);
    if (problem === undefined || abort.signal.aborted) return;
    failing.add(lane);
    const [oldest] = failing;
    if (failing.size > remembered && oldest !== undefined) failing.delete(oldest);
    if (!known) failed(problem);
  };

  return {
    post(name, send, failed) {
      if (abort.signal.aborted) return;
      const lane = lanes.get(name) ?? { waiting: 0, tail: Promise.resolve() };
      if (lane.waiting >= laneCapacity)
        return settle(name, `${laneCapacity} calls wait already, this one is dropped`, failed);
      lane.waiting += 1;
      lanes.set(name, lane);
      lane.tail = lane.tail
        .then(() => send(abort.signal))
        .catch(messageOf)
        .then((problem) => {
          settle(name, problem, failed);
          lane.waiting -= 1;
          if (lane.waiting === 0) lanes.delete(name);
        });
    },
    async stop(graceMs) {
      const enough = new AbortController();
      const grace = pause(clock, graceMs, enough.signal).then(() => abort.abort());
      await Promise.all([...lanes.values()].map(({ tail }) => tail));
      enough.abort();
      await grace;
    },
  };
}
