import { analysisOf, type Canary, type CanaryMetric, namespaceOf } from "../../api/index.ts";
import { type MeasureDeps, metricsServer, resolveTemplate } from "./measure.ts";

/**
 * Whether everything that the Canary's checks ask can be asked; otherwise the first thing that cannot, in the known words
 * (`Error checking metric providers: {this}`). Queries written into the Canary are not looked at. Never rejects.
 */
export async function providersOnline(
  canary: Canary,
  deps: MeasureDeps,
  signal: AbortSignal,
): Promise<string | undefined> {
  const metrics = analysisOf(canary).metrics ?? [];
  const builtin = metrics.some(({ name }) => name === "request-success-rate" || name === "request-duration");
  const probes = [
    ...(builtin ? [probeMetricsServer(canary, deps, signal)] : []),
    ...metrics.map((metric) => probeTemplate(canary, metric, deps, signal)),
  ];
  const problems = await Promise.all(probes);
  return problems.find((problem) => problem !== undefined);
}

async function probeMetricsServer(canary: Canary, deps: MeasureDeps, signal: AbortSignal): Promise<string | undefined> {
  const server = metricsServer(canary, deps);
  if ("problem" in server) {
    return inSentence(server.problem);
  }
  const why = await server.online(signal);
  return why === undefined ? undefined : `prometheus not avaiable: ${why}`;
}

async function probeTemplate(
  canary: Canary,
  metric: CanaryMetric,
  deps: MeasureDeps,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (metric.templateRef === undefined) {
    return undefined;
  }
  const found = await resolveTemplate(canary, metric, metric.templateRef, deps, signal);
  if ("problem" in found) {
    return inSentence(found.problem);
  }
  const why = await found.provider.online(signal);
  const at = `${metric.templateRef.name}.${namespaceOf(canary, metric.templateRef)}`;
  return why === undefined ? undefined : `${found.type} in metric template ${at} not avaiable: ${why}`;
}

/** The same problem is known with a capital in events of its own, and without one inside this sentence. */
function inSentence(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
