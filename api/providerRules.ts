import type { Analysis, CanarySpec } from "./canary.ts";
import { type Feature, providersWith } from "./features.ts";
import { celList, missing, type Rule, rule, whoCan } from "./rule.ts";
import { isKnative, isPlainService } from "./targets.ts";

type Demand = {
  feature: Feature;
  field: string;
  /** CEL; `A` is the analysis. */
  asked: string;
  asks: (analysis: Analysis) => boolean;
  advice: string;
  isMissing?: true;
};

/** What an analysis may ask of a provider. The list of providers in each rule comes from features.ts. */
const demands: readonly Demand[] = [
  {
    feature: "weights",
    field: "iterations",
    asked: "!has(A.iterations)",
    asks: ({ iterations }) => iterations === undefined,
    advice: "this provider cannot split traffic by weight: set iterations in place of stepWeight or stepWeights",
    isMissing: true,
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
    advice: "this provider cannot mirror traffic before a weighted release: remove mirror",
  },
  {
    feature: "sessionAffinity",
    field: "sessionAffinity",
    asked: "has(A.sessionAffinity)",
    asks: ({ sessionAffinity }) => sessionAffinity !== undefined,
    advice: "this provider cannot keep sessions: remove sessionAffinity",
  },
];

export type AnalysisKey = "analysis" | "canaryAnalysis";

/** Rules about what the provider can do with an analysis. */
export function demandRules(key: AnalysisKey): readonly Rule[] {
  return demands.map(({ feature, field, asked, asks, advice, isMissing }) => {
    const able = providersWith(feature);
    const cel = `!has(self.provider) || self.provider in ${celList(able)} || !has(self.${key}) || !(${asked.replaceAll("A.", `self.${key}.`)})`;
    const made = rule<CanarySpec>("spec", `${key}.${field}`, cel, `${advice} (${whoCan(feature)})`, (spec) => {
      const analysis = spec[key];
      return spec.provider === undefined || able.includes(spec.provider) || analysis === undefined || !asks(analysis);
    });
    return isMissing === true ? missing(made) : made;
  });
}

/** What a provider needs beside the analysis. */
const needs = [
  { provider: ["nginx", "skipper"], field: "ingressRef", advice: "this provider needs ingressRef: name the Ingress" },
  { provider: ["apisix"], field: "routeRef", advice: "this provider needs routeRef: name the ApisixRoute" },
] as const;

const isPlainTarget =
  "self.targetRef.kind == 'Service' && !self.targetRef.apiVersion.startsWith('serving.knative.dev/')";
const isKnativeTarget = "self.targetRef.kind == 'Service' && self.targetRef.apiVersion == 'serving.knative.dev/v1'";

/** Rules about what the provider needs of the rest of the spec. */
export const needRules: readonly Rule[] = [
  missing(
    rule<CanarySpec>(
      "spec",
      "service.gatewayRefs",
      "!has(self.provider) || !self.provider.startsWith('gatewayapi') || !has(self.service) || (has(self.service.gatewayRefs) && size(self.service.gatewayRefs) > 0)",
      "provider gatewayapi needs service.gatewayRefs: name the Gateway",
      ({ provider, service }) =>
        !provider?.startsWith("gatewayapi") || service === undefined || (service.gatewayRefs ?? []).length > 0,
    ),
  ),
  ...needs.map(({ provider, field, advice }) =>
    missing(
      rule<CanarySpec>(
        "spec",
        field,
        `!has(self.provider) || !(self.provider in ${celList(provider)}) || has(self.${field})`,
        advice,
        (spec) => !(provider as readonly string[]).includes(spec.provider ?? "") || spec[field] !== undefined,
      ),
    ),
  ),
  rule<CanarySpec>(
    "spec",
    "targetRef",
    `!has(self.provider) || self.provider != 'knative' || (${isKnativeTarget})`,
    "provider knative needs a targetRef of kind Service and apiVersion serving.knative.dev/v1",
    ({ provider, targetRef }) => provider !== "knative" || isKnative(targetRef),
  ),
  rule<CanarySpec>(
    "spec",
    "targetRef",
    `!(${isKnativeTarget}) || (has(self.provider) && self.provider == 'knative')`,
    "a Knative Service needs provider knative: set provider",
    ({ provider, targetRef }) => !isKnative(targetRef) || provider === "knative",
  ),
  rule<CanarySpec>(
    "spec",
    "autoscalerRef",
    `!(${isKnativeTarget}) || !has(self.autoscalerRef)`,
    "a Knative Service scales itself: remove autoscalerRef",
    ({ targetRef, autoscalerRef }) => !isKnative(targetRef) || autoscalerRef === undefined,
  ),
  rule<CanarySpec>(
    "spec",
    "autoscalerRef",
    `!(${isPlainTarget}) || !has(self.autoscalerRef)`,
    "a Service has no replicas: remove autoscalerRef",
    ({ targetRef, autoscalerRef }) => !isPlainService(targetRef) || autoscalerRef === undefined,
  ),
  rule<CanarySpec>(
    "spec",
    "targetRef",
    `!has(self.provider) || self.provider in ${celList([...providersWith("serviceTarget"), "knative"])} || !(${isPlainTarget})`,
    `this provider leads requests to the Service itself, whose changes cannot be tried then (${whoCan("serviceTarget")})`,
    ({ provider, targetRef }) =>
      provider === undefined ||
      provider === "knative" ||
      providersWith("serviceTarget").includes(provider) ||
      !isPlainService(targetRef),
  ),
  rule<CanarySpec>(
    "spec",
    "service.delegation",
    "!has(self.provider) || self.provider != 'istio' || !has(self.service) || !has(self.service.delegation) || !self.service.delegation || ((!has(self.service.hosts) || size(self.service.hosts) == 0) && (!has(self.service.gateways) || size(self.service.gateways) == 0))",
    "a delegate route has no hosts and gateways: remove them, or delegation",
    ({ provider, service: { delegation = false, hosts = [], gateways = [] } = { port: 0 } }) =>
      provider !== "istio" || !delegation || hosts.length + gateways.length === 0,
  ),
];
