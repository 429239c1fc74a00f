import { apexName, type Canary, type CanaryMetric, isPlainService, metricInterval } from "../../api/index.ts";
import type { ObserverModel } from "./builtin.ts";

/** What queries of this metric may ask for. The window is 1m where the metric is silent, for every kind of query. `newest`: Knative's revision. */
export function queryModel(canary: Canary, metric: CanaryMetric, newest?: string): ObserverModel {
  const { targetRef, ingressRef, routeRef } = canary.spec;
  return {
    name: canary.metadata.name,
    namespace: canary.metadata.namespace ?? "",
    target: targetRef.name,
    service: apexName(canary),
    ingress: ingressRef?.name ?? targetRef.name,
    route: newest ?? routeRef?.name ?? targetRef.name,
    interval: metricInterval(metric),
    variables: metric.templateVariables ?? {},
    workload: targetRef.kind,
  };
}

/** The name under which the built-in checks of this Canary are known: it chooses the observer and appears in event texts. */
export function metricsProviderOf(canary: Canary, meshProvider: string): string {
  const fallback = meshProvider.includes("crossover") ? "crossover" : meshProvider;
  const chosen =
    canary.spec.provider && meshProvider.includes("linkerd") ? "linkerd" : canary.spec.provider || fallback;
  return isPlainService(canary.spec.targetRef) ? `${chosen}:service` : chosen;
}
