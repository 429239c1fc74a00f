import type { Analysis, AnalysisMatch, CanaryHook, CanaryMetric, SessionAffinity } from "./canary.ts";
import { celList, type Rule, rule } from "./rule.ts";

const builtInChecks = ["request-success-rate", "request-duration"];

/** CEL has no index in `all`, so positions come from a literal list. */
const positions = Array.from({ length: 99 }, (_, index) => index + 1).join(",");

/** Rules of an analysis that hold for every provider. */
export function analysisRules(at: string): readonly Rule[] {
  return [...stepRules(at), ...matchRules(`${at}.match[*]`), ...checkRules(at)];
}

function stepRules(at: string): readonly Rule[] {
  return [
    rule<Analysis>(
      at,
      "",
      "(has(self.stepWeight) ? 1 : 0) + (has(self.stepWeights) ? 1 : 0) + (has(self.iterations) ? 1 : 0) == 1",
      "set exactly one of stepWeight, stepWeights and iterations",
      (self) => [self.stepWeight, self.stepWeights, self.iterations].filter((way) => way !== undefined).length === 1,
    ),
    rule<Analysis>(
      at,
      "stepWeight",
      "!has(self.stepWeight) || !has(self.maxWeight) || self.maxWeight < 1 || self.stepWeight <= self.maxWeight",
      "stepWeight must not be above maxWeight: lower stepWeight or raise maxWeight",
      ({ stepWeight, maxWeight }) =>
        stepWeight === undefined || maxWeight === undefined || maxWeight < 1 || stepWeight <= maxWeight,
    ),
    rule<Analysis>(
      at,
      "stepWeights",
      `!has(self.stepWeights) || [${positions}].all(i, i >= size(self.stepWeights) || self.stepWeights[i - 1] < self.stepWeights[i])`,
      "each weight must be above the one before: sort stepWeights and remove duplicates",
      ({ stepWeights = [] }) =>
        stepWeights.every((weight, index) => index === 0 || (stepWeights[index - 1] ?? 0) < weight),
    ),
    rule<Analysis>(
      at,
      "match",
      "!has(self.match) || size(self.match) == 0 || has(self.iterations)",
      "A/B testing needs iterations: set iterations, or remove match",
      ({ match = [], iterations }) => match.length === 0 || iterations !== undefined,
    ),
    rule<SessionAffinity>(
      `${at}.sessionAffinity`,
      "primaryCookieName",
      "!has(self.primaryCookieName) || self.primaryCookieName != self.cookieName",
      "primaryCookieName must differ from cookieName",
      ({ cookieName, primaryCookieName }) => primaryCookieName === undefined || primaryCookieName !== cookieName,
    ),
  ];
}

function matchRules(at: string): readonly Rule[] {
  const some = (key: string) => `(has(self.${key}) && size(self.${key}) > 0)`;
  return [
    rule<AnalysisMatch>(
      at,
      "",
      [some("headers"), some("queryParams"), some("sourceLabels")].join(" || "),
      "a match without conditions sends every request to the canary: give headers, queryParams or sourceLabels",
      ({ headers = {}, queryParams = {}, sourceLabels = {} }) =>
        [headers, queryParams, sourceLabels].some((conditions) => Object.keys(conditions).length > 0),
    ),
    oneComparison(`${at}.headers{*}`, "exactly"),
    oneComparison(`${at}.queryParams{*}`, "exactly"),
  ];
}

const comparisons = ["exact", "prefix", "suffix", "regex"] as const;

/** How a text is compared: by one of the ways. With `most`, none at all is left to the provider. */
export function oneComparison(at: string, how: "exactly" | "most"): Rule {
  const count = comparisons.map((key) => `(has(self.${key}) ? 1 : 0)`).join(" + ");
  return rule<Readonly<Record<string, unknown>>>(
    at,
    "",
    `${count} ${how === "exactly" ? "==" : "<="} 1`,
    `set ${how === "exactly" ? "exactly" : "at most"} one of exact, prefix, suffix and regex`,
    (self) => {
      const given = comparisons.filter((key) => self[key] !== undefined).length;
      return how === "exactly" ? given === 1 : given <= 1;
    },
  );
}

function checkRules(at: string): readonly Rule[] {
  return [
    rule<CanaryMetric>(
      `${at}.metrics[*]`,
      "",
      `self.name in ${celList(builtInChecks)} || has(self.templateRef) || has(self.query)`,
      "a check that is not built in needs a templateRef (built in are request-success-rate and request-duration)",
      ({ name, templateRef, query }) =>
        builtInChecks.includes(name) || templateRef !== undefined || query !== undefined,
    ),
    rule<CanaryMetric>(
      `${at}.metrics[*]`,
      "thresholdRange",
      "!has(self.thresholdRange) || !has(self.thresholdRange.min) || !has(self.thresholdRange.max) || self.thresholdRange.min <= self.thresholdRange.max",
      "min must not be above max",
      ({ thresholdRange: { min, max } = {} }) => min === undefined || max === undefined || min <= max,
    ),
    rule<CanaryHook>(
      `${at}.webhooks[*]`,
      "url",
      "self.url.startsWith('http://') || self.url.startsWith('https://')",
      "url must start with http:// or https://",
      ({ url }) => url === undefined || /^https?:\/\//.test(url),
    ),
  ];
}
