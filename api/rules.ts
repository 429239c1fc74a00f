import type { AlertProviderSpec } from "./alertProvider.ts";
import type { Analysis, CanaryHook, CanaryMetric, CanarySpec, SessionAffinity } from "./canary.ts";
import { type Feature, providersWith } from "./features.ts";
import type { MetricTemplateSpec } from "./metricTemplate.ts";
import type { CelRule, Schema } from "./schema.ts";

/**
 * A rule that a schema alone cannot say. It is written once: `cel` goes into the CRD and holds with no webhook running, `holds` is
 * what admission asks so that all mistakes come in one answer. A property test proves that both agree.
 */
export interface Rule {
  /** The node that carries it, from `spec`: "spec.analysis", "spec.analysis.metrics[*]". */
  readonly at: string;
  /** The field to blame, below that node; empty blames the node. */
  readonly field: string;
  readonly cel: string;
  /** Says what to do. */
  readonly message: string;
  /** Only called on values whose types fit the schema. */
  holds(value: unknown): boolean;
}

/** Gives `holds` the type of its node; the walk guarantees it. */
function rule<T>(at: string, field: string, cel: string, message: string, holds: (value: T) => boolean): Rule {
  return { at, field, cel, message, holds: (value) => holds(value as T) };
}

const builtInChecks = ["request-success-rate", "request-duration"];
const celList = (values: readonly string[]) => `[${values.map((value) => `'${value}'`).join(", ")}]`;

/** CEL has no index in `all`, so positions come from a literal list. */
const positions = Array.from({ length: 99 }, (_, index) => index + 1).join(",");

