import assert from "node:assert/strict";
import { test } from "node:test";
import type { CanaryHook, CanarySpec } from "../../../api/index.ts";
import { mutateDeployment } from "../../../mutators/deployment.ts";
import { aCanary, aDeployment, anIndex, aReview, type CanaryParts } from "./builders.ts";
import { assertSameForDryRun } from "./dryRun.ts";

const hook = (name: string, type: NonNullable<CanaryHook["type"]>) => ({ name, type, url: "http://gate/" });

function write(canary: CanaryParts, dryRun: boolean, provider = "") {
  const review = aReview(aDeployment({ image: "podinfo:6.0.1" }), aDeployment(), { dryRun });
  return mutateDeployment(review, anIndex([aCanary(canary)], { provider }));
}

/** The numbered lines of a dry run, without their numbers. */
function planOf(canary: CanaryParts, provider?: string): readonly string[] {
  const dry = write(canary, true, provider);
  assertSameForDryRun(dry, write(canary, false, provider));
  assert.ok(dry.kind !== "refused");
  return dry.warnings
    .filter((line) => /^Weir: \d/.test(line))
    .map((line, index) => {
      const number = `Weir: ${index + 1}. `;
      assert.ok(line.startsWith(number) && line.length < 120, line);
      return line.slice(number.length);
    });
}

const ready = "podinfo is scaled up and must be ready";
const end = "podinfo-primary takes the revision over, traffic goes back, podinfo goes to 0";
const unchecked = "every 10s: nothing but its pods is checked; 1 failed take it back";

const plans: Readonly<Record<string, readonly [spec: Partial<CanarySpec>, plan: readonly string[]]>> = {
  "weights, each with how long it lasts, and everything that is asked on the way": [
    {
      analysis: {
        interval: "1m",
        threshold: 5,
        stepWeights: [10, 50],
        stepWeightPromotion: 20,
        metrics: [{ name: "request-success-rate", thresholdRange: { min: 99 } }],
        webhooks: [
          hook("start", "confirm-rollout"),
          hook("smoke", "pre-rollout"),
          hook("load", "rollout"),
          hook("more", "confirm-traffic-increase"),
          hook("boss", "confirm-promotion"),
          hook("panic", "rollback"),
          hook("clean", "post-rollout"),
          hook("tidy", "post-rollout"),
        ],
      },
    },
    [
      "gate confirm-rollout: start",
      ready,
      "hooks before the first check: smoke",
      "every 1m: checks request-success-rate, load; 5 failed take it back",
      "it is also taken back when one agrees of panic",
      "gate confirm-traffic-increase before each step: more",
      "10% to podinfo for 1m",
      "50% to podinfo for 1m",
      "gate confirm-promotion: boss",
      "podinfo-primary takes the revision over, traffic goes back by 20%, podinfo goes to 0",
      "hooks at the end: clean, tidy",
    ],
  ],
  "blue/green": [
    { analysis: { interval: "10s", threshold: 1, iterations: 3 } },
    [ready, unchecked, "podinfo without users: 3 checks in 30s", "100% to podinfo", end],
  ],
  "blue/green with a mirror": [
    { analysis: { interval: "10s", threshold: 1, iterations: 1, mirror: true } },
    [ready, unchecked, "podinfo with a copy of the requests: 1 check in 10s", "100% to podinfo", end],
  ],
  "A/B testing": [
    {
      analysis: { interval: "10s", threshold: 1, iterations: 2, match: [{ headers: { "x-canary": { exact: "1" } } }] },
    },
    [ready, unchecked, "matching requests to podinfo: 2 checks in 20s", end],
  ],
  "no analysis": [{ skipAnalysis: true }, [ready, end]],
};
for (const [name, [spec, plan]] of Object.entries(plans)) {
  test(`a dry run tells the whole plan: ${name}`, () => assert.deepEqual(planOf({ spec }), plan));
}

test("where nothing splits the traffic, no share of it is told", () => {
  const told = planOf({ spec: { analysis: { interval: "10s", threshold: 1, stepWeight: 50 } } }, "kubernetes");
  assert.deepEqual(told, [ready, unchecked, "podinfo without users: 10 checks in 1m40s", end]);
});

test("a hundred steps are not a hundred lines", () => {
  const told = planOf({ spec: { analysis: { interval: "1s", threshold: 1, stepWeight: 1 } } });
  assert.equal(told.length, 24);
  assert.deepEqual(told.slice(21, 23), ["20% to podinfo for 1s", "80 more steps to 100% in 1m20s"]);
});

test("the longest plan fits into what the API server lets through", () => {
  const long = "n".repeat(300);
  const types = ["confirm-rollout", "pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion"] as const;
  const webhooks = [...types, "rollback" as const, "post-rollout" as const].map((type) => hook(long, type));
  const analysis = { interval: "1s", threshold: 1, stepWeight: 1, webhooks };
  assert.equal(planOf({ spec: { analysis } }).length, 30);
});

test("nothing is planned that does not happen: while suspended, before the primary serves", () => {
  for (const canary of [{ spec: { suspend: true } }, { phase: "Initializing" as const }])
    assert.deepEqual(planOf(canary), []);
});
