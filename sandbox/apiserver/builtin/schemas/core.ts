/** Core kinds other than pods, and the kinds that grew out of them (events, endpoint slices, leases). */
import { conditions, kind, loadBalancerStatus, localObjectReference, newConditions, objectReference } from "./meta.ts";
import {
  anything,
  bool,
  boolPointer,
  bytes,
  int32,
  int32Pointer,
  intOrString,
  list,
  mapList,
  mapOf,
  mergedList,
  microTime,
  quantity,
  setOf,
  struct,
  text,
  textPointer,
  time,
} from "./notation.ts";

const servicePort = struct("ServicePort", {
  name: text,
  protocol: text,
  appProtocol: textPointer,
  port: int32Pointer,
  targetPort: intOrString,
  nodePort: int32,
});

export const service = kind("Service", {
  spec: struct("ServiceSpec", {
    ports: mapList(["port", "protocol"], servicePort, { keyDefaults: { protocol: "TCP" } }),
    selector: mapOf(text, { atomic: true }),
    clusterIP: text,
    clusterIPs: list(text),
    type: text,
    externalIPs: list(text),
    sessionAffinity: text,
    loadBalancerIP: text,
    loadBalancerSourceRanges: list(text),
    externalName: text,
    externalTrafficPolicy: text,
    healthCheckNodePort: int32,
    publishNotReadyAddresses: bool,
    sessionAffinityConfig: struct("SessionAffinityConfig", {
      clientIP: struct("ClientIPConfig", { timeoutSeconds: int32Pointer }),
    }),
    ipFamilies: list(text),
    ipFamilyPolicy: textPointer,
    allocateLoadBalancerNodePorts: boolPointer,
    loadBalancerClass: textPointer,
    internalTrafficPolicy: textPointer,
    trafficDistribution: textPointer,
  }),
  status: struct("ServiceStatus", { loadBalancer: loadBalancerStatus, conditions: newConditions }),
});

const endpointAddress = struct("EndpointAddress", {
  ip: textPointer,
  hostname: text,
  nodeName: textPointer,
  targetRef: objectReference,
});

export const endpoints = kind("Endpoints", {
  subsets: list(
    struct("EndpointSubset", {
      addresses: list(endpointAddress),
      notReadyAddresses: list(endpointAddress),
      ports: list(struct("EndpointPort", { name: text, port: int32Pointer, protocol: text, appProtocol: textPointer })),
    }),
  ),
});

export const endpointSlice = kind("EndpointSlice", {
  addressType: { ...text, omitZero: false },
  endpoints: list(
    struct("Endpoint", {
      addresses: list(text),
      conditions: struct("EndpointConditions", {
        ready: boolPointer,
        serving: boolPointer,
        terminating: boolPointer,
      }),
      hostname: textPointer,
      targetRef: objectReference,
      deprecatedTopology: mapOf(text),
      nodeName: textPointer,
      zone: textPointer,
      hints: anything,
    }),
    { omitZero: false },
  ),
  ports: list(
    struct("EndpointPort", {
      name: textPointer,
      protocol: textPointer,
      port: int32Pointer,
      appProtocol: textPointer,
    }),
    { omitZero: false },
  ),
});

export const configMap = kind("ConfigMap", {
  immutable: boolPointer,
  data: mapOf(text),
  binaryData: mapOf(bytes),
});

export const secret = kind("Secret", {
  immutable: boolPointer,
  data: mapOf(bytes),
  stringData: mapOf(text),
  type: text,
});

export const serviceAccount = kind("ServiceAccount", {
  secrets: mapList(["name"], objectReference),
  imagePullSecrets: list(localObjectReference),
  automountServiceAccountToken: boolPointer,
});

export const namespace = kind("Namespace", {
  spec: struct("NamespaceSpec", { finalizers: list(text) }),
  status: struct("NamespaceStatus", { phase: text, conditions: conditions("NamespaceCondition") }),
});

export const node = kind("Node", {
  spec: struct("NodeSpec", {
    podCIDR: text,
    podCIDRs: setOf(text),
    providerID: text,
    unschedulable: bool,
    taints: list(struct("Taint", { key: textPointer, value: text, effect: textPointer, timeAdded: time })),
    configSource: anything,
    externalID: text,
  }),
  status: struct("NodeStatus", {
    capacity: mapOf(quantity),
    allocatable: mapOf(quantity),
    phase: text,
    conditions: conditions("NodeCondition", ["lastHeartbeatTime", "lastTransitionTime"]),
    addresses: mergedList("type", struct("NodeAddress", { type: textPointer, address: textPointer })),
    daemonEndpoints: anything,
    nodeInfo: anything,
    images: list(anything),
    volumesInUse: list(text),
    volumesAttached: list(anything),
    config: anything,
    runtimeHandlers: anything,
    features: anything,
    declaredFeatures: list(text),
  }),
});

const eventSource = struct("EventSource", { component: text, host: text });

export const coreEvent = kind("Event", {
  involvedObject: objectReference,
  reason: text,
  message: text,
  source: eventSource,
  firstTimestamp: { ...time, nullable: true },
  lastTimestamp: { ...time, nullable: true },
  count: int32,
  type: text,
  eventTime: { ...time, nullable: true },
  series: struct("EventSeries", { count: int32, lastObservedTime: time }),
  action: text,
  related: objectReference,
  reportingComponent: { ...text, omitZero: false },
  reportingInstance: { ...text, omitZero: false },
});

export const event = kind("Event", {
  eventTime: { ...time, nullable: true },
  series: struct("EventSeries", { count: int32Pointer, lastObservedTime: time }),
  reportingController: text,
  reportingInstance: text,
  action: text,
  reason: text,
  regarding: objectReference,
  related: objectReference,
  note: text,
  type: text,
  deprecatedSource: eventSource,
  deprecatedFirstTimestamp: { ...time, nullable: true },
  deprecatedLastTimestamp: { ...time, nullable: true },
  deprecatedCount: int32,
});

export const lease = kind("Lease", {
  spec: struct("LeaseSpec", {
    holderIdentity: textPointer,
    leaseDurationSeconds: int32Pointer,
    acquireTime: microTime,
    renewTime: microTime,
    leaseTransitions: int32Pointer,
    strategy: textPointer,
    preferredHolder: textPointer,
  }),
});

export const priorityClass = kind("PriorityClass", {
  value: int32Pointer,
  globalDefault: bool,
  description: text,
  preemptionPolicy: textPointer,
});
