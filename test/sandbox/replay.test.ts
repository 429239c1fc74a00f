/** Plays what a real API server was recorded doing, request by request, and compares every answer. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { judge, knownDifferences } from "../replay/knownDifferences.ts";
import type { StepResult } from "../replay/result.ts";
import { scenarios } from "../replay/suite.ts";

const known = knownDifferences();
const played: StepResult[] = [];
/** As many steps as this are to be answered as recorded. */
const leastEqual = 0.95;

describe("the sandbox answers as a real API server was recorded", { concurrency: 8 }, () => {
  for (const scenario of scenarios()) {
    it(scenario.name, async () => {
      const results = await scenario.play();
      played.push(...results);
      const { unlisted, settled } = judge(results, known);
      assert.deepEqual(unlisted, [], "differences have to stand in the table of sandbox/README.md");
      assert.deepEqual(settled, [], "what is answered as recorded has to leave the table of sandbox/README.md");
    });
  }

  after(() => {
    const { steps, equal, listed } = judge(played, known);
    assert.ok(equal >= steps * leastEqual, `${equal} of ${steps} steps are equal, ${listed} are listed`);
  });
});

describe("the table of differences", () => {
  const table = "| kinds | `http/a` 1, 3-4; `webhooks/b-c` 7 | 404 | they are not served |\n| pods | none | | |";
  const result = (scenario: string, step: number, ...differences: string[]) => ({
    scenario,
    step,
    about: "",
    differences,
  });

  it("names steps one by one and in ranges", () => {
    const rows = knownDifferences(table).map(({ scenario, steps }) => [scenario, [...steps]]);
    assert.deepEqual(rows, [
      ["http/a", [1, 3, 4]],
      ["webhooks/b-c", [7]],
    ]);
  });

  it("tells differences that are not in it, and steps in it that differ no longer", () => {
    const results = [
      result("http/a", 1, "status"),
      result("http/a", 2, "body"),
      result("http/a", 3),
      result("http/a", 5),
    ];
    const verdict = judge(results, knownDifferences(table));
    assert.deepEqual(verdict, { steps: 4, equal: 2, listed: 1, unlisted: [results[1]], settled: ["http/a 3"] });
  });

  it("excuses nothing but the path that a row begins with", () => {
    const narrow = knownDifferences("| prose | `http/a` 1-2 | `.description` is empty | it is prose |");
    const results = [
      result("http/a", 1, "body.x.description: want a"),
      result("http/a", 2, "body.x.description: want a", "body.y"),
    ];
    assert.deepEqual(judge(results, narrow).unlisted, [results[1]]);
  });
});
