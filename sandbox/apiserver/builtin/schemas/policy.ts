/** Networking, autoscaling, disruption budgets, RBAC and what extends the API. */
import {
  conditions,
  kind,
  labelSelector,
  loadBalancerStatus,
  newConditions,
  typedLocalObjectReference,
} from "./meta.ts";
import {
  anything,
  atomic,
  bool,
  int32,
  int32Pointer,
  int64,
  int64Pointer,
  intOrString,
  list,
  mapList,
  mapOf,
  quantity,
  struct,
  text,
  textPointer,
  time,
} from "./notation.ts";

const ingressBackend = struct("IngressBackend", {
  service: struct("IngressServiceBackend", {
    name: textPointer,
    port: atomic("ServiceBackendPort", { name: text, number: int32 }),
  }),
  resource: typedLocalObjectReference,
});

const httpIngressPath = struct("HTTPIngressPath", { path: text, pathType: textPointer, backend: ingressBackend });

export const ingress = kind("Ingress", {
  spec: struct("IngressSpec", {
    ingressClassName: textPointer,
    defaultBackend: ingressBackend,
    tls: list(struct("IngressTLS", { hosts: list(text), secretName: text })),
    rules: list(
      struct("IngressRule", {
        host: text,
        http: struct("HTTPIngressRuleValue", { paths: list(httpIngressPath, { omitZero: false }) }),
      }),
    ),
  }),
  status: struct("IngressStatus", { loadBalancer: loadBalancerStatus }),
});

export const ingressClass = kind("IngressClass", {
  spec: struct("IngressClassSpec", {
    controller: text,
    parameters: struct("IngressClassParametersReference", {
      apiGroup: textPointer,
      kind: textPointer,
      name: textPointer,
      scope: textPointer,
      namespace: textPointer,
    }),
  }),
});

const networkPolicyPort = struct("NetworkPolicyPort", {
  protocol: textPointer,
  port: intOrString,
  endPort: int32Pointer,
});

const networkPolicyPeer = struct("NetworkPolicyPeer", {
  podSelector: labelSelector,
  namespaceSelector: labelSelector,
  ipBlock: struct("IPBlock", { cidr: textPointer, except: list(text) }),
});

export const networkPolicy = kind("NetworkPolicy", {
  spec: struct("NetworkPolicySpec", {
    podSelector: labelSelector,
    ingress: list(
      struct("NetworkPolicyIngressRule", { ports: list(networkPolicyPort), from: list(networkPolicyPeer) }),
    ),
    egress: list(struct("NetworkPolicyEgressRule", { ports: list(networkPolicyPort), to: list(networkPolicyPeer) })),
    policyTypes: list(text),
  }),
});

const scaleTarget = { kind: textPointer, name: textPointer, apiVersion: text };

const scalingRules = struct("HPAScalingRules", {
  stabilizationWindowSeconds: int32Pointer,
  selectPolicy: textPointer,
  policies: list(struct("HPAScalingPolicy", { type: textPointer, value: int32Pointer, periodSeconds: int32Pointer })),
  tolerance: quantity,
});

const metricIdentifier = struct("MetricIdentifier", { name: textPointer, selector: labelSelector });

const metricTarget = struct("MetricTarget", {
  type: textPointer,
  value: quantity,
  averageValue: quantity,
  averageUtilization: int32Pointer,
});

const metricSpec = struct("MetricSpec", {
  type: textPointer,
  object: struct("ObjectMetricSource", {
    describedObject: struct("CrossVersionObjectReference", scaleTarget),
    target: metricTarget,
    metric: metricIdentifier,
  }),
  pods: struct("PodsMetricSource", { metric: metricIdentifier, target: metricTarget }),
  resource: struct("ResourceMetricSource", { name: textPointer, target: metricTarget }),
  containerResource: struct("ContainerResourceMetricSource", {
    name: textPointer,
    target: metricTarget,
    container: textPointer,
  }),
  external: struct("ExternalMetricSource", { metric: metricIdentifier, target: metricTarget }),
});

export const horizontalPodAutoscaler = kind("HorizontalPodAutoscaler", {
  spec: struct("HorizontalPodAutoscalerSpec", {
    scaleTargetRef: struct("CrossVersionObjectReference", scaleTarget),
    minReplicas: int32Pointer,
    maxReplicas: int32Pointer,
    metrics: list(metricSpec),
    behavior: struct("HorizontalPodAutoscalerBehavior", { scaleUp: scalingRules, scaleDown: scalingRules }),
  }),
  status: struct("HorizontalPodAutoscalerStatus", {
    observedGeneration: int64Pointer,
    lastScaleTime: time,
    currentReplicas: int32,
    desiredReplicas: int32Pointer,
    currentMetrics: { ...list(anything), nullable: true, omitZero: false },
    conditions: conditions("HorizontalPodAutoscalerCondition"),
  }),
});

