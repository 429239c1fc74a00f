import type { Analysis, AnalysisMatch, CanarySpec } from "./canary.ts";
import { providersWith } from "./features.ts";
import type { AnalysisKey } from "./providerRules.ts";
import { celList, type Rule, rule } from "./rule.ts";

type Condition = "exact" | "prefix" | "suffix" | "regex" | "queryParams" | "sourceLabels";

/**
 * Conditions of `analysis.match` by which a provider can tell requests apart. One that it leaves out would send everybody to the
 * canary, so it is refused. Providers without A/B testing are not in the table.
 */
const understood: Readonly<Record<string, readonly Condition[]>> = {
  istio: ["exact", "prefix", "suffix", "regex", "queryParams", "sourceLabels"],
  "gatewayapi:v1": ["exact", "regex", "queryParams"],
  "gatewayapi:v1beta1": ["exact", "regex", "queryParams"],
  appmesh: ["exact", "prefix", "suffix", "regex"],
  "appmesh:v1beta2": ["exact", "prefix", "suffix", "regex"],
  contour: ["exact", "prefix", "suffix"],
  gloo: ["exact", "regex"],
  nginx: ["exact", "regex"],
};

/** Providers that know a single list of headers. */
const oneList = ["appmesh", "appmesh:v1beta2"];

/** Conditions beside `exact`, which all understand: CEL on an entry `m`, the same in TypeScript, and its name in messages. */
const conditions: readonly {
  condition: Condition;
  cel: string;
  uses: (match: AnalysisMatch) => boolean;
  named: string;
}[] = [
  ...(["prefix", "suffix", "regex"] as const).map((condition) => ({
    condition,
    cel: `has(m.headers) && m.headers.exists(h, [m.headers[h]].exists(by, has(by.${condition})))`,
    uses: ({ headers = {} }: AnalysisMatch) => Object.values(headers).some((by) => by[condition] !== undefined),
    named: `headers by ${condition}`,
  })),
  ...(["queryParams", "sourceLabels"] as const).map((condition) => ({
    condition,
    cel: `has(m.${condition}) && size(m.${condition}) > 0`,
    uses: (match: AnalysisMatch) => Object.keys(match[condition] ?? {}).length > 0,
    named: `requests by ${condition}`,
  })),
];

/** Rules about the conditions of A/B testing that a provider understands. */
export function matchSupportRules(key: AnalysisKey): readonly Rule[] {
  const providers = providersWith("abTesting");
  return [
    ...conditions.flatMap(({ condition, cel, uses, named }) => {
      const able = providers.filter((provider) => understood[provider]?.includes(condition));
      const unable = providers.filter((provider) => !able.includes(provider));
      const message = `this provider cannot match ${named} (${able.join(", ")} can)`;
      const bad = ({ match = [] }: Analysis) => match.some(uses);
      return unable.length === 0 ? [] : [matchRule(key, unable, `A.match.exists(m, ${cel})`, bad, message)];
    }),
    matchRule(
      key,
      oneList,
      "size(A.match) > 1",
      ({ match = [] }) => match.length > 1,
      "this provider knows one match, whose headers must all fit: keep one",
    ),
    matchRule(
      key,
      ["nginx"],
      "size(A.match.filter(m, has(m.headers) && m.headers.exists(h, h != 'cookie'))) > 1 || A.match.exists(m, has(m.headers) && size(m.headers.filter(h, h != 'cookie')) > 1) || size(A.match.filter(m, has(m.headers) && 'cookie' in m.headers)) > 1",
      tooManyForNginx,
      "this provider knows one header and one cookie: keep one of each",
    ),
  ];
}

function tooManyForNginx({ match = [] }: Analysis): boolean {
  const names = match.flatMap(({ headers = {} }) => Object.keys(headers));
  const cookies = names.filter((name) => name === "cookie").length;
  return cookies > 1 || names.length - cookies > 1;
}

/** `bad` is CEL in which `A` is the analysis. */
function matchRule(
  key: AnalysisKey,
  providers: readonly string[],
  bad: string,
  isBad: (analysis: Analysis) => boolean,
  message: string,
): Rule {
  const cel = `!has(self.provider) || !(self.provider in ${celList(providers)}) || !has(self.${key}) || !has(self.${key}.match) || !(${bad.replaceAll("A.", `self.${key}.`)})`;
  return rule<CanarySpec>("spec", `${key}.match`, cel, message, (spec) => {
    const analysis = spec[key];
    return (
      spec.provider === undefined || !providers.includes(spec.provider) || analysis === undefined || !isBad(analysis)
    );
  });
}
