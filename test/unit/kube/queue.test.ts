import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { WeirError } from "../../../api/errors.ts";
import { createQueue, type Queue, type QueueOptions } from "../../../controller/kube/queue.ts";
import { type FakeClock, fakeClock } from "../fakeClock.ts";

describe("the queue", () => {
  let clock: FakeClock;
  let worked: string[];
  /** Ends the work on the oldest key. */
  let finish: ((error?: unknown) => void)[];
  let queue: Queue;

  const start = (options: Partial<QueueOptions> = {}): void => {
    queue = createQueue({
      clock,
      random: () => 0,
      concurrency: 2,
      process(key) {
        worked.push(key);
        return new Promise((resolve, reject) => {
          finish.push((error) => (error === undefined ? resolve() : reject(error)));
        });
      },
      ...options,
    });
  };
  const end = async (error?: unknown): Promise<void> => {
    finish.shift()?.(error);
    await clock.advance(0);
  };

  beforeEach(() => {
    clock = fakeClock();
    worked = [];
    finish = [];
    start();
  });

  it("works on a key once, however often it was added before", async () => {
    for (const key of ["a", "a", "b", "a"]) queue.add(key);
    await clock.advance(0);
    assert.deepEqual(worked, ["a", "b"]);
  });

  it("does not work inside the call that adds", () => {
    queue.add("a");
    assert.deepEqual(worked, []);
  });

  it("never has two workers on one key: what is added meanwhile comes again afterwards, once", async () => {
    queue.add("a");
    await clock.advance(0);
    queue.add("a");
    queue.add("a");
    await clock.advance(0);
    assert.deepEqual(worked, ["a"]);
    await end();
    assert.deepEqual(worked, ["a", "a"]);
    await end();
    assert.deepEqual(queue.depth, { waiting: 0, running: 0, planned: 0 });
  });

  it("works on no more keys at a time than it may, in their order", async () => {
    for (const key of ["a", "b", "c", "d"]) queue.add(key);
    await clock.advance(0);
    assert.deepEqual(worked, ["a", "b"]);
    await end();
    assert.deepEqual(worked, ["a", "b", "c"]);
  });

  it("of several plans the earliest wins, unless one replaces the others", async () => {
    queue.addAfter("a", 500);
    queue.addAfter("a", 200);
    queue.addAfter("a", 300);
    queue.addAfter("b", 200);
    queue.addAfter("b", 400, { replace: true });
    queue.addAfter("c", 100);
    queue.cancel("c");
    await clock.advance(200);
    assert.deepEqual(worked, ["a"]);
    await clock.advance(200);
    assert.deepEqual(worked, ["a", "b"]);
    assert.equal(clock.pending, 0);
  });

  it("retries with a wait that doubles up to the longest, and forgets failures after a success", async () => {
    const waits: number[] = [];
    start({ backoff: { firstMs: 5, longestMs: 30 }, onError: ({ waitMs }) => waits.push(waitMs) });
    queue.add("a");
    await clock.advance(0);
    for (let failures = 0; failures < 5; failures += 1) {
      await end(new Error("no"));
      await clock.advance(30);
    }
    await end();
    queue.add("a");
    await clock.advance(0);
    await end(new Error("no"));
    assert.deepEqual(waits, [5, 10, 20, 30, 30, 5]);
  });

  const patience: [string, WeirError, number][] = [
    ["Retry-After", new WeirError("api.unavailable", "retry", "slow down", { retryAfterMs: 7000 }), 7000],
    ["an error that stays", new WeirError("api.forbidden", "terminal", "no"), 60_000],
    ["a stale view", new WeirError("api.conflict", "conflict", "again"), 5],
  ];
  for (const [name, error, waitMs] of patience) {
    it(`waits as long as is right after ${name}`, async () => {
      start({ backoff: { longestMs: 60_000 } });
      queue.add("a");
      await clock.advance(0);
      await end(error);
      await clock.advance(waitMs - 1);
      assert.equal(worked.length, 1);
      await clock.advance(1);
      assert.equal(worked.length, 2);
    });
  }

  it("stops by letting work end, taking nothing more", async () => {
    for (const key of ["a", "b", "c"]) queue.add(key);
    queue.addAfter("d", 10);
    await clock.advance(0);
    const stopped = queue.stop();
    queue.add("e");
    await end();
    await end();
    await stopped;
    assert.deepEqual(worked, ["a", "b"]);
    assert.equal(clock.pending, 0);
  });

  it("stops by aborting work that takes longer than its grace", async () => {
    start({
      process: (_, signal) =>
        new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true })),
    });
    queue.add("a");
    await clock.advance(0);
    const stopped = queue.stop(1000);
    await clock.advance(1000);
    await stopped;
  });
});
