import {
  type Canary,
  type CanaryMetric,
  checkText,
  type MetricTemplate,
  messageOf,
  namespaceOf,
} from "../../api/index.ts";
import { renderTemplate } from "../../api/template.ts";
import type { Reading } from "../decide/types.ts";
import type { Outside } from "../hooks/exchange.ts";
import { durationQuery, observerFor, requestRateQuery, successRateQuery } from "./builtin.ts";
import { prometheus } from "./prometheus.ts";
import { type MetricProvider, noValues, type Outcome } from "./provider.ts";
import { providerFactory } from "./providers.ts";
import { metricsProviderOf, queryModel } from "./queryModel.ts";

export interface MeasureDeps extends Outside {
  /** Prometheus of the built-in checks, unless the Canary names its own. */
  readonly metricsServer: string;
  /** The flag `--mesh-provider`. */
  readonly meshProvider: string;
  /** A MetricTemplate from the cache. */
  readonly template: (namespace: string, name: string) => MetricTemplate | undefined;
  /** The newest revision of a target of Knative, from the cache. */
  readonly newestRevision: (canary: Canary) => string | undefined;
  /** Data of a Secret, decoded. Rejects when it cannot be read. */
  readonly secret: (namespace: string, name: string, signal: AbortSignal) => Promise<Readonly<Record<string, string>>>;
}

/**
 * Measures one metric in every way it asks for: as a built-in check, by its own query, by its template. Never rejects: what went wrong is
 * in the readings, in the known words.
 */
export async function measure(
  canary: Canary,
  metric: CanaryMetric,
  deps: MeasureDeps,
  signal: AbortSignal,
): Promise<readonly Reading[]> {
  const ways: Promise<Reading>[] = [];
  if (metric.name === "request-success-rate" || metric.name === "request-duration") {
    ways.push(measureBuiltin(canary, metric, deps, signal));
  }
  if (metric.query) {
    ways.push(measureInline(canary, metric, metric.query, deps, signal));
  }
  if (metric.templateRef !== undefined) {
    ways.push(measureTemplate(canary, metric, metric.templateRef, deps, signal));
  }
  if (ways.length === 0) {
    return [{ source: "template", provider: "", sample: { kind: "failed", message: checkText.nothingUsable() } }];
  }
  return Promise.all(ways);
}

type Failure = (error: string) => string;

/** The sample of an outcome; `failure` makes the known text of an error. */
function sampleOf(outcome: Outcome, noData: string, failure: Failure): Reading["sample"] {
  switch (outcome.kind) {
    case "value":
      return outcome;
    case "noData":
      return { kind: "noData", message: noData };
    case "failed":
      return { kind: "failed", message: failure(outcome.error) };
  }
}

async function measureBuiltin(
  canary: Canary,
  metric: CanaryMetric,
  deps: MeasureDeps,
  signal: AbortSignal,
): Promise<Reading> {
  const provider = metricsProviderOf(canary, deps.meshProvider);
  const source = metric.name === "request-success-rate" ? "success-rate" : "duration";
  const server = metricsServer(canary, deps);
  if ("problem" in server) {
    return { source, provider, sample: { kind: "failed", message: server.problem } };
  }
  const observer = observerFor(provider);
  const model = queryModel(canary, metric, deps.newestRevision(canary));
  const asked = source === "duration" ? durationQuery(observer, model) : successRateQuery(observer, model);
  let outcome = await server.query(asked.query, signal);
  if (outcome.kind === "noData" && source === "success-rate") {
    // Without a single success there is no series to divide: "all failed" must not look like "nobody came".
    const rate = await server.query(requestRateQuery(observer, model).query, signal);
    outcome = rate.kind === "value" && rate.value > 0 ? { kind: "value", value: 0 } : outcome;
  }
  if (outcome.kind === "value") {
    const scaled = outcome.value * asked.factor;
    return {
      source,
      provider,
      sample: { kind: "value", value: source === "duration" ? Math.trunc(scaled) : scaled },
    };
  }
  const noData = observer === "http" && source === "success-rate" ? noValues : `running query failed: ${noValues}`;
  const failure: Failure = (error) => checkText.queryFailed(`running query failed: ${error}`);
  return { source, provider, sample: sampleOf(outcome, noData, failure) };
}

