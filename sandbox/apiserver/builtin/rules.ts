/** What each built-in kind does to its objects. */
import type { KubeObject, ResourceKey } from "../types.ts";
import { createServiceSettler } from "./allocation.ts";
import { convertAutoscaler } from "./autoscalerVersions.ts";
import {
  defaultClaim,
  defaultEvent,
  defaultNamespace,
  defaultPodObject,
  defaultPriorityClass,
  defaultSecret,
} from "./defaults/core.ts";
import { fill } from "./defaults/fill.ts";
import {
  defaultAutoscaler,
  defaultBinding,
  defaultEndpointSlice,
  defaultEndpoints,
  defaultNetworkPolicy,
  defaultService,
  defaultWebhooks,
} from "./defaults/network.ts";
import { admitPod } from "./defaults/pod.ts";
import {
  countTemplate,
  defaultCronJob,
  defaultDaemonSet,
  defaultDeployment,
  defaultJob,
  defaultReplicaSet,
  defaultStatefulSet,
} from "./defaults/workloads.ts";
import { qualityOfService } from "./qualityOfService.ts";
import type { KindRules } from "./strategy.ts";
import {
  bindingErrors,
  configMapErrors,
  coreEventErrors,
  eventErrors,
  leaseErrors,
  secretErrors,
  secretWarnings,
} from "./validate/core.ts";
import { isLabel, isPathSegment } from "./validate/names.ts";
import { autoscalerErrors, ingressErrors, serviceErrors } from "./validate/network.ts";
import { podErrors } from "./validate/pod.ts";
import { webhookConfigurationErrors } from "./validate/webhooks.ts";
import {
  daemonSetErrors,
  deploymentErrors,
  jobErrors,
  replicaSetErrors,
  statefulSetErrors,
  statusCountErrors,
} from "./validate/workloads.ts";

type Particulars = Omit<KindRules, "schema">;

const noStatus = (): Record<string, unknown> => ({});

const spec = ["spec"];

const core: Readonly<Record<ResourceKey, () => Particulars>> = {
  configmaps: () => ({ validate: configMapErrors }),
  endpoints: () => ({ defaults: defaultEndpoints }),
  events: () => ({ defaults: defaultEvent, validate: coreEventErrors }),
  namespaces: () => ({
    defaults: defaultNamespace,
    name: isLabel,
    hasStatus: true,
    settle: (object, old) => {
      object["spec"] = { finalizers: old?.["spec"]?.finalizers ?? ["kubernetes"] };
    },
  }),
  nodes: () => ({ hasStatus: true, defaults: (object) => fill(object, { spec: {}, status: {} }) }),
  persistentvolumeclaims: () => ({ defaults: defaultClaim, hasStatus: true }),
  pods: () => ({
    defaults: defaultPodObject,
    validate: podErrors,
    hasStatus: true,
    status: () => ({ phase: "Pending" }),
    generation: spec,
    settle: (object, old) => {
      if (old !== undefined) return;
      admitPod(object["spec"]);
      object["status"].qosClass = qualityOfService(object["spec"]);
    },
  }),
  secrets: () => ({ defaults: defaultSecret, validate: secretErrors, warnings: secretWarnings }),
  serviceaccounts: () => ({}),
  services: () => ({
    defaults: defaultService,
    validate: serviceErrors,
    name: isLabel,
    hasStatus: true,
    status: () => ({ loadBalancer: {} }),
    ...createServiceSettler(),
  }),
};

const workloads: Readonly<Record<ResourceKey, () => Particulars>> = {
  "daemonsets.apps": () => ({
    defaults: defaultDaemonSet,
    validate: daemonSetErrors,
    hasStatus: true,
    status: () => ({
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    }),
    generation: spec,
    settle: (object, old) => {
      const isNew = JSON.stringify(object["spec"].template) !== JSON.stringify(old?.["spec"]?.template);
      countTemplate(object, old, isNew);
    },
  }),
  "deployments.apps": () => ({
    defaults: defaultDeployment,
    validate: deploymentErrors,
    validateStatus: statusCountErrors,
    hasStatus: true,
    status: noStatus,
    generation: ["spec", "annotations"],
  }),
  "replicasets.apps": () => ({
    defaults: defaultReplicaSet,
    validate: replicaSetErrors,
    validateStatus: statusCountErrors,
    hasStatus: true,
    status: () => ({ replicas: 0 }),
    generation: spec,
  }),
  "statefulsets.apps": () => ({
    defaults: defaultStatefulSet,
    validate: statefulSetErrors,
    hasStatus: true,
    status: () => ({ replicas: 0, availableReplicas: 0 }),
    generation: spec,
  }),
  "jobs.batch": () => ({
    defaults: defaultJob,
    validate: jobErrors,
    hasStatus: true,
    status: noStatus,
    generation: spec,
    settle: selectOwnPods,
  }),
  "cronjobs.batch": () => ({ defaults: defaultCronJob, hasStatus: true, status: noStatus, generation: spec }),
};

