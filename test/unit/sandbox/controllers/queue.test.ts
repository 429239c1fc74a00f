import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ApiError } from "../../../../sandbox/apiserver/types.ts";
import { KeyQueue } from "../../../../sandbox/controllers/queue.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("the work queue of the controllers", () => {
  it("works once on a key that was added often", async () => {
    const worked: string[] = [];
    const queue = new KeyQueue({ sync: async (key) => void worked.push(key) as undefined, failed: assert.fail });
    for (const key of ["a", "b", "a", "a"]) queue.add(key);
    await turn();
    await queue.stop();
    assert.deepEqual(worked, ["a", "b"]);
  });

  it("works again on a key that was added while it was worked on, and never twice at a time", async () => {
    const gates: (() => void)[] = [];
    let active = 0;
    const sync = async (): Promise<undefined> => {
      active += 1;
      assert.equal(active, 1);
      await new Promise<void>((resolve) => gates.push(resolve));
      active -= 1;
    };
    const queue = new KeyQueue({ sync, failed: assert.fail });
    queue.add("a");
    await turn();
    queue.add("a");
    await turn();
    assert.equal(gates.length, 1);
    gates[0]?.();
    await turn();
    await turn();
    assert.equal(gates.length, 2);
    gates[1]?.();
    await queue.stop();
  });

  it("tries again after a failure, and tells of failures but not of conflicts", async () => {
    const told: string[] = [];
    let tries = 0;
    const done = Promise.withResolvers<void>();
    const sync = async (): Promise<undefined> => {
      tries += 1;
      if (tries === 1) throw new ApiError(409, "Conflict", "somebody was faster");
      if (tries === 2) throw new Error("broken");
      done.resolve();
    };
    const queue = new KeyQueue({ sync, failed: (_key, error) => told.push(String(error)) });
    queue.add("a");
    await done.promise;
    await queue.stop();
    assert.deepEqual(told, ["Error: broken"]);
  });

  it("waits at its end for what runs and starts nothing more", async () => {
    const gate = Promise.withResolvers<void>();
    const worked: string[] = [];
    const sync = async (key: string): Promise<number> => {
      await gate.promise;
      worked.push(key);
      return 1;
    };
    const queue = new KeyQueue({ sync, failed: assert.fail, concurrency: 1 });
    queue.add("a");
    queue.add("b");
    await turn();
    const stopped = queue.stop();
    gate.resolve();
    await stopped;
    queue.add("c");
    await turn();
    assert.deepEqual(worked, ["a"]);
  });
});
