import { readFileSync } from "node:fs";
import type { StepResult } from "./result.ts";

/** A row of the table in `sandbox/README.md`. */
export interface KnownDifference {
  readonly feature: string;
  readonly scenario: string;
  readonly steps: ReadonlySet<number>;
  /** Only differences at paths that end in this are excused. */
  readonly only: string | undefined;
}

const readme = new URL("../../sandbox/README.md", import.meta.url);

/** The table of what the sandbox answers differently from a real API server. */
export function knownDifferences(text = readFileSync(readme, "utf8")): KnownDifference[] {
  const rows = text.split("\n").filter((line) => /^\|.*`(http|webhooks)\//.test(line));
  return rows.flatMap((row) => {
    const [, feature = "", places = "", answer = ""] = row.split("|").map((cell) => cell.trim());
    const only = /^`(\.[\w.]+)`/.exec(answer)?.[1];
    return [...places.matchAll(/`((?:http|webhooks)\/[\w-]+)` ([\d–, -]+\d|\d)/g)].map(
      ([, scenario = "", steps = ""]) => ({
        feature,
        scenario,
        steps: new Set(steps.split(",").flatMap(rangeOf)),
        only,
      }),
    );
  });
}

/** `4` or `7-9`. */
function rangeOf(text: string): number[] {
  const [first = "", last = first] = text.trim().split(/[-–]/);
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index);
}

/** Results, held against the table. */
export interface Verdict {
  readonly steps: number;
  readonly equal: number;
  readonly listed: number;
  /** Answered differently, and not in the table. */
  readonly unlisted: readonly StepResult[];
  /** In the table, but answered as recorded: `http/table 7`. */
  readonly settled: readonly string[];
}

export function judge(results: readonly StepResult[], known: readonly KnownDifference[]): Verdict {
  const isListed = ({ scenario, step, differences }: StepResult) =>
    known.some(
      ({ only, ...row }) =>
        row.scenario === scenario &&
        row.steps.has(step) &&
        (only === undefined || differences.every((each) => each.split(": ")[0]?.endsWith(only))),
    );
  const differing = results.filter(({ differences }) => differences.length > 0);
  const unlisted = differing.filter((result) => !isListed(result));
  const equal = results.filter(({ differences }) => differences.length === 0);
  return {
    steps: results.length,
    equal: equal.length,
    listed: differing.length - unlisted.length,
    unlisted,
    settled: equal.filter(isListed).map(({ scenario, step }) => `${scenario} ${step}`),
  };
}
