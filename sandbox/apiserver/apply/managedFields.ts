/** What creates, updates and patches do to `metadata.managedFields`. */
import type { KubeObject, ManagedFieldsEntry, TypeSchema } from "../types.ts";
import { isEmpty, union } from "./fieldSet.ts";
import { decodeManagers, encodeManagers, identityOf, type Managers, wholeSeconds } from "./managers.ts";
import {
  emptyObject,
  objectSchema,
  type ResetFields,
  resetFieldsOf,
  stripIdentity,
  withoutManagedFields,
} from "./objectSchema.ts";
import { changesOf, dispossess } from "./ownership.ts";

export interface UpdateInput {
  /** Undefined on create. In the version of the request. */
  readonly live: KubeObject | undefined;
  /** Decoded and defaulted, before admission webhooks see it. */
  readonly next: KubeObject;
  readonly manager: string;
  readonly schema: TypeSchema | undefined;
  readonly subresource?: string | undefined;
  readonly now: Date;
  /** The request's, such as `apps/v1`. */
  readonly apiVersion: string;
  /** What this request cannot write. Default: what built-in kinds reset. */
  readonly reset?: ResetFields;
}

/**
 * Returns `next` with the managedFields it is to be stored with: changed fields belong to `manager`, lost ones to nobody.
 * Objects whose owners were cleared stay without owners until they are applied.
 */
export function recordUpdate(input: UpdateInput): KubeObject {
  const schema = objectSchema(input.schema);
  const managers = managersBefore(input);
  const isCreate = input.live?.metadata.uid === undefined;
  if (managers.size === 0 && !isCreate) return withManagers(input.next, managers);
  const live = withoutManagedFields(input.live ?? emptyObject(schema));
  try {
    return withManagers(input.next, ownersAfterUpdate({ ...input, live, schema, managers }));
  } catch {
    // A list element without its key has no owner. That is for validation to say; the API server just drops its record.
    return withManagers(input.next, new Map());
  }
}

interface OwnershipChange extends Omit<UpdateInput, "live"> {
  readonly live: KubeObject;
  readonly schema: TypeSchema;
  readonly managers: Managers;
}

/** Who owns what once `next` has replaced `live`. */
export function ownersAfterUpdate(change: OwnershipChange): Managers {
  const { live, next, schema, managers, subresource } = change;
  const reset = change.reset ?? resetFieldsOf(subresource);
  const changes = changesOf(live, withoutManagedFields(next), schema, reset);
  const others = dispossess(managers, "", changes);
  const taken = stripIdentity(union(changes.modified, changes.added));
  if (isEmpty(taken)) return others;
  const identity = {
    name: change.manager,
    operation: "Update",
    apiVersion: change.apiVersion,
    subresource: subresource ?? "",
  } as const;
  const previous = others.get(identityOf(identity));
  const owned = previous === undefined ? taken : union(previous.owned, taken);
  return new Map(others).set(identityOf(identity), { ...identity, time: wholeSeconds(change.now), owned });
}

/** A client may rewrite or clear the record itself, but not through a subresource. */
function managersBefore({ live, next, subresource }: UpdateInput): Managers {
  const recorded = decodeManagers(live?.metadata.managedFields) ?? new Map();
  if (subresource !== undefined) return recorded;
  const sent: unknown = next.metadata.managedFields;
  if (isCleared(sent)) return new Map();
  const managers = decodeManagers(sent);
  return managers === undefined || managers.size === 0 ? recorded : managers;
}

/** `[]` and `[{}]` clear the record; leaving it out does not. */
function isCleared(entries: unknown): boolean {
  if (!Array.isArray(entries)) return false;
  const [only] = entries as Partial<ManagedFieldsEntry>[];
  return entries.length === 0 || (entries.length === 1 && only !== undefined && Object.keys(only ?? {}).length === 0);
}

export function withManagers(object: KubeObject, managers: Managers): KubeObject {
  const bare = withoutManagedFields(object);
  const managedFields = encodeManagers(managers);
  return managedFields.length === 0 ? bare : { ...bare, metadata: { ...bare.metadata, managedFields } };
}
