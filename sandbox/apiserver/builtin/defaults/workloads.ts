/** Defaults of what makes pods. */
import { each, fill, type Json } from "./fill.ts";
import { defaultPodSpec } from "./pod.ts";

function defaultTemplate(spec: Json): void {
  fill(spec, { template: {} });
  fill(spec.template, { metadata: {}, spec: {} });
  defaultPodSpec(spec.template.spec);
}

export function defaultDeployment(object: Json): void {
  const { spec } = fill(object, { spec: {} });
  fill(spec, { replicas: 1, strategy: {}, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
  fill(spec.strategy, { type: "RollingUpdate" });
  if (spec.strategy.type === "RollingUpdate") {
    fill(fill(spec.strategy, { rollingUpdate: {} }).rollingUpdate, { maxUnavailable: "25%", maxSurge: "25%" });
  }
  defaultTemplate(spec);
}

export function defaultReplicaSet(object: Json): void {
  const { spec } = fill(object, { spec: {} });
  fill(spec, { replicas: 1 });
  defaultTemplate(spec);
}

const templateGeneration = "deprecated.daemonset.template.generation";

export function defaultDaemonSet(object: Json): void {
  const { spec } = fill(object, { spec: {} });
  fill(fill(object.metadata, { annotations: {} }).annotations, { [templateGeneration]: "0" });
  fill(spec, { updateStrategy: {}, revisionHistoryLimit: 10 });
  fill(spec.updateStrategy, { type: "RollingUpdate" });
  if (spec.updateStrategy.type === "RollingUpdate") {
    fill(fill(spec.updateStrategy, { rollingUpdate: {} }).rollingUpdate, { maxUnavailable: 1, maxSurge: 0 });
  }
  defaultTemplate(spec);
}

/** Counts versions of the template, as DaemonSets did before they had revisions. */
export function countTemplate(object: Json, old: Json, templateChanged: boolean): void {
  const previous = Number(old?.metadata.annotations?.[templateGeneration] ?? 0);
  const generation = old === undefined || templateChanged ? previous + 1 : previous;
  fill(object.metadata, { annotations: {} }).annotations[templateGeneration] = String(generation);
}

export function defaultStatefulSet(object: Json): void {
  const { spec } = fill(object, { spec: {} });
  fill(spec, {
    replicas: 1,
    podManagementPolicy: "OrderedReady",
    updateStrategy: {},
    revisionHistoryLimit: 10,
    persistentVolumeClaimRetentionPolicy: {},
  });
  fill(spec.updateStrategy, { type: "RollingUpdate" });
  if (spec.updateStrategy.type === "RollingUpdate") {
    fill(fill(spec.updateStrategy, { rollingUpdate: {} }).rollingUpdate, { partition: 0 });
  }
  fill(spec.persistentVolumeClaimRetentionPolicy, { whenDeleted: "Retain", whenScaled: "Retain" });
  for (const claim of each(spec.volumeClaimTemplates)) {
    fill(claim, { kind: "PersistentVolumeClaim", apiVersion: "v1", status: { phase: "Pending" } });
    fill(fill(claim, { spec: {} }).spec, { volumeMode: "Filesystem" });
  }
  defaultTemplate(spec);
}

function defaultJobSpec(spec: Json): void {
  const isIndefinite = spec.completions === undefined && spec.parallelism === undefined;
  if (isIndefinite) spec.completions = 1;
  fill(spec, { parallelism: 1, backoffLimit: 6, completionMode: "NonIndexed", suspend: false });
  fill(spec, { podReplacementPolicy: spec.podFailurePolicy === undefined ? "TerminatingOrFailed" : "Failed" });
  defaultTemplate(spec);
}

export function defaultJob(object: Json): void {
  defaultJobSpec(fill(object, { spec: {} }).spec);
}

export function defaultCronJob(object: Json): void {
  const { spec } = fill(object, { spec: {} });
  fill(spec, {
    concurrencyPolicy: "Allow",
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
    jobTemplate: {},
  });
  fill(spec.jobTemplate, { metadata: {}, spec: {} });
  defaultTemplate(spec.jobTemplate.spec);
}
