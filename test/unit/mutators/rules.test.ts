import assert from "node:assert/strict";
import { test } from "node:test";
import { type CanarySpec, canaryRules } from "../../../api/index.ts";
import { mutateCanary } from "../../../mutators/canary.ts";
import { aCanary, anIndex, aReview } from "./builders.ts";
import { ruleCases } from "./canaryCases.ts";

function mistakesIn(spec: object): readonly string[] {
  // As JSON: a field that is taken away is not there.
  const canary = JSON.parse(JSON.stringify(aCanary({ spec: spec as Partial<CanarySpec> }))) as unknown;
  const review = aReview(canary, null, { kind: { group: "flagger.app", version: "v1beta1", kind: "Canary" } });
  const outcome = mutateCanary(review, anIndex());
  return outcome.kind === "refused" ? outcome.issues.map(({ field, message }) => `${field}: ${message}`) : [];
}

for (const { mistake, wrong, right, refusal } of ruleCases) {
  test(`a Canary is refused when ${mistake}, and accepted when it does not`, () => {
    assert.deepEqual(mistakesIn(wrong), [refusal]);
    assert.deepEqual(mistakesIn(right), []);
  });
}

test("every rule of a Canary has a case", () => {
  const told = new Set(ruleCases.map(({ refusal }) => refusal));
  const untold = canaryRules
    .filter(({ at, field }) => !`${at}.${field}`.includes("canaryAnalysis"))
    .filter(({ message }) => ![...told].some((refusal) => refusal.endsWith(message)));
  assert.deepEqual(
    untold.map(({ at, field, message }) => `${at}.${field}: ${message}`),
    [],
  );
});
