/** HorizontalPodAutoscalers between v1 and v2. What v1 cannot say travels in annotations, as on a real API server. */
import { clone, type KubeObject } from "../types.ts";
import { flatMetric, fullMetric, printedBehavior, readBehavior } from "./autoscalerAnnotations.ts";
import { each, type Json } from "./defaults/fill.ts";

const annotations = {
  metrics: "autoscaling.alpha.kubernetes.io/metrics",
  behavior: "autoscaling.alpha.kubernetes.io/behavior",
  currentMetrics: "autoscaling.alpha.kubernetes.io/current-metrics",
  conditions: "autoscaling.alpha.kubernetes.io/conditions",
};

export function convertAutoscaler(object: KubeObject, toVersion: string): KubeObject {
  const converted = clone(object);
  if (toVersion === "v1" && object.apiVersion === "autoscaling/v2") toV1(converted);
  if (toVersion === "v2" && object.apiVersion === "autoscaling/v1") toV2(converted);
  converted.apiVersion = `autoscaling/${toVersion}`;
  return converted;
}

function isCpuUtilization(metric: Json): boolean {
  return (
    metric.type === "Resource" && metric.resource?.name === "cpu" && metric.resource.target?.type === "Utilization"
  );
}

function toV1(object: KubeObject): void {
  const { spec = {}, status = {} } = object;
  const { metrics, behavior, ...rest } = spec;
  const cpu = each(metrics).find(isCpuUtilization);
  const others = each(metrics).filter((metric) => metric !== cpu);
  object["spec"] = rest;
  if (cpu !== undefined) rest.targetCPUUtilizationPercentage = cpu.resource.target.averageUtilization;
  const { currentMetrics, conditions, ...counts } = status;
  object["status"] = { currentReplicas: 0, desiredReplicas: 0, ...counts };
  note(object, "metrics", others.length === 0 ? undefined : others.map(flatMetric));
  note(object, "behavior", behavior === undefined ? undefined : printedBehavior(behavior));
  note(object, "currentMetrics", each(currentMetrics).length === 0 ? undefined : currentMetrics);
  note(object, "conditions", conditions);
}

function note(object: KubeObject, part: keyof typeof annotations, value: unknown): void {
  if (value === undefined) return;
  object.metadata.annotations = { ...object.metadata.annotations, [annotations[part]]: JSON.stringify(value) };
}

function toV2(object: KubeObject): void {
  const { spec = {}, status = {} } = object;
  const { targetCPUUtilizationPercentage: percent, ...rest } = spec;
  const metrics = each(take(object, "metrics")).map(fullMetric);
  if (percent !== undefined) {
    const target = { type: "Utilization", averageUtilization: percent };
    metrics.push({ type: "Resource", resource: { name: "cpu", target } });
  }
  const printed = take(object, "behavior");
  const behavior = printed === undefined || printed === null ? undefined : readBehavior(printed);
  object["spec"] = {
    ...rest,
    ...(metrics.length === 0 ? {} : { metrics }),
    ...(behavior === undefined ? {} : { behavior }),
  };
  const { currentCPUUtilizationPercentage: _current, currentReplicas, ...counts } = status;
  const conditions = take(object, "conditions");
  object["status"] = {
    desiredReplicas: 0,
    ...counts,
    ...(currentReplicas ? { currentReplicas } : {}),
    currentMetrics: take(object, "currentMetrics") ?? null,
    ...(conditions === undefined ? {} : { conditions }),
  };
}

function take(object: KubeObject, part: keyof typeof annotations): Json {
  const text = object.metadata.annotations?.[annotations[part]];
  if (text === undefined) return undefined;
  const { [annotations[part]]: _taken, ...others } = object.metadata.annotations ?? {};
  if (Object.keys(others).length === 0) delete object.metadata.annotations;
  else object.metadata.annotations = others;
  try {
    return JSON.parse(text);
  } catch {
    // The annotation is open to everybody; what cannot be read is dropped, as the API server does.
    return undefined;
  }
}
