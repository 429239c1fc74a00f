/** Pieces that many tables share. */
import type { Column, KubeObject } from "../../types.ts";
import { each, type Json } from "../defaults/fill.ts";

type Cell = (object: KubeObject, now: Date) => unknown;

/** A column; wide ones show with `-o wide` only. */
export function column(name: string, cell: Cell, type = "string"): Column {
  return { name, type, priority: 0, cell };
}

export function wide(name: string, cell: Cell): Column {
  return { name, type: "string", priority: 1, cell };
}

export const nameColumn: Column = {
  name: "Name",
  type: "string",
  format: "name",
  priority: 0,
  cell: ({ metadata }) => metadata.name ?? "",
};

export const ageColumn = column("Age", ({ metadata }, now) => age(metadata.creationTimestamp, now));

export const createdAtColumn = column("Created At", ({ metadata }) => metadata.creationTimestamp, "date");

/** How long ago an instant was, as `kubectl get` shows it: `90s`, `5m30s`, `3h`, `2d4h`. */
export function age(since: unknown, now: Date): string {
  if (typeof since !== "string") return "<unknown>";
  return duration((now.getTime() - Date.parse(since)) / 1000);
}

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

/** A span of seconds with at most two units; the longer it is, the coarser. */
export function duration(seconds: number): string {
  if (Number.isNaN(seconds)) return "<unknown>";
  if (seconds < -1) return "<invalid>";
  const whole = Math.max(0, Math.floor(seconds));
  const count = (unit: number): number => Math.floor(whole / unit);
  const pair = (unit: number, suffix: string, smaller: number, smallerSuffix: string): string => {
    const rest = Math.floor((whole % unit) / smaller);
    return `${count(unit)}${suffix}${rest === 0 ? "" : `${rest}${smallerSuffix}`}`;
  };
  if (whole < 2 * minute) return `${whole}s`;
  if (whole < 10 * minute) return pair(minute, "m", 1, "s");
  if (whole < 3 * hour) return `${count(minute)}m`;
  if (whole < 8 * hour) return pair(hour, "h", minute, "m");
  if (whole < 2 * day) return `${count(hour)}h`;
  if (whole < 8 * day) return pair(day, "d", hour, "h");
  if (whole < 2 * year) return `${count(day)}d`;
  if (whole < 8 * year) return pair(year, "y", day, "d");
  return `${count(year)}y`;
}

export const none = "<none>";

/** The first few of a list, and how many more there are. */
export function shortened(items: readonly string[], most = 3, empty = none): string {
  if (items.length === 0) return empty;
  const rest = items.length - most;
  return rest > 0 ? `${items.slice(0, most).join(",")} + ${rest} more...` : items.join(",");
}

export function labelText(labels: Json): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? none : pairs.sort().join(",");
}

/** A label selector in one line: `app=a,tier in (x,y)`. */
export function selectorText(selector: Json): string {
  if (selector === undefined || selector === null) return none;
  const pairs = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const terms = each(selector.matchExpressions).map(({ key, operator, values = [] }) => {
    const list = `(${[...values].sort().join(",")})`;
    if (operator === "In") return `${key} in ${list}`;
    if (operator === "NotIn") return `${key} notin ${list}`;
    return operator === "Exists" ? key : `!${key}`;
  });
  const text = [...pairs, ...terms].sort().join(",");
  return text === "" ? none : text;
}
