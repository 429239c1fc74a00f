import assert from "node:assert/strict";
import { it } from "node:test";
import { measureLoad } from "../bench/sandboxLoad.ts";

/** A small one: the full size and its figures are what `make bench` is for. */
it("many watches and steady writes: no watch misses an event", { timeout: 60_000 }, async () => {
  const figures = await measureLoad({ deployments: 200, watches: 40, writesPerSecond: 200, seconds: 2 });
  assert.equal(figures.watchesAstray, 0);
  assert.ok(figures.events >= 40 * 400, `${figures.events} events`);
});
