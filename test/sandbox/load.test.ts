import assert from "node:assert/strict";
import { it } from "node:test";
import { measureLoad } from "../bench/sandboxLoad.ts";
import { shapes } from "../bench/views.ts";

/** A small one: the full size and its figures are what `make bench` is for. */
it("many watches and steady writes: every watch ends with the view of a list, and missed no event", {
  timeout: 300_000,
}, async () => {
  const measured = await measureLoad({ deployments: 100, watches: 25, writesPerSecond: 100, seconds: 1 });
  for (const shape of shapes) {
    const { watchesAstray, missedEvents, events } = measured.shapes[shape];
    assert.deepEqual({ shape, watchesAstray, missedEvents }, { shape, watchesAstray: 0, missedEvents: 0 });
    assert.equal(events, shape === "all" ? 25 * 100 : 100);
  }
});
