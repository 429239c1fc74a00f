import { annotations } from "../api/index.ts";
import { fieldAt, textAt } from "./fields.ts";

/** What the annotations about the last change should say. */
export type Stamps = Readonly<Record<string, string | undefined>>;

/** Longest user name that is kept, in characters; real ones are far shorter. */
const longestUser = 253;

/**
 * The stamps of a template. A new revision gets a new stamp; the same revision keeps the one it has, whatever the request says, so
 * that repeated applies write nothing and `kubectl replace` or `rollout undo`, which carry old annotations, cannot forge it.
 */
export function stampsOf(object: unknown, old: unknown, revision: string, changed: boolean, user: string): Stamps {
  if (changed) {
    return {
      [annotations.revision]: revision,
      [annotations.changedAt]: writtenAt(object),
      [annotations.changedBy]: [...user].slice(0, longestUser).join(""),
    };
  }
  const kept = (key: string) => textAt(old, "metadata", "annotations", key);
  return {
    [annotations.revision]: kept(annotations.revision),
    [annotations.changedAt]: kept(annotations.changedAt),
    [annotations.changedBy]: kept(annotations.changedBy),
  };
}

/**
 * When this request was written: the latest time in managedFields, which the API server computes before it calls webhooks. A clock
 * of our own would answer a review that is repeated, or a dry run, differently from the first.
 */
function writtenAt(object: unknown): string | undefined {
  const entries = fieldAt(object, "metadata", "managedFields");
  const times = (Array.isArray(entries) ? entries : [])
    .filter((entry) => textAt(entry, "subresource") === undefined)
    .map((entry) => textAt(entry, "time"))
    .filter((time) => time !== undefined && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(time))
    .sort();
  return times.at(-1);
}
