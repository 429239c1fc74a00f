/** Server-side apply: lays what a manager states over the live object, and removes what it stated before and no longer does. */
import { ApiError, isEqualJson, type KubeObject, type TypeSchema } from "../types.ts";
import { conflictError } from "./conflict.ts";
import { difference, emptySet, type FieldSet, intersection, isEmpty, union } from "./fieldSet.ts";
import { fieldsOf, withNamedParents, withoutFields } from "./fieldsOf.ts";
import { kubectlManager, lastAppliedFields, refreshLastApplied } from "./lastApplied.ts";
import { ownersAfterUpdate, withManagers } from "./managedFields.ts";
import { decodeManagers, identityOf, type Manager, type Managers, wholeSeconds } from "./managers.ts";
import { mergeTyped, schemaErrors } from "./mergeTyped.ts";
import {
  emptyObject,
  objectSchema,
  type ResetFields,
  resetFieldsOf,
  stripIdentity,
  stripReset,
  withoutManagedFields,
} from "./objectSchema.ts";
import { changesOf, conflictsOf, dispossess } from "./ownership.ts";

export interface ApplyInput {
  /** Undefined when the apply creates the object. In the version of the request. */
  readonly live: KubeObject | undefined;
  readonly applied: KubeObject;
  readonly manager: string;
  readonly force: boolean;
  readonly schema: TypeSchema | undefined;
  readonly subresource?: string | undefined;
  readonly now: Date;
  readonly apiVersion: string;
  /** What this request cannot write. Default: what built-in kinds reset. */
  readonly reset?: ResetFields;
}

/**
 * Returns the object to store, before defaulting, with its new managedFields. Throws ApiError 400 for managedFields in
 * the body, 500 for a body that does not fit the schema, 409 with causes for fields that others own.
 */
export function serverSideApply(input: ApplyInput): KubeObject {
  if (input.applied.metadata?.managedFields !== undefined) {
    throw new ApiError(400, "BadRequest", "metadata.managedFields must be nil");
  }
  const schema = objectSchema(input.schema);
  refuseMisfits(input, schema);
  const live = withoutManagedFields(input.live ?? emptyObject(schema));
  const managers = managersBefore(input, live, schema);
  const { object, owners } = lay({ ...input, live, schema, managers });
  const applied = input.manager === kubectlManager ? refreshLastApplied(object, input.applied) : object;
  return withManagers(applied, owners);
}

function refuseMisfits({ applied, apiVersion }: ApplyInput, schema: TypeSchema): void {
  const errors = schemaErrors(applied, schema);
  if (errors.length === 0) return;
  const { namespace = "", name = "" } = applied.metadata ?? {};
  const text = errors.length === 1 ? errors[0] : ["errors:", ...errors.map((error) => `  ${error}`)].join("\n");
  const what = `${namespace}/${name}; ${apiVersion}, Kind=${applied.kind}`;
  throw new ApiError(500, "", `failed to create typed patch object (${what}): ${text}`);
}

/** An object that nobody owns yet belongs to `before-first-apply` as it is. */
function managersBefore(input: ApplyInput, live: KubeObject, schema: TypeSchema): Managers {
  const managers = decodeManagers(input.live?.metadata.managedFields) ?? new Map<string, Manager>();
  if (input.live === undefined || managers.size > 0) return managers;
  const manager = "before-first-apply";
  return ownersAfterUpdate({ ...input, live: emptyObject(schema), next: live, schema, managers, manager });
}

interface Laying extends ApplyInput {
  readonly live: KubeObject;
  readonly schema: TypeSchema;
  readonly managers: Managers;
}

function lay(laying: Laying): { object: KubeObject; owners: Managers } {
  const { live, schema, managers } = laying;
  const reset = laying.reset ?? resetFieldsOf(laying.subresource);
  const stated = stripReset(fieldsOf(laying.applied, schema), reset);
  const applier: Omit<Manager, "time" | "owned"> = {
    name: laying.manager,
    operation: "Apply",
    apiVersion: laying.apiVersion,
    subresource: laying.subresource ?? "",
  };
  const identity = identityOf(applier);
  const previous = managers.get(identity);
  const withApplier = new Map(managers).set(identity, { ...applier, time: previous?.time, owned: stated });
  const merged = mergeTyped(live, laying.applied, schema) as KubeObject;
  const object = dropAbandoned(merged, withApplier, previous?.owned, schema);
  const changes = changesOf(live, object, schema, reset);
  const conflicts = conflictsOf(withApplier, identity, changes);
  if (!laying.force && conflicts.length > 0) refuseConflicts(laying, conflicts);
  const owners = new Map(dispossess(withApplier, identity, changes));
  // An apply that changes nothing is not noted as having happened.
  const time = isEqualJson(object, live) ? previous?.time : wholeSeconds(laying.now);
  owners.set(identity, { ...applier, time, owned: stripIdentity(stated) });
  return { object, owners };
}

/** kubectl may take over what it applied client-side before; every other conflict stands. */
function refuseConflicts(laying: Laying, conflicts: ReturnType<typeof conflictsOf>): void {
  const granted = laying.manager === kubectlManager ? lastAppliedFields(laying.live, laying.schema) : emptySet;
  const standing = conflicts
    .map((conflict) => ({ ...conflict, fields: difference(conflict.fields, granted) }))
    .filter((conflict) => !isEmpty(conflict.fields));
  if (standing.length > 0) throw conflictError(standing);
}

/**
 * Removes what the applier owned before and does not state any more, unless somebody else owns it. Elements of lists and
 * maps go only if the applier owned the element itself.
 */
function dropAbandoned(
  merged: KubeObject,
  managers: Managers,
  lastOwned: FieldSet | undefined,
  schema: TypeSchema,
): KubeObject {
  if (lastOwned === undefined || isEmpty(lastOwned)) return merged;
  const last = withNamedParents(lastOwned, schema);
  const whole = withNamedParents(fieldsOf(merged, schema), schema);
  const remaining = (value: unknown): FieldSet => withNamedParents(fieldsOf(value ?? {}, schema), schema);
  const owned = [...managers.values()].reduce((all, { owned }) => union(all, owned), emptySet);
  const pruned = withoutFields(merged, last, schema);
  const kept = union(remaining(pruned), withNamedParents(owned, schema));
  const withOwned = withoutFields(merged, difference(whole, kept), schema);
  const doomed = intersection(difference(whole, remaining(withOwned)), last);
  return (withoutFields(merged, doomed, schema) ?? merged) as KubeObject;
}
