/** `metadata.managedFields` as a map from manager to what it owns, and back. */
import type { ManagedFieldsEntry } from "../types.ts";
import { decodeFields, encodeFields, type FieldSet, isEmpty } from "./fieldSet.ts";

export interface Manager {
  readonly name: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly owned: FieldSet;
}

/** Managers by identity: who, how, through which subresource, and for updates in which version. */
export type Managers = ReadonlyMap<string, Manager>;

export function identityOf(manager: Omit<Manager, "time" | "owned">): string {
  const version = manager.operation === "Update" ? manager.apiVersion : "";
  return JSON.stringify([manager.name, manager.operation, version, manager.subresource]);
}

/** Reads entries. Undefined when one of them is none: then all of them are ignored. */
export function decodeManagers(entries: unknown): Managers | undefined {
  if (entries === undefined || entries === null) return new Map();
  if (!Array.isArray(entries)) return undefined;
  const managers = new Map<string, Manager>();
  for (const entry of entries) {
    const manager = decodeManager(entry as Partial<ManagedFieldsEntry> | null);
    if (manager === undefined) return undefined;
    managers.set(identityOf(manager), manager);
  }
  return managers;
}

function decodeManager(entry: Partial<ManagedFieldsEntry> | null): Manager | undefined {
  if (entry === null || typeof entry !== "object") return undefined;
  const { manager, operation, apiVersion, fieldsType, fieldsV1, subresource, time } = entry;
  if (operation !== "Apply" && operation !== "Update") return undefined;
  if (typeof apiVersion !== "string" || apiVersion === "") return undefined;
  if (fieldsType !== "FieldsV1" || fieldsV1 === undefined) return undefined;
  try {
    const owned = decodeFields(fieldsV1);
    return { name: manager ?? "", operation, apiVersion, subresource: subresource ?? "", time, owned };
  } catch {
    // A manager that wrote nonsense must not be able to block every later write.
    return undefined;
  }
}

/** Entries in the order of the API server: appliers first, then by time and name. Managers of nothing are left out. */
export function encodeManagers(managers: Managers): ManagedFieldsEntry[] {
  const kept = [...managers.values()].filter((manager) => !isEmpty(manager.owned));
  return kept.sort(compareManagers).map((manager) => ({
    manager: manager.name,
    operation: manager.operation,
    apiVersion: manager.apiVersion,
    ...(manager.time === undefined ? {} : { time: manager.time }),
    fieldsType: "FieldsV1",
    fieldsV1: encodeFields(manager.owned),
    ...(manager.subresource === "" ? {} : { subresource: manager.subresource }),
  }));
}

function compareManagers(left: Manager, right: Manager): number {
  const compare = (one: string, other: string): number => (one === other ? 0 : one < other ? -1 : 1);
  return (
    compare(left.operation, right.operation) ||
    compare(left.time ?? "", right.time ?? "") ||
    compare(left.name, right.name) ||
    compare(left.apiVersion, right.apiVersion) ||
    compare(left.subresource, right.subresource)
  );
}

/** Instants in `managedFields` have whole seconds. */
export function wholeSeconds(now: Date): string {
  return `${now.toISOString().slice(0, 19)}Z`;
}
