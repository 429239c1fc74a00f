/** Defaults of Services, autoscalers, network and webhook configuration. */
import { each, fill, type Json } from "./fill.ts";

export function defaultService(object: Json): void {
  const { spec } = fill(object, { spec: {} });
  fill(spec, { sessionAffinity: "None", type: "ClusterIP" });
  if (spec.sessionAffinity === "None") delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === "ClientIP") {
    const config = fill(spec, { sessionAffinityConfig: {} }).sessionAffinityConfig;
    fill(fill(config, { clientIP: {} }).clientIP, { timeoutSeconds: 10800 });
  }
  for (const port of each(spec.ports)) {
    fill(port, { protocol: "TCP" });
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === "")
      port.targetPort = port.port ?? 0;
  }
  const isExternal = spec.type === "NodePort" || spec.type === "LoadBalancer";
  if (isExternal) fill(spec, { externalTrafficPolicy: "Cluster" });
  if (isExternal || spec.type === "ClusterIP") fill(spec, { internalTrafficPolicy: "Cluster" });
  if (spec.type === "LoadBalancer") fill(spec, { allocateLoadBalancerNodePorts: true });
}

export function defaultEndpoints(object: Json): void {
  for (const { ports } of each(object.subsets)) for (const port of each(ports)) fill(port, { protocol: "TCP" });
}

export function defaultEndpointSlice(object: Json): void {
  for (const port of each(object.ports)) fill(port, { name: "", protocol: "TCP" });
}

const cpuAt80 = {
  type: "Resource",
  resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } },
};

export function defaultAutoscaler(object: Json, version: string): void {
  const { spec } = fill(object, { spec: {} });
  fill(spec, { minReplicas: 1, maxReplicas: 0, scaleTargetRef: {} });
  fill(spec.scaleTargetRef, { kind: "", name: "" });
  if (version === "v1") {
    fill(spec, { targetCPUUtilizationPercentage: 80 });
    return;
  }
  if (each(spec.metrics).length === 0) spec.metrics = [structuredClone(cpuAt80)];
  if (spec.behavior === undefined) return;
  fill(spec.behavior, { scaleUp: {}, scaleDown: {} });
  fill(spec.behavior.scaleUp, {
    stabilizationWindowSeconds: 0,
    selectPolicy: "Max",
    policies: [
      { type: "Pods", value: 4, periodSeconds: 15 },
      { type: "Percent", value: 100, periodSeconds: 15 },
    ],
  });
  fill(spec.behavior.scaleDown, {
    selectPolicy: "Max",
    policies: [{ type: "Percent", value: 100, periodSeconds: 15 }],
  });
}

export function defaultNetworkPolicy(object: Json): void {
  const { spec } = fill(object, { spec: {} });
  fill(spec, { podSelector: {} });
  if (spec.policyTypes === undefined)
    spec.policyTypes = spec.egress === undefined ? ["Ingress"] : ["Ingress", "Egress"];
  const rules = [...each(spec.ingress), ...each(spec.egress)];
  for (const { ports } of rules) for (const port of each(ports)) fill(port, { protocol: "TCP" });
}

export function defaultWebhooks(object: Json): void {
  for (const webhook of each(object.webhooks)) {
    fill(webhook, {
      failurePolicy: "Fail",
      matchPolicy: "Equivalent",
      namespaceSelector: {},
      objectSelector: {},
      timeoutSeconds: 10,
    });
    if (object.kind === "MutatingWebhookConfiguration") fill(webhook, { reinvocationPolicy: "Never" });
    if (webhook.clientConfig?.service) fill(webhook.clientConfig.service, { port: 443 });
    for (const rule of each(webhook.rules)) fill(rule, { scope: "*" });
  }
}

const rbacGroup = "rbac.authorization.k8s.io";

export function defaultBinding(object: Json): void {
  fill(fill(object, { roleRef: {} }).roleRef, { apiGroup: rbacGroup, kind: "", name: "" });
  for (const subject of each(object.subjects)) {
    if (subject.kind === "User" || subject.kind === "Group") fill(subject, { apiGroup: rbacGroup });
  }
}
