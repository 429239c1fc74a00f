/** Pods, and the pod templates of everything that makes pods. */
import { container, ephemeralContainer } from "./container.ts";
import { conditions, kind, labelSelector, localObjectReference, objectMeta } from "./meta.ts";
import {
  anything,
  atomic,
  bool,
  boolPointer,
  int32,
  int32Pointer,
  int64Pointer,
  list,
  mapList,
  mapOf,
  mergedList,
  quantity,
  struct,
  text,
  textPointer,
  time,
} from "./notation.ts";
import { volume } from "./volume.ts";

const nodeSelectorRequirement = struct("NodeSelectorRequirement", {
  key: textPointer,
  operator: textPointer,
  values: list(text),
});

const nodeSelectorTerm = atomic("NodeSelectorTerm", {
  matchExpressions: list(nodeSelectorRequirement),
  matchFields: list(nodeSelectorRequirement),
});

const podAffinityTerm = struct("PodAffinityTerm", {
  labelSelector,
  namespaces: list(text),
  topologyKey: textPointer,
  namespaceSelector: labelSelector,
  matchLabelKeys: list(text),
  mismatchLabelKeys: list(text),
});

const podAffinity = struct("PodAffinity", {
  requiredDuringSchedulingIgnoredDuringExecution: list(podAffinityTerm),
  preferredDuringSchedulingIgnoredDuringExecution: list(
    struct("WeightedPodAffinityTerm", { weight: int32Pointer, podAffinityTerm }),
  ),
});

const affinity = struct("Affinity", {
  nodeAffinity: struct("NodeAffinity", {
    requiredDuringSchedulingIgnoredDuringExecution: atomic("NodeSelector", {
      nodeSelectorTerms: list(nodeSelectorTerm),
    }),
    preferredDuringSchedulingIgnoredDuringExecution: list(
      struct("PreferredSchedulingTerm", { weight: int32Pointer, preference: nodeSelectorTerm }),
    ),
  }),
  podAffinity,
  podAntiAffinity: podAffinity,
});

const podSecurityContext = struct("PodSecurityContext", {
  seLinuxOptions: struct("SELinuxOptions", { user: text, role: text, type: text, level: text }),
  windowsOptions: struct("WindowsSecurityContextOptions", {
    gmsaCredentialSpecName: textPointer,
    gmsaCredentialSpec: textPointer,
    runAsUserName: textPointer,
    hostProcess: boolPointer,
  }),
  runAsUser: int64Pointer,
  runAsGroup: int64Pointer,
  runAsNonRoot: boolPointer,
  supplementalGroups: list(int64Pointer),
  supplementalGroupsPolicy: textPointer,
  fsGroup: int64Pointer,
  sysctls: list(struct("Sysctl", { name: textPointer, value: textPointer })),
  fsGroupChangePolicy: textPointer,
  seccompProfile: struct("SeccompProfile", { type: textPointer, localhostProfile: textPointer }),
  appArmorProfile: struct("AppArmorProfile", { type: textPointer, localhostProfile: textPointer }),
  seLinuxChangePolicy: textPointer,
});

const toleration = struct("Toleration", {
  key: text,
  operator: text,
  value: text,
  effect: text,
  tolerationSeconds: int64Pointer,
});

const topologySpreadConstraint = struct("TopologySpreadConstraint", {
  maxSkew: int32Pointer,
  topologyKey: textPointer,
  whenUnsatisfiable: textPointer,
  labelSelector,
  minDomains: int32Pointer,
  nodeAffinityPolicy: textPointer,
  nodeTaintsPolicy: textPointer,
  matchLabelKeys: list(text),
});

const podDnsConfig = struct("PodDNSConfig", {
  nameservers: list(text),
  searches: list(text),
  options: list(struct("PodDNSConfigOption", { name: text, value: textPointer })),
});

const podResourceClaim = struct("PodResourceClaim", {
  name: textPointer,
  resourceClaimName: textPointer,
  resourceClaimTemplateName: textPointer,
});

