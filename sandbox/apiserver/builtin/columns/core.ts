/** Tables of the other kinds. */
import type { Column, KubeObject } from "../../types.ts";
import { each } from "../defaults/fill.ts";
import { age, ageColumn, column, nameColumn, none, wide } from "./cells.ts";

const size = (data: unknown): number => Object.keys(data ?? {}).length;

export const plain: readonly Column[] = [nameColumn, ageColumn];

export const configMaps: readonly Column[] = [
  nameColumn,
  column("Data", (object) => size(object["data"]) + size(object["binaryData"])),
  ageColumn,
];

export const secrets: readonly Column[] = [
  nameColumn,
  column("Type", (object) => object["type"] ?? ""),
  column("Data", (object) => size(object["data"])),
  ageColumn,
];

export const namespaces: readonly Column[] = [
  nameColumn,
  column("Status", ({ status }) => status?.phase ?? ""),
  ageColumn,
];

const rolePrefix = "node-role.kubernetes.io/";

function addressOf(type: string): (object: KubeObject) => string {
  return ({ status }) => each(status?.addresses).find((address) => address.type === type)?.address ?? none;
}

const nodeInfo = (field: string, absent: string) => (object: KubeObject) =>
  object["status"]?.nodeInfo?.[field] || absent;

export const nodes: readonly Column[] = [
  nameColumn,
  column("Status", ({ spec, status }) => {
    const ready = each(status?.conditions).find(({ type }) => type === "Ready")?.status;
    const word = ready === undefined ? "Unknown" : ready === "True" ? "Ready" : "NotReady";
    return spec?.unschedulable === true ? `${word},SchedulingDisabled` : word;
  }),
  column("Roles", ({ metadata }) => {
    const roles = Object.keys(metadata.labels ?? {}).filter((label) => label.startsWith(rolePrefix));
    return roles.length === 0
      ? none
      : roles
          .map((label) => label.slice(rolePrefix.length))
          .sort()
          .join(",");
  }),
  ageColumn,
  column("Version", nodeInfo("kubeletVersion", "")),
  wide("Internal-IP", addressOf("InternalIP")),
  wide("External-IP", addressOf("ExternalIP")),
  wide("OS-Image", nodeInfo("osImage", "<unknown>")),
  wide("Kernel-Version", nodeInfo("kernelVersion", "<unknown>")),
  wide("Container-Runtime", nodeInfo("containerRuntimeVersion", "<unknown>")),
];

const firstSeen = (object: KubeObject): unknown => object["firstTimestamp"] ?? object["eventTime"];
const lastSeen = (object: KubeObject): unknown =>
  object["series"]?.lastObservedTime ?? object["lastTimestamp"] ?? firstSeen(object);

/** Events of both groups: the older one has an involved object, a source and a message. */
export const events: readonly Column[] = [
  column("Last Seen", (object, now) => age(lastSeen(object) ?? object["deprecatedLastTimestamp"], now)),
  column("Type", (object) => object["type"] ?? ""),
  column("Reason", (object) => object["reason"] ?? ""),
  column("Object", (object) => {
    const { kind = "", name = "" } = object["involvedObject"] ?? object["regarding"] ?? {};
    return `${kind.toLowerCase()}/${name}`;
  }),
  wide("Subobject", (object) => (object["involvedObject"] ?? object["regarding"])?.fieldPath ?? ""),
  wide("Source", (object) => {
    const { component, host } = object["source"] ?? object["deprecatedSource"] ?? {};
    const who = component ?? object["reportingComponent"] ?? object["reportingController"] ?? "";
    return host === undefined ? who : `${who}, ${host}`;
  }),
  column("Message", (object) => String(object["message"] ?? object["note"] ?? "").trim()),
  wide("First Seen", (object, now) => age(firstSeen(object) ?? object["deprecatedFirstTimestamp"], now)),
  wide("Count", (object) => object["count"] ?? object["series"]?.count ?? object["deprecatedCount"] ?? 1),
  { ...nameColumn, priority: 1 },
];

export const leases: readonly Column[] = [
  nameColumn,
  column("Holder", ({ spec }) => spec?.holderIdentity ?? ""),
  ageColumn,
];

export const claims: readonly Column[] = [
  nameColumn,
  column("Status", ({ status }) => status?.phase ?? ""),
  column("Volume", ({ spec }) => spec?.volumeName ?? ""),
  column("Capacity", ({ status }) => status?.capacity?.storage ?? ""),
  column("Access Modes", ({ spec }) => (spec?.accessModes ?? []).join(",")),
  column("StorageClass", ({ spec }) => spec?.storageClassName ?? ""),
  ageColumn,
];

export const disruptionBudgets: readonly Column[] = [
  nameColumn,
  column("Min Available", ({ spec }) => String(spec?.minAvailable ?? "N/A")),
  column("Max Unavailable", ({ spec }) => String(spec?.maxUnavailable ?? "N/A")),
  column("Allowed Disruptions", ({ status }) => status?.disruptionsAllowed ?? 0, "integer"),
  ageColumn,
];

const subjects = (object: KubeObject, kind: string): string =>
  each(object["subjects"])
    .filter((subject) => subject.kind === kind)
    .map(({ name, namespace }) => (kind === "ServiceAccount" ? `${namespace}/${name}` : name))
    .join(", ");

export const bindings: readonly Column[] = [
  nameColumn,
  column("Role", (object) => `${object["roleRef"]?.kind}/${object["roleRef"]?.name}`),
  ageColumn,
  wide("Users", (object) => subjects(object, "User")),
  wide("Groups", (object) => subjects(object, "Group")),
  wide("ServiceAccounts", (object) => subjects(object, "ServiceAccount")),
];

export const webhookConfigurations: readonly Column[] = [
  nameColumn,
  column("Webhooks", (object) => each(object["webhooks"]).length, "integer"),
  ageColumn,
];

export const priorityClasses: readonly Column[] = [
  nameColumn,
  column("Value", (object) => object["value"] ?? 0, "integer"),
  column("Global-Default", (object) => object["globalDefault"] === true, "boolean"),
  ageColumn,
];
