/** What makes pods: apps/v1 and batch/v1. */
import { conditions, kind, labelSelector, objectMeta } from "./meta.ts";
import {
  anything,
  bool,
  boolPointer,
  int32,
  int32Pointer,
  int64,
  int64Pointer,
  intOrString,
  list,
  mapOf,
  quantity,
  struct,
  text,
  textPointer,
  time,
} from "./notation.ts";
import { podTemplate } from "./pod.ts";
import { claimSpec } from "./volume.ts";

const rollingUpdate = (goType: string) => struct(goType, { maxUnavailable: intOrString, maxSurge: intOrString });

export const deployment = kind("Deployment", {
  spec: struct("DeploymentSpec", {
    replicas: int32Pointer,
    selector: labelSelector,
    template: podTemplate,
    strategy: struct(
      "DeploymentStrategy",
      { type: text, rollingUpdate: rollingUpdate("RollingUpdateDeployment") },
      { patchStrategy: ["retainKeys"] },
    ),
    minReadySeconds: int32,
    revisionHistoryLimit: int32Pointer,
    paused: bool,
    progressDeadlineSeconds: int32Pointer,
  }),
  status: struct("DeploymentStatus", {
    observedGeneration: int64,
    replicas: int32,
    updatedReplicas: int32,
    readyReplicas: int32,
    availableReplicas: int32,
    unavailableReplicas: int32,
    terminatingReplicas: int32Pointer,
    conditions: conditions("DeploymentCondition", ["lastUpdateTime", "lastTransitionTime"]),
    collisionCount: int32Pointer,
  }),
});

export const replicaSet = kind("ReplicaSet", {
  spec: struct("ReplicaSetSpec", {
    replicas: int32Pointer,
    minReadySeconds: int32,
    selector: labelSelector,
    template: podTemplate,
  }),
  status: struct("ReplicaSetStatus", {
    replicas: int32Pointer,
    fullyLabeledReplicas: int32,
    readyReplicas: int32,
    availableReplicas: int32,
    terminatingReplicas: int32Pointer,
    observedGeneration: int64,
    conditions: conditions("ReplicaSetCondition"),
  }),
});

export const daemonSet = kind("DaemonSet", {
  spec: struct("DaemonSetSpec", {
    selector: labelSelector,
    template: podTemplate,
    updateStrategy: struct("DaemonSetUpdateStrategy", {
      type: text,
      rollingUpdate: rollingUpdate("RollingUpdateDaemonSet"),
    }),
    minReadySeconds: int32,
    revisionHistoryLimit: int32Pointer,
  }),
  status: struct("DaemonSetStatus", {
    currentNumberScheduled: int32Pointer,
    numberMisscheduled: int32Pointer,
    desiredNumberScheduled: int32Pointer,
    numberReady: int32Pointer,
    observedGeneration: int64,
    updatedNumberScheduled: int32,
    numberAvailable: int32,
    numberUnavailable: int32,
    collisionCount: int32Pointer,
    conditions: conditions("DaemonSetCondition"),
  }),
});

const claim = kind("PersistentVolumeClaim", {
  spec: claimSpec,
  status: struct("PersistentVolumeClaimStatus", {
    phase: text,
    accessModes: list(text),
    capacity: mapOf(quantity),
    conditions: conditions("PersistentVolumeClaimCondition", ["lastProbeTime", "lastTransitionTime"]),
  }),
});

export const persistentVolumeClaim = claim;

export const statefulSet = kind("StatefulSet", {
  spec: struct("StatefulSetSpec", {
    replicas: int32Pointer,
    selector: labelSelector,
    template: podTemplate,
    volumeClaimTemplates: list(claim),
    serviceName: { ...text, omitZero: false },
    podManagementPolicy: text,
    updateStrategy: struct("StatefulSetUpdateStrategy", {
      type: text,
      rollingUpdate: struct("RollingUpdateStatefulSetStrategy", {
        partition: int32Pointer,
        maxUnavailable: intOrString,
      }),
    }),
    revisionHistoryLimit: int32Pointer,
    minReadySeconds: int32,
    persistentVolumeClaimRetentionPolicy: struct("StatefulSetPersistentVolumeClaimRetentionPolicy", {
      whenDeleted: text,
      whenScaled: text,
    }),
    ordinals: struct("StatefulSetOrdinals", { start: int32Pointer }),
  }),
  status: struct("StatefulSetStatus", {
    observedGeneration: int64,
    replicas: int32Pointer,
    readyReplicas: int32,
    currentReplicas: int32,
    updatedReplicas: int32,
    currentRevision: text,
    updateRevision: text,
    collisionCount: int32Pointer,
    conditions: conditions("StatefulSetCondition"),
    availableReplicas: int32Pointer,
  }),
});

export const controllerRevision = kind("ControllerRevision", { data: anything, revision: int64Pointer });

const jobSpec = struct("JobSpec", {
  parallelism: int32Pointer,
  completions: int32Pointer,
  activeDeadlineSeconds: int64Pointer,
  podFailurePolicy: anything,
  successPolicy: anything,
  backoffLimit: int32Pointer,
  backoffLimitPerIndex: int32Pointer,
  maxFailedIndexes: int32Pointer,
  selector: labelSelector,
  manualSelector: boolPointer,
  template: podTemplate,
  ttlSecondsAfterFinished: int32Pointer,
  completionMode: textPointer,
  suspend: boolPointer,
  podReplacementPolicy: textPointer,
  managedBy: textPointer,
});

export const job = kind("Job", {
  spec: jobSpec,
  status: struct("JobStatus", {
    conditions: conditions("JobCondition", ["lastProbeTime", "lastTransitionTime"]),
    startTime: time,
    completionTime: time,
    active: int32,
    succeeded: int32,
    failed: int32,
    terminating: int32Pointer,
    completedIndexes: text,
    failedIndexes: textPointer,
    uncountedTerminatedPods: anything,
    ready: int32Pointer,
  }),
});

export const cronJob = kind("CronJob", {
  spec: struct("CronJobSpec", {
    schedule: textPointer,
    timeZone: textPointer,
    startingDeadlineSeconds: int64Pointer,
    concurrencyPolicy: text,
    suspend: boolPointer,
    jobTemplate: struct("JobTemplateSpec", { metadata: objectMeta, spec: jobSpec }),
    successfulJobsHistoryLimit: int32Pointer,
    failedJobsHistoryLimit: int32Pointer,
  }),
  status: struct("CronJobStatus", { active: anything, lastScheduleTime: time, lastSuccessfulTime: time }),
});