async function measureInline(
  canary: Canary,
  metric: CanaryMetric,
  query: string,
  deps: MeasureDeps,
  signal: AbortSignal,
): Promise<Reading> {
  const reading = (sample: Reading["sample"]): Reading => ({ source: "inline", provider: "prometheus", sample });
  const server = metricsServer(canary, deps);
  if ("problem" in server) {
    return reading({ kind: "failed", message: server.problem });
  }
  const rendered = render(query, canary, metric, deps);
  if ("problem" in rendered) {
    const message = checkText.inlineFailed(metric.name, `query render error: ${rendered.problem}`);
    return reading({ kind: "failed", message });
  }
  const outcome = await server.query(rendered.query, signal);
  return reading(sampleOf(outcome, noValues, (error) => checkText.inlineFailed(metric.name, error)));
}

type TemplateRef = NonNullable<CanaryMetric["templateRef"]>;

async function measureTemplate(
  canary: Canary,
  metric: CanaryMetric,
  ref: TemplateRef,
  deps: MeasureDeps,
  signal: AbortSignal,
): Promise<Reading> {
  const found = await resolveTemplate(canary, metric, ref, deps, signal);
  if ("problem" in found) {
    return { source: "template", provider: "", sample: { kind: "failed", message: found.problem } };
  }
  const reading = (sample: Reading["sample"]): Reading => ({ source: "template", provider: found.type, sample });
  const rendered = render(found.template.spec.query, canary, metric, deps);
  if ("problem" in rendered) {
    const message = checkText.templateRenderFailed(ref.name, namespaceOf(canary, ref), rendered.problem);
    return reading({ kind: "failed", message });
  }
  const outcome = await found.provider.query(rendered.query, signal);
  return reading(sampleOf(outcome, noValues, (error) => checkText.customFailed(metric.name, error)));
}

interface Resolved {
  readonly template: MetricTemplate;
  readonly type: string;
  readonly provider: MetricProvider;
}

/** The template, its secret and its provider, or the known text of what is missing. */
export async function resolveTemplate(
  canary: Canary,
  metric: CanaryMetric,
  ref: TemplateRef,
  deps: MeasureDeps,
  signal: AbortSignal,
): Promise<Resolved | { readonly problem: string }> {
  const namespace = namespaceOf(canary, ref);
  const template = deps.template(namespace, ref.name);
  if (template === undefined) {
    return problem(
      checkText.templateFailed(ref.name, namespace, `metrictemplates.flagger.app "${ref.name}" not found`),
    );
  }
  const { provider: spec } = template.spec;
  let credentials: Readonly<Record<string, string>> | undefined;
  if (spec.secretRef !== undefined) {
    try {
      credentials = await deps.secret(namespace, spec.secretRef.name, signal);
    } catch (error) {
      return problem(checkText.templateSecretFailed(ref.name, namespace, spec.secretRef.name, messageOf(error)));
    }
  }
  const { interval } = queryModel(canary, metric);
  const provider = providerFactory(spec.type)({ spec, credentials, interval }, deps);
  return "problem" in provider
    ? problem(checkText.templateProviderFailed(ref.name, namespace, spec.type, provider.problem))
    : { template, type: spec.type, provider };
}

function problem(text: string): { readonly problem: string } {
  return { problem: text };
}

/** The Prometheus of built-in checks and inline queries, or the known text that its address is wrong. */
export function metricsServer(canary: Canary, deps: MeasureDeps): MetricProvider | { readonly problem: string } {
  const address = canary.spec.metricsServer || deps.metricsServer;
  const input = { spec: { type: "prometheus", address }, credentials: undefined, interval: "1m" } as const;
  const provider = prometheus(input, deps);
  return "problem" in provider ? { problem: checkText.clientFailed(address, provider.problem) } : provider;
}

function render(
  query: string,
  canary: Canary,
  metric: CanaryMetric,
  deps: MeasureDeps,
): { readonly query: string } | { readonly problem: string } {
  try {
    return { query: renderTemplate(query, queryModel(canary, metric, deps.newestRevision(canary))) };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}
