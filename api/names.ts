import type { Resource } from "./object.ts";

/** The group of the three kinds. */
export const apiGroup = "flagger.app";

export const canaryResource: Resource = { group: apiGroup, version: "v1beta1", plural: "canaries", kind: "Canary" };
export const metricTemplateResource: Resource = {
  group: apiGroup,
  version: "v1beta1",
  plural: "metrictemplates",
  kind: "MetricTemplate",
};
export const alertProviderResource: Resource = {
  group: apiGroup,
  version: "v1beta1",
  plural: "alertproviders",
  kind: "AlertProvider",
};

/** Annotations of ours. They sit on `metadata` of the target, never in its template. */
export const annotations = {
  /** Revision of the template that was written last, see `revisionOf`. */
  revision: "weir.sh/revision",
  /** On a primary: the hash of its template as it was written last. Another one there was written by somebody else. */
  template: "weir.sh/template",
  /** When that revision was written (RFC 3339, whole seconds). Changes only together with the revision. */
  changedAt: "weir.sh/changed-at",
  /** Who wrote it. */
  changedBy: "weir.sh/changed-by",
  /** The groups of who wrote it, as a JSON list. */
  changedByGroups: "weir.sh/changed-by-groups",
  /** The field manager it was written with: `helm`, `kubectl-edit`, a GitOps controller. */
  changedWith: "weir.sh/changed-with",
  /** Replicas the user asked for while the controller owns `spec.replicas`; they go to the primary. */
  replicas: "weir.sh/replicas",
  /** Replicas that an autoscaler gave to the target of a running release: nobody's wish for the primary. */
  autoscaledReplicas: "weir.sh/autoscaled-replicas",
  /** The revision whose rollout admission paused until the primary serves. The controller resumes it and removes the mark. */
  held: "weir.sh/held",
  /** Value "off" on a Canary: admission leaves the workload alone. */
  admission: "weir.sh/admission",
  /** On an object of ours: why somebody with the right to wants to write what is ours on it. A primary's template is left so at rest. */
  bypass: "weir.sh/bypass",
} as const;

/** Keys that users and tools of these kinds know. */
export const knownKeys = {
  configTracking: "flagger.app/config-tracking",
  primaryRevision: "flagger.app/primary-revision",
  templateId: "flagger-id",
  originalConfiguration: "flagger.kubernetes.io/original-configuration",
  fluxReconcile: "kustomize.toolkit.fluxcd.io/reconcile",
  helmDriftDetection: "helm.toolkit.fluxcd.io/driftDetection",
  kedaPausedReplicas: "autoscaling.keda.sh/paused-replicas",
  scaleToZeroNode: "flagger.app/scale-to-zero",
  finalizer: "finalizer.flagger.app",
  lastApplied: "kubectl.kubernetes.io/last-applied-configuration",
  deploymentRevision: "deployment.kubernetes.io/revision",
} as const;

/** Labels a target's selector may use, the first that is found wins. */
export const selectorLabels = ["app", "name", "app.kubernetes.io/name"] as const;

/** Field managers of server-side apply, one per concern. */
export const fieldManagers = {
  workload: "weir-workload",
  service: "weir-service",
  route: "weir-route",
  scaler: "weir-scaler",
  status: "weir-status",
  certs: "weir-certs",
} as const;
