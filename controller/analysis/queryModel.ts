import { apexName, type Canary, type CanaryMetric, metricInterval } from "../../api/index.ts";
import type { ObserverModel } from "./builtin.ts";

/** What queries of this metric may ask for. The window is 1m where the metric is silent, for every kind of query. */
export function queryModel(canary: Canary, metric: CanaryMetric): ObserverModel {
  const { targetRef, ingressRef, routeRef } = canary.spec;
  return {
    name: canary.metadata.name,
    namespace: canary.metadata.namespace ?? "",
    target: targetRef.name,
    service: apexName(canary),
    ingress: ingressRef?.name ?? targetRef.name,
    route: routeRef?.name ?? targetRef.name,
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
  const { apiVersion, kind } = canary.spec.targetRef;
  return kind === "Service" && !apiVersion.startsWith("serving.knative.dev/") ? `${chosen}:service` : chosen;
}
