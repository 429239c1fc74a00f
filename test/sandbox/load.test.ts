import assert from "node:assert/strict";
import { it } from "node:test";
import { measureLoad, shapes } from "../bench/sandboxLoad.ts";

/** A small one: the full size and its figures are what `make bench` is for. */
it("many watches and steady writes: every watch ends with the view of a list, and missed no event", {
  timeout: 60_000,
}, async () => {
  const measured = await measureLoad({ deployments: 200, watches: 40, writesPerSecond: 200, seconds: 2 });
  for (const shape of shapes) {
    const { watchesAstray, missedEvents, events } = measured.shapes[shape];
    assert.deepEqual({ shape, watchesAstray, missedEvents }, { shape, watchesAstray: 0, missedEvents: 0 });
    assert.equal(events, shape === "all" ? 40 * 400 : 400);
  }
});
