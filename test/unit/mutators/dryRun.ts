import assert from "node:assert/strict";
import type { Outcome } from "../../../mutators/types.ts";

const warningsOf = (outcome: Outcome) => (outcome.kind === "refused" ? [] : outcome.warnings);

/** What holds for every dry run: the patch and the verdict of the real write, its warnings in their order, and others beside them. */
export function assertSameForDryRun(dry: Outcome, real: Outcome): void {
  const [told, wanted] = [warningsOf(dry), warningsOf(real)];
  assert.deepEqual({ ...dry, warnings: [] }, { ...real, warnings: [] });
  assert.deepEqual(
    told.filter((line) => wanted.includes(line)),
    wanted,
  );
  // Above 4096 characters in all the API server cuts and drops; equal lines are told once.
  assert.ok(told.reduce((sum, line) => sum + [...line].length, 0) <= 4096);
  assert.equal(new Set(told).size, told.length);
}
