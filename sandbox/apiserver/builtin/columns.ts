/** Columns of `kubectl get` for the built-in kinds, as recorded in shared/kube/http/table.json. */
import { type Column, keyOf, type ResourceKey } from "../types.ts";
import { createdAtColumn, nameColumn } from "./columns/cells.ts";
import {
  bindings,
  claims,
  configMaps,
  disruptionBudgets,
  events,
  leases,
  namespaces,
  nodes,
  plain,
  priorityClasses,
  secrets,
  webhookConfigurations,
} from "./columns/core.ts";
import {
  autoscalers,
  endpointSlices,
  endpoints,
  ingressClasses,
  ingresses,
  networkPolicies,
  services,
} from "./columns/network.ts";
import {
  controllerRevisions,
  cronJobs,
  daemonSets,
  deployments,
  jobs,
  pods,
  replicaSets,
  statefulSets,
} from "./columns/workloads.ts";

const columns: Readonly<Record<ResourceKey, readonly Column[]>> = {
  configmaps: configMaps,
  endpoints,
  events,
  namespaces,
  nodes,
  persistentvolumeclaims: claims,
  pods,
  secrets,
  serviceaccounts: plain,
  services,
  "controllerrevisions.apps": controllerRevisions,
  "daemonsets.apps": daemonSets,
  "deployments.apps": deployments,
  "replicasets.apps": replicaSets,
  "statefulsets.apps": statefulSets,
  "events.events.k8s.io": events,
  "horizontalpodautoscalers.autoscaling": autoscalers,
  "cronjobs.batch": cronJobs,
  "jobs.batch": jobs,
  "ingressclasses.networking.k8s.io": ingressClasses,
  "ingresses.networking.k8s.io": ingresses,
  "networkpolicies.networking.k8s.io": networkPolicies,
  "poddisruptionbudgets.policy": disruptionBudgets,
  "clusterrolebindings.rbac.authorization.k8s.io": bindings,
  "rolebindings.rbac.authorization.k8s.io": bindings,
  "mutatingwebhookconfigurations.admissionregistration.k8s.io": webhookConfigurations,
  "validatingwebhookconfigurations.admissionregistration.k8s.io": webhookConfigurations,
  "priorityclasses.scheduling.k8s.io": priorityClasses,
  "leases.coordination.k8s.io": leases,
  "endpointslices.discovery.k8s.io": endpointSlices,
};

const nameAndCreation: readonly Column[] = [nameColumn, createdAtColumn];

/** Columns of a kind; kinds without columns of their own show name and creation time. */
export function columnsOf(group: string, plural: string): readonly Column[] {
  return columns[keyOf(group, plural)] ?? nameAndCreation;
}
