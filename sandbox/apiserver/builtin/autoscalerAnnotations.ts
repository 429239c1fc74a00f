/** What autoscaling/v1 cannot say, in the form in which the API server notes it in annotations. */
import { each, type Json } from "./defaults/fill.ts";

/** Only what is set: absent fields must not become `undefined` ones. */
function present(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}

/** A metric of v2 in the flat form of v1's day. */
export function flatMetric({ type, ...sources }: Json): Json {
  const [[source, stated] = ["", {}]] = Object.entries<Json>(sources);
  const { target = {}, metric = {}, describedObject, name, container } = stated;
  const { value, averageValue, averageUtilization } = target;
  switch (type) {
    case "Object": {
      const flat = { target: describedObject, metricName: metric.name, targetValue: value ?? "0" };
      return { type, object: present({ ...flat, selector: metric.selector, averageValue }) };
    }
    case "Pods":
      return {
        type,
        pods: present({ metricName: metric.name, targetAverageValue: averageValue, selector: metric.selector }),
      };
    case "External": {
      const flat = { metricName: metric.name, metricSelector: metric.selector };
      return { type, external: present({ ...flat, targetValue: value, targetAverageValue: averageValue }) };
    }
    default: {
      const flat = { name, targetAverageUtilization: averageUtilization, targetAverageValue: averageValue, container };
      return { type, [source]: present(flat) };
    }
  }
}

/** The way back. */
export function fullMetric({ type, ...sources }: Json): Json {
  const [[source, flat] = ["", {}]] = Object.entries<Json>(sources);
  const { metricName, selector, metricSelector, name, container } = flat;
  const averageValue = flat.targetAverageValue ?? flat.averageValue;
  const value = averageValue === undefined ? flat.targetValue : undefined;
  const averageUtilization = flat.targetAverageUtilization;
  const kind =
    averageUtilization === undefined ? (averageValue === undefined ? "Value" : "AverageValue") : "Utilization";
  const target = present({ type: kind, value, averageValue, averageUtilization });
  const isNamed = type === "Resource" || type === "ContainerResource";
  if (isNamed) return { type, [source]: present({ name, target, container }) };
  const metric = present({ name: metricName, selector: selector ?? metricSelector });
  return { type, [source]: present({ describedObject: flat.target, target, metric }) };
}

const directions = { scaleUp: "ScaleUp", scaleDown: "ScaleDown" };

/** The behavior as the server's own type prints it: capitals, and null for what is not set. */
export function printedBehavior(behavior: Json): Json {
  const printed = Object.entries(directions).map(([name, Name]) => {
    const rules = behavior[name];
    if (rules === undefined) return [Name, null];
    const policies = each(rules.policies).map(({ type, value, periodSeconds }) => ({
      Type: type,
      Value: value,
      PeriodSeconds: periodSeconds,
    }));
    return [
      Name,
      {
        StabilizationWindowSeconds: rules.stabilizationWindowSeconds ?? null,
        SelectPolicy: rules.selectPolicy ?? null,
        Policies: rules.policies === undefined ? null : policies,
        Tolerance: rules.tolerance ?? null,
      },
    ];
  });
  return Object.fromEntries(printed);
}

export function readBehavior(printed: Json): Json {
  const small = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(small);
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(present(value));
    return Object.fromEntries(
      entries.map(([key, field]) => [key.charAt(0).toLowerCase() + key.slice(1), small(field)]),
    );
  };
  return small(printed);
}
