import type { AlertProviderSpec } from "./alertProvider.ts";
import { analysisRules, oneComparison } from "./analysisRules.ts";
import type { CanaryService, CanarySpec } from "./canary.ts";
import { matchSupportRules } from "./matchRules.ts";
import type { MetricTemplateSpec } from "./metricTemplate.ts";
import { demandRules, needRules } from "./providerRules.ts";
import { celList, missing, type Rule, rule } from "./rule.ts";

export { type Rule, withRules } from "./rule.ts";

type TrafficPolicy = NonNullable<CanaryService["trafficPolicy"]>;
type Mirror = NonNullable<CanaryService["mirror"]>[number];
type Scaler = NonNullable<NonNullable<CanarySpec["autoscalerRef"]>["primaryScalerReplicas"]>;

/** What Services may be called, with room for "-primary". */
const serviceName = "^[a-z0-9]([-a-z0-9]{0,53}[a-z0-9])?$";

const specRules: readonly Rule[] = [
  missing(
    rule<CanarySpec>(
      "spec",
      "analysis",
      "has(self.analysis) || has(self.canaryAnalysis) || (has(self.skipAnalysis) && self.skipAnalysis)",
      "set analysis: say how a new revision is tried",
      (spec) => spec.analysis !== undefined || spec.canaryAnalysis !== undefined || spec.skipAnalysis === true,
    ),
  ),
  missing(
    rule<CanarySpec>(
      "spec",
      "service",
      "has(self.service) || (has(self.provider) && self.provider == 'knative')",
      "set service.port: the port that the generated Services listen on",
      ({ service, provider }) => service !== undefined || provider === "knative",
    ),
  ),
  rule<CanarySpec>(
    "spec",
    "targetRef.name",
    `(has(self.service) && has(self.service.name) && self.service.name != '') || self.targetRef.name.matches('${serviceName}') || (has(self.provider) && self.provider == 'knative')`,
    "Services cannot be called like this target: set service.name (letters, digits and -, up to 55)",
    ({ service, targetRef, provider }) =>
      (service?.name ?? "") !== "" || provider === "knative" || new RegExp(serviceName).test(targetRef.name),
  ),
  rule<Scaler>(
    "spec.autoscalerRef.primaryScalerReplicas",
    "minReplicas",
    "!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",
    "minReplicas must not be above maxReplicas",
    ({ minReplicas, maxReplicas }) =>
      minReplicas === undefined || maxReplicas === undefined || minReplicas <= maxReplicas,
  ),
];

const compared = ["uri", "scheme", "method", "authority", "headers{*}", "withoutHeaders{*}", "queryParams{*}"];

const serviceRules: readonly Rule[] = [
  rule<CanaryService>(
    "spec.service",
    "name",
    `!has(self.name) || self.name == '' || self.name.matches('${serviceName}')`,
    "Services cannot be called like this: use lower-case letters, digits and -",
    ({ name = "" }) => name === "" || new RegExp(serviceName).test(name),
  ),
  ...compared.map((field) => oneComparison(`spec.service.match[*].${field}`, "most")),
  oneComparison("spec.service.corsPolicy.allowOrigins[*]", "exactly"),
  rule<Mirror>(
    "spec.service.mirror[*]",
    "backendRef",
    "!has(self.backendRef) || (has(self.backendRef.kind) && self.backendRef.kind != 'Service') || (has(self.backendRef.group) && self.backendRef.group != '') || has(self.backendRef.port)",
    "a Service needs its port: set backendRef.port",
    ({ backendRef: ref }) =>
      ref === undefined || (ref.kind ?? "Service") !== "Service" || (ref.group ?? "") !== "" || ref.port !== undefined,
  ),
  rule<NonNullable<TrafficPolicy["loadBalancer"]>>(
    "spec.service.trafficPolicy.loadBalancer",
    "",
    "!has(self.simple) || !has(self.consistentHash)",
    "set one of simple and consistentHash",
    ({ simple, consistentHash }) => simple === undefined || consistentHash === undefined,
  ),
];

/** Rules of `Canary`, on `spec` and below. */
export const canaryRules: readonly Rule[] = [
  ...specRules,
  ...serviceRules,
  ...needRules,
  ...(["analysis", "canaryAnalysis"] as const).flatMap((key) => [
    ...demandRules(key),
    ...matchSupportRules(key),
    ...analysisRules(`spec.${key}`),
  ]),
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
  ...(["address", "proxy"] as const).map((field) =>
    rule<AlertProviderSpec>(
      "spec",
      field,
      `!has(self.${field}) || self.${field} == '' || self.${field}.startsWith('http://') || self.${field}.startsWith('https://')`,
      `${field} must start with http:// or https://`,
      ({ [field]: url = "" }) => url === "" || /^https?:\/\//.test(url),
    ),
  ),
];

type MetricProvider = MetricTemplateSpec["provider"];

/** Metrics systems that have no address of their own. */
const addressed = ["prometheus", "influxdb", "graphite", "dynatrace", "splunk"];
/** Those that answer nobody without credentials. */
const secretive = ["datadog", "newrelic", "dynatrace", "splunk"];

/** Rules of `MetricTemplate`. That the query renders is asked by admission alone. */
export const metricTemplateRules: readonly Rule[] = [
  rule<MetricProvider>(
    "spec.provider",
    "address",
    `!(self.type in ${celList(addressed)}) || (has(self.address) && self.address.contains('://'))`,
    "this provider needs an address: the URL of its API, with its scheme (https://…)",
    ({ type, address }) => !addressed.includes(type) || address?.includes("://") === true,
  ),
  missing(
    rule<MetricProvider>(
      "spec.provider",
      "secretRef",
      `!(self.type in ${celList(secretive)}) || has(self.secretRef)`,
      "this provider needs credentials: name their Secret",
      ({ type, secretRef }) => !secretive.includes(type) || secretRef !== undefined,
    ),
  ),
  missing(
    rule<MetricProvider>(
      "spec.provider",
      "region",
      "self.type != 'cloudwatch' || (has(self.region) && self.region != '')",
      "this provider needs a region",
      ({ type, region = "" }) => type !== "cloudwatch" || region !== "",
    ),
  ),
];
