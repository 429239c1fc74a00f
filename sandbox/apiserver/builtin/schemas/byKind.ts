/** Which schema belongs to which kind. Kinds without one keep whatever they are given. */
import type { ResourceKey, TypeSchema } from "../../types.ts";
import {
  controllerRevision,
  cronJob,
  daemonSet,
  deployment,
  job,
  persistentVolumeClaim,
  replicaSet,
  statefulSet,
} from "./apps.ts";
import {
  configMap,
  coreEvent,
  endpointSlice,
  endpoints,
  event,
  lease,
  namespace,
  node,
  priorityClass,
  secret,
  service,
  serviceAccount,
} from "./core.ts";
import { kind } from "./meta.ts";
import { anything } from "./notation.ts";
import { pod } from "./pod.ts";
import {
  clusterRole,
  customResourceDefinition,
  horizontalPodAutoscaler,
  horizontalPodAutoscalerV1,
  ingress,
  ingressClass,
  mutatingWebhookConfiguration,
  networkPolicy,
  podDisruptionBudget,
  role,
  roleBinding,
  validatingWebhookConfiguration,
} from "./policy.ts";

const schemas: Readonly<Record<ResourceKey, TypeSchema>> = {
  configmaps: configMap,
  endpoints,
  events: coreEvent,
  namespaces: namespace,
  nodes: node,
  persistentvolumeclaims: persistentVolumeClaim,
  pods: pod,
  secrets: secret,
  serviceaccounts: serviceAccount,
  services: service,
  "controllerrevisions.apps": controllerRevision,
  "daemonsets.apps": daemonSet,
  "deployments.apps": deployment,
  "replicasets.apps": replicaSet,
  "statefulsets.apps": statefulSet,
  "events.events.k8s.io": event,
  "horizontalpodautoscalers.autoscaling": horizontalPodAutoscaler,
  "cronjobs.batch": cronJob,
  "jobs.batch": job,
  "ingressclasses.networking.k8s.io": ingressClass,
  "ingresses.networking.k8s.io": ingress,
  "networkpolicies.networking.k8s.io": networkPolicy,
  "poddisruptionbudgets.policy": podDisruptionBudget,
  "clusterrolebindings.rbac.authorization.k8s.io": roleBinding,
  "clusterroles.rbac.authorization.k8s.io": clusterRole,
  "rolebindings.rbac.authorization.k8s.io": roleBinding,
  "roles.rbac.authorization.k8s.io": role,
  "mutatingwebhookconfigurations.admissionregistration.k8s.io": mutatingWebhookConfiguration,
  "validatingwebhookconfigurations.admissionregistration.k8s.io": validatingWebhookConfiguration,
  "customresourcedefinitions.apiextensions.k8s.io": customResourceDefinition,
  "priorityclasses.scheduling.k8s.io": priorityClass,
  "leases.coordination.k8s.io": lease,
  "endpointslices.discovery.k8s.io": endpointSlice,
};

const untyped = kind("Object", { spec: anything, status: anything });

export function schemaOf(key: ResourceKey, version: string): TypeSchema {
  if (key === "horizontalpodautoscalers.autoscaling" && version === "v1") return horizontalPodAutoscalerV1;
  return schemas[key] ?? untyped;
}
