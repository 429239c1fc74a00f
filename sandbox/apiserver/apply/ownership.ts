/** Who owns what after a write: takes lost and changed fields from the others, and finds conflicts. */
import type { TypeSchema } from "../types.ts";
import { difference, type FieldSet, intersection, isEmpty, union } from "./fieldSet.ts";
import { type Comparison, compare } from "./fieldsOf.ts";
import type { Manager, Managers } from "./managers.ts";
import { type ResetFields, stripReset } from "./objectSchema.ts";

/** What a write did to the fields it was able to write. */
export function changesOf(before: unknown, after: unknown, schema: TypeSchema, reset: ResetFields): Comparison {
  const changes = compare(before, after, schema);
  return {
    added: stripReset(changes.added, reset),
    removed: stripReset(changes.removed, reset),
    modified: stripReset(changes.modified, reset),
  };
}

export interface Conflict {
  readonly manager: Manager;
  readonly fields: FieldSet;
}

/** Fields of others that a write changed, by manager. */
export function conflictsOf(managers: Managers, writer: string, changes: Comparison): Conflict[] {
  const touched = union(changes.modified, changes.added);
  return [...managers]
    .filter(([identity]) => identity !== writer)
    .map(([, manager]) => ({ manager, fields: intersection(manager.owned, touched) }))
    .filter(({ fields }) => !isEmpty(fields));
}

/** Takes changed and removed fields from everybody but the writer. */
export function dispossess(managers: Managers, writer: string, changes: Comparison): Managers {
  const lost = union(union(changes.modified, changes.added), changes.removed);
  const remaining = [...managers].map(
    ([identity, manager]) =>
      [identity, identity === writer ? manager : { ...manager, owned: difference(manager.owned, lost) }] as const,
  );
  return new Map(remaining.filter(([, manager]) => !isEmpty(manager.owned)));
}
