import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FaultProblem, parseFault } from "../../../sandbox/faults/catalog.ts";

describe("a fault as it was typed", () => {
  for (const [typed, milliseconds] of Object.entries({
    "1500": 1500,
    "1500ms": 1500,
    "2s": 2000,
    "0.5s": 500,
    "1m": 60_000,
  })) {
    it(`--milliseconds ${typed} is ${milliseconds} ms`, () => {
      assert.deepEqual(parseFault("delay", { milliseconds: typed }), { name: "delay", milliseconds });
    });
  }

  for (const typed of ["", "x", "-1", "1,5", "1 hour", "Infinity", "1e3"]) {
    it(`--milliseconds "${typed}" is refused`, () => {
      assert.throws(() => parseFault("delay", { milliseconds: typed }), FaultProblem);
    });
  }
});
