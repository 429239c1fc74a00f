import { annotations, itemsOf } from "../api/index.ts";
import { fieldAt, textAt } from "./fields.ts";
import type { AdmissionRequest } from "./types.ts";

/** What the annotations about the last change should say. */
export type Stamps = Readonly<Record<string, string | undefined>>;

const stamps = [
  annotations.revision,
  annotations.changedAt,
  annotations.changedBy,
  annotations.changedByGroups,
  annotations.changedWith,
] as const;

/** Longest name of a user, group or field manager that is kept, in characters; real ones are far shorter. */
const longestName = 253;
/** People are in hundreds of groups where a directory says so; these suffice to tell a team or a robot. */
const mostGroups = 16;
/** Groups that everybody is in, and that therefore say nothing. */
const everybody: readonly string[] = ["system:authenticated"];

const isInstant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

type Author = Pick<AdmissionRequest, "userInfo" | "fieldManager">;

/**
 * The stamps of a template. A new revision gets a new stamp; the same revision keeps the one it has, whatever the request says, so
 * that repeated applies write nothing and `kubectl replace` or `rollout undo`, which carry old annotations, cannot forge it.
 */
export function stampsOf(object: unknown, old: unknown, revision: string, changed: boolean, author: Author): Stamps {
  if (!changed) {
    return Object.fromEntries(stamps.map((key) => [key, textAt(old, "metadata", "annotations", key)]));
  }
  const groups = (author.userInfo.groups ?? []).filter((group) => !everybody.includes(group));
  const written = lastWrite(object);
  const manager = author.fieldManager ?? written.manager;
  return {
    [annotations.revision]: revision,
    [annotations.changedAt]: written.time,
    [annotations.changedBy]: short(author.userInfo.username ?? ""),
    [annotations.changedByGroups]:
      groups.length === 0 ? undefined : JSON.stringify(groups.slice(0, mostGroups).map(short)),
    [annotations.changedWith]: manager === undefined ? undefined : short(manager),
  };
}

function short(name: string): string {
  return name.length <= longestName ? name : [...name].slice(0, longestName).join("");
}

/**
 * When and with what this request was written: the latest entry of managedFields, which the API server computes before it calls
 * webhooks. A clock of our own would answer a review that is repeated, or a dry run, differently from the first. Several managers
 * within the same second leave open which of them it was: then nobody is named.
 */
function lastWrite(object: unknown): { readonly time?: string; readonly manager?: string } {
  let time = "";
  let managers = new Set<string | undefined>();
  for (const entry of itemsOf(fieldAt(object, "metadata", "managedFields"))) {
    const { time: at, manager, subresource } = entry;
    if (typeof subresource === "string" || typeof at !== "string" || at < time || !isInstant.test(at)) continue;
    if (at > time) managers = new Set();
    time = at;
    managers.add(typeof manager === "string" ? manager : undefined);
  }
  const [manager] = managers;
  if (time === "") return {};
  return managers.size === 1 && manager !== undefined && manager !== "" ? { time, manager } : { time };
}