export const horizontalPodAutoscalerV1 = kind("HorizontalPodAutoscaler", {
  spec: struct("HorizontalPodAutoscalerSpec", {
    scaleTargetRef: atomic("CrossVersionObjectReference", scaleTarget),
    minReplicas: int32Pointer,
    maxReplicas: int32Pointer,
    targetCPUUtilizationPercentage: int32Pointer,
  }),
  status: struct("HorizontalPodAutoscalerStatus", {
    observedGeneration: int64Pointer,
    lastScaleTime: time,
    currentReplicas: int32Pointer,
    desiredReplicas: int32Pointer,
    currentCPUUtilizationPercentage: int32Pointer,
  }),
});

export const podDisruptionBudget = kind("PodDisruptionBudget", {
  spec: struct("PodDisruptionBudgetSpec", {
    minAvailable: intOrString,
    selector: { ...labelSelector, patchStrategy: ["replace"] },
    maxUnavailable: intOrString,
    unhealthyPodEvictionPolicy: textPointer,
  }),
  status: struct("PodDisruptionBudgetStatus", {
    observedGeneration: int64,
    disruptedPods: mapOf(time),
    disruptionsAllowed: int32Pointer,
    currentHealthy: int32Pointer,
    desiredHealthy: int32Pointer,
    expectedPods: int32Pointer,
    conditions: newConditions,
  }),
});

const policyRules = list(
  struct("PolicyRule", {
    verbs: list(text),
    apiGroups: list(text),
    resources: list(text),
    resourceNames: list(text),
    nonResourceURLs: list(text),
  }),
  { omitZero: false },
);

export const role = kind("Role", { rules: policyRules });

export const clusterRole = kind("ClusterRole", {
  rules: policyRules,
  aggregationRule: struct("AggregationRule", { clusterRoleSelectors: list(labelSelector) }),
});

/** RoleBinding and ClusterRoleBinding alike. */
export const roleBinding = kind("RoleBinding", {
  subjects: list(struct("Subject", { kind: textPointer, apiGroup: text, name: textPointer, namespace: text })),
  roleRef: atomic("RoleRef", { apiGroup: textPointer, kind: textPointer, name: textPointer }),
});

const matchConditions = mapList(["name"], struct("MatchCondition", { name: textPointer, expression: textPointer }));

const webhookFields = {
  name: textPointer,
  clientConfig: struct("WebhookClientConfig", {
    url: textPointer,
    service: struct("ServiceReference", {
      namespace: textPointer,
      name: textPointer,
      path: textPointer,
      port: int32Pointer,
    }),
    caBundle: text,
  }),
  rules: list(
    struct("RuleWithOperations", {
      operations: list(text),
      apiGroups: list(text),
      apiVersions: list(text),
      resources: list(text),
      scope: textPointer,
    }),
  ),
  failurePolicy: textPointer,
  matchPolicy: textPointer,
  namespaceSelector: labelSelector,
  objectSelector: labelSelector,
  sideEffects: textPointer,
  timeoutSeconds: int32Pointer,
  admissionReviewVersions: list(text),
};

export const mutatingWebhookConfiguration = kind("MutatingWebhookConfiguration", {
  webhooks: mapList(
    ["name"],
    struct("MutatingWebhook", { ...webhookFields, reinvocationPolicy: textPointer, matchConditions }),
  ),
});

export const validatingWebhookConfiguration = kind("ValidatingWebhookConfiguration", {
  webhooks: mapList(["name"], struct("ValidatingWebhook", { ...webhookFields, matchConditions })),
});

export const customResourceDefinition = kind("CustomResourceDefinition", {
  spec: struct("CustomResourceDefinitionSpec", {
    group: textPointer,
    names: struct("CustomResourceDefinitionNames", {
      plural: textPointer,
      singular: text,
      shortNames: list(text),
      kind: textPointer,
      listKind: text,
      categories: list(text),
    }),
    scope: textPointer,
    versions: list(anything),
    conversion: struct("CustomResourceConversion", {
      strategy: textPointer,
      webhook: struct("WebhookConversion", {
        clientConfig: webhookFields.clientConfig,
        conversionReviewVersions: list(text),
      }),
    }),
    preserveUnknownFields: bool,
  }),
  status: struct("CustomResourceDefinitionStatus", {
    conditions: conditions("CustomResourceDefinitionCondition"),
    acceptedNames: anything,
    storedVersions: list(text),
    observedGeneration: int64,
  }),
});