export const podSpec = struct("PodSpec", {
  volumes: mapList(["name"], volume, { patchStrategy: ["merge", "retainKeys"] }),
  initContainers: mapList(["name"], container),
  containers: mapList(["name"], container, { omitZero: false }),
  ephemeralContainers: mapList(["name"], ephemeralContainer),
  restartPolicy: text,
  terminationGracePeriodSeconds: int64Pointer,
  activeDeadlineSeconds: int64Pointer,
  dnsPolicy: text,
  nodeSelector: mapOf(text, { atomic: true }),
  serviceAccountName: text,
  serviceAccount: text,
  automountServiceAccountToken: boolPointer,
  nodeName: text,
  hostNetwork: bool,
  hostPID: bool,
  hostIPC: bool,
  shareProcessNamespace: boolPointer,
  securityContext: podSecurityContext,
  imagePullSecrets: mapList(["name"], localObjectReference),
  hostname: text,
  subdomain: text,
  affinity,
  schedulerName: text,
  tolerations: list(toleration),
  hostAliases: mapList(["ip"], struct("HostAlias", { ip: textPointer, hostnames: list(text) })),
  priorityClassName: text,
  priority: int32Pointer,
  dnsConfig: podDnsConfig,
  readinessGates: list(struct("PodReadinessGate", { conditionType: textPointer })),
  runtimeClassName: textPointer,
  enableServiceLinks: boolPointer,
  preemptionPolicy: textPointer,
  overhead: mapOf(quantity),
  topologySpreadConstraints: mapList(["topologyKey", "whenUnsatisfiable"], topologySpreadConstraint),
  setHostnameAsFQDN: boolPointer,
  os: struct("PodOS", { name: textPointer }),
  hostUsers: boolPointer,
  schedulingGates: mapList(["name"], struct("PodSchedulingGate", { name: textPointer })),
  resourceClaims: mapList(["name"], podResourceClaim, { patchStrategy: ["merge", "retainKeys"] }),
  resources: struct("ResourceRequirements", { limits: mapOf(quantity), requests: mapOf(quantity) }),
  hostnameOverride: textPointer,
});

export const podTemplate = struct("PodTemplateSpec", { metadata: objectMeta, spec: podSpec });

const containerState = struct("ContainerState", {
  waiting: struct("ContainerStateWaiting", { reason: text, message: text }),
  running: struct("ContainerStateRunning", { startedAt: time }),
  terminated: struct("ContainerStateTerminated", {
    exitCode: int32Pointer,
    signal: int32,
    reason: text,
    message: text,
    startedAt: time,
    finishedAt: time,
    containerID: text,
  }),
});

const containerStatus = struct("ContainerStatus", {
  name: textPointer,
  state: containerState,
  lastState: containerState,
  ready: boolPointer,
  restartCount: int32Pointer,
  image: textPointer,
  imageID: textPointer,
  containerID: text,
  started: boolPointer,
  allocatedResources: mapOf(quantity),
  resources: anything,
  volumeMounts: mergedList("mountPath", anything),
  user: anything,
  allocatedResourcesStatus: anything,
  stopSignal: textPointer,
});

const podStatus = struct("PodStatus", {
  observedGeneration: int64Pointer,
  phase: text,
  conditions: conditions("PodCondition", ["lastProbeTime", "lastTransitionTime"]),
  message: text,
  reason: text,
  nominatedNodeName: text,
  hostIP: text,
  hostIPs: mergedList("ip", struct("HostIP", { ip: textPointer })),
  podIP: text,
  podIPs: mapList(["ip"], struct("PodIP", { ip: textPointer })),
  startTime: time,
  initContainerStatuses: list(containerStatus),
  containerStatuses: list(containerStatus),
  qosClass: text,
  ephemeralContainerStatuses: list(containerStatus),
  resize: text,
  resourceClaimStatuses: mapList(["name"], anything),
  extendedResourceClaimStatus: anything,
  allocatedResources: mapOf(quantity),
  resources: anything,
});

export const pod = kind("Pod", { spec: podSpec, status: podStatus });