function analysisRules(at: string): readonly Rule[] {
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

type Feat = { feature: Feature; field: string; asked: string; asks: (analysis: Analysis) => boolean; advice: string };

/** What an analysis may ask of a provider. The list of providers in each rule comes from features.ts. */
const demands: readonly Feat[] = [
  {
    feature: "weights",
    field: "iterations",
    asked: "!has(A.iterations)",
    asks: ({ iterations }) => iterations === undefined,
    advice: "this provider cannot split traffic by weight: set iterations in place of stepWeight or stepWeights",
  },
  {
    feature: "abTesting",
    field: "match",
    asked: "has(A.match) && size(A.match) > 0",
    asks: ({ match = [] }) => match.length > 0,
    advice: "this provider cannot route by headers: remove match",
  },
  {
    feature: "mirror",
    field: "mirror",
    asked: "has(A.mirror) && A.mirror && has(A.iterations)",
    asks: ({ mirror = false, iterations }) => mirror && iterations !== undefined,
    advice: "this provider cannot mirror traffic: remove mirror",
  },
  {
    feature: "mirrorStep",
    field: "mirror",
    asked: "has(A.mirror) && A.mirror && !has(A.iterations)",
    asks: ({ mirror = false, iterations }) => mirror && iterations === undefined,
    advice:
      "this provider cannot mirror traffic before a weighted release: remove mirror, or set iterations where it can mirror",
  },
  {
    feature: "sessionAffinity",
    field: "sessionAffinity",
    asked: "has(A.sessionAffinity)",
    asks: ({ sessionAffinity }) => sessionAffinity !== undefined,
    advice: "this provider cannot keep sessions: remove sessionAffinity",
  },
];

function demandRules(key: "analysis" | "canaryAnalysis"): readonly Rule[] {
  return demands.map(({ feature, field, asked, asks, advice }) => {
    const able = providersWith(feature);
    const cel = `!has(self.provider) || self.provider in ${celList(able)} || !has(self.${key}) || !(${asked.replaceAll("A.", `self.${key}.`)})`;
    return rule<CanarySpec>("spec", `${key}.${field}`, cel, advice, (spec) => {
      const analysis = spec[key];
      return spec.provider === undefined || able.includes(spec.provider) || analysis === undefined || !asks(analysis);
    });
  });
}

/** What a provider needs beside the analysis. */
const needs = [
  { provider: ["nginx", "skipper"], field: "ingressRef", advice: "this provider needs ingressRef: name the Ingress" },
  { provider: ["apisix"], field: "routeRef", advice: "this provider needs routeRef: name the ApisixRoute" },
] as const;

/** Rules of `Canary`, on `spec` and below. */
export const canaryRules: readonly Rule[] = [
  rule<CanarySpec>(
    "spec",
    "",
    "has(self.analysis) || has(self.canaryAnalysis) || (has(self.skipAnalysis) && self.skipAnalysis)",
    "set analysis: say how a new revision is tried",
    (spec) => spec.analysis !== undefined || spec.canaryAnalysis !== undefined || spec.skipAnalysis === true,
  ),
  rule<CanarySpec>(
    "spec",
    "",
    "has(self.service)",
    "set service.port: the port that the generated Services listen on",
    (spec) => spec.service !== undefined,
  ),
  rule<CanarySpec>(
    "spec",
    "service",
    "!has(self.provider) || !self.provider.startsWith('gatewayapi') || !has(self.service) || (has(self.service.gatewayRefs) && size(self.service.gatewayRefs) > 0)",
    "provider gatewayapi needs service.gatewayRefs: name the Gateway",
    ({ provider, service }) =>
      !provider?.startsWith("gatewayapi") || service === undefined || (service.gatewayRefs ?? []).length > 0,
  ),
  ...needs.map(({ provider, field, advice }) =>
    rule<CanarySpec>(
      "spec",
      "",
      `!has(self.provider) || !(self.provider in ${celList(provider)}) || has(self.${field})`,
      advice,
      (spec) => !(provider as readonly string[]).includes(spec.provider ?? "") || spec[field] !== undefined,
    ),
  ),
  rule<CanarySpec>(
    "spec",
    "targetRef",
    "!has(self.provider) || self.provider != 'knative' || (self.targetRef.kind == 'Service' && !has(self.autoscalerRef))",
    "provider knative needs a targetRef of kind Service (serving.knative.dev/v1) and no autoscalerRef",
    ({ provider, targetRef, autoscalerRef }) =>
      provider !== "knative" || (targetRef?.kind === "Service" && autoscalerRef === undefined),
  ),
  ...demandRules("analysis"),
  ...demandRules("canaryAnalysis"),
  ...analysisRules("spec.analysis"),
  ...analysisRules("spec.canaryAnalysis"),
];

/** Rules of `AlertProvider`. */
export const alertProviderRules: readonly Rule[] = [
  rule<AlertProviderSpec>(
    "spec",
    "",
    "has(self.address) != has(self.secretRef)",
    "set exactly one of address and secretRef",
    ({ address, secretRef }) => (address !== undefined) !== (secretRef !== undefined),
  ),
];

/** Metrics systems that have no address of their own. */
const addressed = ["prometheus", "influxdb", "graphite", "splunk"];

/** Rules of `MetricTemplate`. That the query renders is asked by admission alone. */
export const metricTemplateRules: readonly Rule[] = [
  rule<MetricTemplateSpec["provider"]>(
    "spec.provider",
    "",
    `!(self.type in ${celList(addressed)}) || (has(self.address) && self.address.contains('://'))`,
    "this provider needs an address: the URL of its API, with http:// or https://",
    ({ type, address }) => !addressed.includes(type) || address?.includes("://") === true,
  ),
];

/** The schema with the CEL of the rules at their nodes, as the CRD carries it. */
export function withRules(schema: Schema, rules: readonly Rule[], at = "spec"): Schema {
  const own: CelRule[] = rules
    .filter((each) => each.at === at)
    .map(({ cel, message, field }) => ({ rule: cel, message, ...(field === "" ? {} : { fieldPath: `.${field}` }) }));
  const below = rules.filter((each) => each.at !== at && each.at.startsWith(at));
  if (below.length === 0 && own.length === 0) {
    return schema;
  }
  return {
    ...schema,
    ...(schema.properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(schema.properties).map(([name, field]) => [name, withRules(field, below, `${at}.${name}`)]),
          ),
        }),
    ...(schema.items === undefined ? {} : { items: withRules(schema.items, below, `${at}[*]`) }),
    ...(own.length === 0 ? {} : { "x-kubernetes-validations": own }),
  };
}