/** A Job's pods are told from those of others by the Job's uid. */
function selectOwnPods(object: KubeObject, old: KubeObject | undefined): void {
  const { spec: jobSpec, metadata } = object;
  if (old !== undefined || jobSpec.manualSelector === true) return;
  const labels = { "batch.kubernetes.io/controller-uid": metadata.uid, "batch.kubernetes.io/job-name": metadata.name };
  fill(fill(jobSpec.template.metadata, { labels: {} }).labels, {
    ...labels,
    "controller-uid": metadata.uid,
    "job-name": metadata.name,
  });
  jobSpec.selector ??= { matchLabels: { "batch.kubernetes.io/controller-uid": metadata.uid } };
}

const others: Readonly<Record<ResourceKey, () => Particulars>> = {
  "events.events.k8s.io": () => ({
    defaults: (object) => fill(object, { deprecatedSource: {} }),
    validate: eventErrors,
  }),
  "horizontalpodautoscalers.autoscaling": () => ({
    defaults: defaultAutoscaler,
    validate: autoscalerErrors,
    hasStatus: true,
    status: (version) => (version === "v1" ? { currentReplicas: 0, desiredReplicas: 0 } : { desiredReplicas: 0 }),
    convert: convertAutoscaler,
  }),
  "ingresses.networking.k8s.io": () => ({
    defaults: (object) => fill(object, { spec: {} }),
    validate: ingressErrors,
    hasStatus: true,
    status: () => ({ loadBalancer: {} }),
    generation: spec,
  }),
  "ingressclasses.networking.k8s.io": () => ({ generation: spec }),
  "networkpolicies.networking.k8s.io": () => ({ defaults: defaultNetworkPolicy, generation: spec }),
  "poddisruptionbudgets.policy": () => ({
    hasStatus: true,
    status: () => ({ disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }),
    generation: spec,
  }),
  "clusterrolebindings.rbac.authorization.k8s.io": () => ({
    defaults: defaultBinding,
    validate: bindingErrors,
    name: isPathSegment,
  }),
  "rolebindings.rbac.authorization.k8s.io": () => ({
    defaults: defaultBinding,
    validate: bindingErrors,
    name: isPathSegment,
  }),
  "clusterroles.rbac.authorization.k8s.io": () => ({ name: isPathSegment }),
  "roles.rbac.authorization.k8s.io": () => ({ name: isPathSegment }),
  "mutatingwebhookconfigurations.admissionregistration.k8s.io": () => ({
    defaults: defaultWebhooks,
    validate: webhookConfigurationErrors,
    generation: ["webhooks"],
  }),
  "validatingwebhookconfigurations.admissionregistration.k8s.io": () => ({
    defaults: defaultWebhooks,
    validate: webhookConfigurationErrors,
    generation: ["webhooks"],
  }),
  "validatingadmissionpolicies.admissionregistration.k8s.io": () => ({ hasStatus: true, generation: spec }),
  "validatingadmissionpolicybindings.admissionregistration.k8s.io": () => ({ generation: spec }),
  "customresourcedefinitions.apiextensions.k8s.io": () => ({ hasStatus: true, generation: spec }),
  "priorityclasses.scheduling.k8s.io": () => ({ defaults: defaultPriorityClass, generation: ["value"] }),
  "leases.coordination.k8s.io": () => ({
    defaults: (object) => fill(object, { spec: {} }),
    validate: leaseErrors,
  }),
  "endpointslices.discovery.k8s.io": () => ({
    defaults: defaultEndpointSlice,
    generation: ["endpoints", "ports", "addressType"],
  }),
};

/** Fresh rules of a kind: those of Services remember which addresses are given away. */
export function rulesOf(key: ResourceKey): Particulars {
  return { ...core, ...workloads, ...others }[key]?.() ?? {};
}
