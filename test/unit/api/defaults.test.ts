import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Analysis,
  apexName,
  canaryName,
  formatGoDuration,
  hookRetries,
  hookTimeoutMs,
  hookType,
  intervalMs,
  maxWeight,
  metricRange,
  parseDuration,
  primaryName,
  primaryTargetName,
  progressDeadlineSeconds,
  skipsAnalysis,
  stepWeights,
  strategyOf,
  targetPort,
  threshold,
} from "../../../api/index.ts";
import { aCanary } from "../mutators/builders.ts";

function analysed(analysis: Partial<Analysis>) {
  return aCanary({ spec: { analysis: analysis as Analysis } });
}

test("durations are read as Go reads them", () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ["30s", 30_000],
    ["1m30s", 90_000],
    ["500ms", 500],
    ["1.5h", 5_400_000],
    ["0s", 0],
    ["5", undefined],
    ["", undefined],
    ["1 m", undefined],
    ["-1s", undefined],
    ["1d", undefined],
  ];
  for (const [text, expected] of cases) {
    assert.equal(parseDuration(text), expected, text);
  }
});

test("durations are printed as Go prints them", () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, "0s"],
    [500, "500ms"],
    [1515, "1.515s"],
    [60_000, "1m0s"],
    [90_000, "1m30s"],
    [3_600_000, "1h0m0s"],
    [0.25, "250µs"],
    [-1500, "-1.5s"],
  ];
  for (const [milliseconds, expected] of cases) {
    assert.equal(formatGoDuration(milliseconds), expected);
  }
});

test("a silent Canary means the known defaults", () => {
  const canary = analysed({});
  assert.equal(intervalMs(canary), 60_000);
  assert.equal(threshold(canary), 1);
  assert.equal(maxWeight(canary), 100);
  assert.equal(progressDeadlineSeconds(canary), 600);
  assert.equal(strategyOf(canary), "canary");
  assert.equal(apexName(canary), "podinfo");
  assert.equal(primaryName(canary), "podinfo-primary");
  assert.equal(canaryName(canary), "podinfo-canary");
  assert.equal(targetPort(canary), 9898);
});

test("Services are named after service.name, the primary after the target", () => {
  const canary = aCanary({ spec: { service: { name: "web", port: 80 } } });
  assert.deepEqual(
    [apexName(canary), primaryName(canary), primaryTargetName(canary)],
    ["web", "web-primary", "podinfo-primary"],
  );
});

test("the interval may be as short as a second", () => {
  assert.equal(intervalMs(analysed({ interval: "1s" })), 1000);
  assert.equal(intervalMs(analysed({ interval: "10ms" })), 1000);
});

test("weights follow stepWeight up to maxWeight, or stepWeights as they are", () => {
  const cases: readonly (readonly [Partial<Analysis>, readonly number[]])[] = [
    [{ stepWeight: 20, maxWeight: 50 }, [20, 40, 60]],
    [{ stepWeight: 5, maxWeight: 15 }, [5, 10, 15]],
    [{ stepWeight: 60 }, [60, 100]],
    [{ stepWeights: [1, 2, 10, 80] }, [1, 2, 10, 80]],
    [{ stepWeights: [1, 2, 10, 200] }, [1, 2, 10, 100]],
    [{ stepWeights: [10, 10, 5, 20] }, [10, 20]],
    [{}, [100]],
    [{ iterations: 3 }, []],
  ];
  for (const [analysis, expected] of cases) {
    assert.deepEqual(stepWeights(analysed(analysis)), expected);
  }
});

test("match and iterations decide the strategy", () => {
  const match = [{ headers: { a: { exact: "b" } } }];
  assert.equal(strategyOf(analysed({ iterations: 2, match })), "ab-testing");
  assert.equal(strategyOf(analysed({ iterations: 2, match: [] })), "blue-green");
  assert.equal(strategyOf(analysed({ stepWeight: 5, match })), "canary");
});

test("without any analysis a revision is promoted untried", () => {
  const { analysis: _analysis, ...spec } = aCanary().spec;
  assert.equal(skipsAnalysis({ ...aCanary(), spec }), true);
  assert.equal(skipsAnalysis(aCanary()), false);
});

test("a silent hook is a rollout hook of one try of 10 s", () => {
  const hook = { name: "load", url: "http://load/" };
  assert.deepEqual([hookType(hook), hookTimeoutMs(hook), hookRetries(hook)], ["rollout", 10_000, 0]);
});

test("the old threshold is a minimum of the success rate and a maximum of everything else", () => {
  assert.deepEqual(metricRange({ name: "request-success-rate", threshold: 99 }), { min: 99 });
  assert.deepEqual(metricRange({ name: "request-duration", threshold: 500 }), { max: 500 });
  assert.deepEqual(metricRange({ name: "x", threshold: 5, thresholdRange: { min: 1 } }), { min: 1 });
});
