/** Tables of pods and of what makes them. */
import type { Column, KubeObject } from "../../types.ts";
import { each, type Json } from "../defaults/fill.ts";
import { age, ageColumn, column, duration, labelText, nameColumn, none, selectorText, wide } from "./cells.ts";

const containersOf = (object: KubeObject): Json[] => each(object["spec"]?.template?.spec?.containers);

const templateColumns: readonly Column[] = [
  wide("Containers", (object) =>
    containersOf(object)
      .map(({ name }) => name)
      .join(","),
  ),
  wide("Images", (object) =>
    containersOf(object)
      .map(({ image }) => image)
      .join(","),
  ),
];

const selectorColumn = wide("Selector", ({ spec }) =>
  spec?.selector === undefined ? "" : selectorText(spec.selector),
);

const count = (name: string, of: (object: KubeObject) => unknown): Column =>
  column(name, (object) => of(object) ?? 0, "integer");

export const deployments: readonly Column[] = [
  nameColumn,
  column("Ready", ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`),
  column("Up-to-date", ({ status }) => status?.updatedReplicas ?? 0),
  column("Available", ({ status }) => status?.availableReplicas ?? 0),
  ageColumn,
  ...templateColumns,
  selectorColumn,
];

export const replicaSets: readonly Column[] = [
  nameColumn,
  count("Desired", ({ spec }) => spec?.replicas),
  count("Current", ({ status }) => status?.replicas),
  count("Ready", ({ status }) => status?.readyReplicas),
  ageColumn,
  ...templateColumns,
  selectorColumn,
];

export const daemonSets: readonly Column[] = [
  nameColumn,
  count("Desired", ({ status }) => status?.desiredNumberScheduled),
  count("Current", ({ status }) => status?.currentNumberScheduled),
  count("Ready", ({ status }) => status?.numberReady),
  count("Up-to-date", ({ status }) => status?.updatedNumberScheduled),
  count("Available", ({ status }) => status?.numberAvailable),
  column("Node Selector", ({ spec }) => labelText(spec?.template?.spec?.nodeSelector)),
  ageColumn,
  ...templateColumns,
  selectorColumn,
];

export const statefulSets: readonly Column[] = [
  nameColumn,
  column("Ready", ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`),
  ageColumn,
  ...templateColumns,
];

export const controllerRevisions: readonly Column[] = [
  nameColumn,
  column("Controller", ({ metadata }) => {
    const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
    if (owner === undefined) return none;
    const group = owner.apiVersion.includes("/") ? `.${owner.apiVersion.split("/")[0]}` : "";
    return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
  }),
  column("Revision", (object) => object["revision"] ?? 0),
  ageColumn,
];

export const jobs: readonly Column[] = [
  nameColumn,
  column("Status", ({ status, spec, metadata }) => {
    const is = (type: string): boolean =>
      each(status?.conditions).some((condition) => condition.type === type && condition.status === "True");
    if (is("Complete")) return "Complete";
    if (is("Failed")) return "Failed";
    if (metadata.deletionTimestamp !== undefined) return "Terminating";
    return spec?.suspend === true ? "Suspended" : "Running";
  }),
  column("Completions", ({ spec, status }) => `${status?.succeeded ?? 0}/${spec?.completions ?? 1}`),
  column("Duration", ({ status }, now) => {
    if (status?.startTime === undefined) return "";
    const end = status.completionTime === undefined ? now.getTime() : Date.parse(status.completionTime);
    return duration((end - Date.parse(status.startTime)) / 1000);
  }),
  ageColumn,
];

export const cronJobs: readonly Column[] = [
  nameColumn,
  column("Schedule", ({ spec }) => spec?.schedule ?? ""),
  column("Timezone", ({ spec }) => spec?.timeZone ?? none),
  column("Suspend", ({ spec }) => (spec?.suspend === true ? "True" : "False"), "boolean"),
  column("Active", ({ status }) => each(status?.active).length, "integer"),
  column("Last Schedule", ({ status }, now) =>
    status?.lastScheduleTime === undefined ? none : age(status.lastScheduleTime, now),
  ),
  ageColumn,
];

export const pods: readonly Column[] = [
  nameColumn,
  column("Ready", ({ spec, status }) => {
    const ready = each(status?.containerStatuses).filter(
      (container) => container.ready === true && container.state?.running,
    );
    return `${ready.length}/${each(spec?.containers).length}`;
  }),
  column("Status", podStatus),
  column("Restarts", ({ status }, now) => restarts(each(status?.containerStatuses), now)),
  ageColumn,
  wide("IP", ({ status }) => status?.podIP ?? none),
  wide("Node", ({ spec }) => spec?.nodeName ?? none),
  wide("Nominated Node", ({ status }) => status?.nominatedNodeName ?? none),
  wide("Readiness Gates", ({ spec, status }) => {
    const gates = each(spec?.readinessGates);
    if (gates.length === 0) return none;
    const isTrue = (type: string): boolean =>
      each(status?.conditions).some((condition) => condition.type === type && condition.status === "True");
    return `${gates.filter(({ conditionType }) => isTrue(conditionType)).length}/${gates.length}`;
  }),
];

/** One word for the state of a pod: the worst thing its containers say, or its phase. */
function podStatus({ spec, status, metadata }: KubeObject): string {
  if (metadata.deletionTimestamp !== undefined) return "Terminating";
  const initialising = initStatus(each(status?.initContainerStatuses), each(spec?.initContainers));
  if (initialising !== undefined) return initialising;
  const containers = each(status?.containerStatuses);
  const words = containers.map(({ state }) => stateWord(state)).filter((word) => word !== undefined);
  const word = words[0] ?? status?.reason ?? status?.phase ?? "Unknown";
  const isRunning = containers.some(({ ready, state }) => ready === true && state?.running !== undefined);
  return word === "Completed" && isRunning ? "Running" : word;
}

function stateWord(state: Json): string | undefined {
  if (state?.waiting?.reason) return state.waiting.reason;
  const { terminated } = state ?? {};
  if (terminated === undefined) return undefined;
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode ?? 0}`;
}

function initStatus(statuses: Json[], containers: Json[]): string | undefined {
  for (const [index, { name, state, started }] of statuses.entries()) {
    const isSidecar = containers.find((container) => container.name === name)?.restartPolicy === "Always";
    if (state?.terminated?.exitCode === 0 || (isSidecar && started === true)) continue;
    const word = stateWord(state);
    if (state?.terminated !== undefined) return `Init:${word}`;
    return word !== undefined && word !== "PodInitializing" ? `Init:${word}` : `Init:${index}/${containers.length}`;
  }
  return undefined;
}

function restarts(statuses: Json[], now: Date): string {
  const total = statuses.reduce((sum, { restartCount = 0 }) => sum + restartCount, 0);
  const ends = statuses.map(({ lastState }) => lastState?.terminated?.finishedAt).filter((end) => end !== undefined);
  const last = ends.sort().at(-1);
  return total === 0 || last === undefined ? String(total) : `${total} (${age(last, now)} ago)`;
}
