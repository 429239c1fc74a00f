/** The status a kubelet reports for a pod, from the states of its containers. Pure. */
import type { Condition, ContainerStatus, Pod, PodStatus } from "../controllers/kinds.ts";
import { conditionOf } from "../controllers/metadata.ts";

export interface PodFacts {
  readonly pod: Pod;
  readonly containers: readonly ContainerStatus[];
  readonly initContainers: readonly ContainerStatus[];
  readonly address: string;
  readonly hostAddress: string;
  readonly startTime: string;
  readonly initialized: boolean;
  /** All containers have ended for good. */
  readonly ended: boolean;
  /** Now, with whole seconds. */
  readonly time: string;
}

export function podStatus(facts: PodFacts): PodStatus & { hostIPs: { ip: string }[]; observedGeneration: number } {
  const { pod, containers, initContainers, address, hostAddress } = facts;
  const phase = phaseOf(facts);
  return {
    observedGeneration: pod.metadata.generation ?? 1,
    phase,
    conditions: conditionsOf(facts, phase),
    hostIP: hostAddress,
    hostIPs: [{ ip: hostAddress }],
    podIP: address,
    podIPs: [{ ip: address }],
    startTime: facts.startTime,
    ...(initContainers.length === 0 ? {} : { initContainerStatuses: [...initContainers] }),
    containerStatuses: [...containers],
  };
}

function phaseOf({ containers, initialized, ended }: PodFacts): string {
  if (!initialized) return ended ? "Failed" : "Pending";
  if (ended) return containers.every(({ state }) => state.terminated?.exitCode === 0) ? "Succeeded" : "Failed";
  const neverStarted = containers.some(({ state, lastState }) => state.waiting && lastState.terminated === undefined);
  return neverStarted ? "Pending" : "Running";
}

function conditionsOf(facts: PodFacts, phase: string): Condition[] {
  const { pod, containers, initialized, initContainers } = facts;
  const unready = containers.filter(({ ready }) => !ready).map(({ name }) => name);
  const over = phase === "Succeeded" || phase === "Failed";
  const gap =
    unready.length === 0
      ? {}
      : phase === "Succeeded"
        ? { reason: "PodCompleted" }
        : phase === "Failed"
          ? { reason: "PodFailed" }
          : { reason: "ContainersNotReady", message: `containers with unready status: [${unready.join(" ")}]` };
  const waiting = initContainers.filter(({ ready }) => !ready).map(({ name }) => name);
  const incomplete = initialized
    ? {}
    : { reason: "ContainersNotInitialized", message: `containers with incomplete status: [${waiting.join(" ")}]` };
  const own = [
    condition(facts, "PodReadyToStartContainers", !over, {}),
    condition(facts, "Initialized", initialized, incomplete),
    condition(facts, "Ready", unready.length === 0, gap),
    condition(facts, "ContainersReady", unready.length === 0, gap),
  ];
  if (conditionOf(pod.status?.conditions, "PodScheduled") === undefined)
    own.push(condition(facts, "PodScheduled", true, {}));
  const others = (pod.status?.conditions ?? []).filter(({ type }) => own.every((mine) => mine.type !== type));
  return [...own, ...others];
}

/** The time of the last transition stays while the status does. */
function condition(
  { pod, time }: PodFacts,
  type: string,
  truth: boolean,
  why: { reason?: string; message?: string },
): Condition {
  const before = conditionOf(pod.status?.conditions, type);
  const status = truth ? "True" : "False";
  const since = before?.status === status ? before.lastTransitionTime : undefined;
  return {
    type,
    observedGeneration: pod.metadata.generation ?? 1,
    status,
    lastProbeTime: null,
    lastTransitionTime: since ?? time,
    ...why,
  };
}
