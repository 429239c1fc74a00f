/** Columns of `kubectl get` that a CustomResourceDefinition declares. */
import type { Column, KubeObject } from "../types.ts";
import type { PrinterColumn } from "./definition.ts";
import { compileJsonPath } from "./jsonPath.ts";

const nameColumn: Column = {
  name: "Name",
  type: "string",
  format: "name",
  description:
    "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names",
  priority: 0,
  cell: (object) => object.metadata.name ?? "",
};

const defaultColumns: readonly PrinterColumn[] = [
  {
    name: "Age",
    type: "date",
    description:
      "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
    jsonPath: ".metadata.creationTimestamp",
  },
];

/** The name, then the declared columns, or the age when none are declared. */
export function columnsOf(declared: readonly PrinterColumn[] | undefined): readonly Column[] {
  const columns = declared === undefined || declared.length === 0 ? defaultColumns : declared;
  return [nameColumn, ...columns.map(columnOf)];
}

function columnOf(declared: PrinterColumn): Column {
  const read = compileJsonPath(declared.jsonPath);
  return {
    name: declared.name,
    type: declared.type,
    format: declared.format ?? "",
    description: declared.description ?? `Custom resource definition column (in JSONPath format): ${declared.jsonPath}`,
    priority: declared.priority ?? 0,
    cell: (object: KubeObject, now: Date) => cellOf(declared.type, read(object)[0], now),
  };
}

function cellOf(type: string, value: unknown, now: Date): unknown {
  if (value === undefined || value === null) return null;
  switch (type) {
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "date":
      return typeof value === "string" ? age(value, now) : null;
    default:
      return typeof value === "string" ? value : JSON.stringify(value);
  }
}

function age(timestamp: string, now: Date): string {
  const since = Date.parse(timestamp);
  return Number.isNaN(since) ? "<invalid>" : shortDuration(now.getTime() - since);
}

/** A span of time as `kubectl get` shows it: two units at most, fewer the longer it is. */
export function shortDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 60 * 2) return `${seconds}s`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes < 10) return pair(minutes, "m", seconds % 60, "s");
  if (minutes < 60 * 3) return `${minutes}m`;
  const hours = Math.trunc(minutes / 60);
  if (hours < 8) return pair(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (hours < 24 * 8) return pair(days, "d", hours % 24, "h");
  if (hours < 24 * 365 * 2) return `${days}d`;
  if (hours < 24 * 365 * 8) return pair(Math.trunc(days / 365), "y", days % 365, "d");
  return `${Math.trunc(days / 365)}y`;
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}
