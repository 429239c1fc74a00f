import {
  annotations,
  type Canary,
  canonicalJson,
  type FieldIssue,
  itemsOf,
  type OwnedField,
  type OwnedKind,
  ownedKinds,
  ownedRoutes,
} from "../api/index.ts";
import { canaryWith, careless, controllingCanary, writtenName } from "./care.ts";
import { fieldAt, textAt } from "./fields.ts";
import { type AdmissionRequest, type Index, type Outcome, untouched } from "./types.ts";

const byKind = new Map([...ownedKinds, ...ownedRoutes].map((owned) => [`${owned.group}/${owned.kind}`, owned]));

/** What is ours on objects of the request's kind. */
export function ownedKindOf({ kind }: AdmissionRequest): OwnedKind | undefined {
  return byKind.get(`${kind.group}/${kind.kind}`);
}

/**
 * The answer about an object that a Canary generated, or undefined for any other object. Its owned fields stay as they are: the
 * controller would put them back anyway, after users had met the difference. Everything else on it is free to be written.
 */
export function guard(request: AdmissionRequest, index: Index): Outcome | undefined {
  const owner = controllingCanary(request.oldObject);
  if (owner === undefined) {
    return undefined;
  }
  const canary = canaryWith(request, index, ({ metadata }) => metadata.name === owner);
  const owned = ownedKindOf(request);
  if (canary === undefined || owned === undefined) {
    return untouched("NotUnderCanary");
  }
  const passes = careless(canary);
  if (passes !== undefined) {
    return untouched(passes);
  }
  if (request.operation === "DELETE") {
    const gone = fieldAt(request.oldObject, "metadata", "deletionTimestamp") !== undefined;
    return gone ? untouched("BeingDeleted") : refusal(request, canary, [deletion(request, canary, owned)], "Deletion");
  }
  if (request.operation !== "UPDATE") {
    return untouched("NotWatched");
  }
  if (fieldAt(request.object, "metadata", "deletionTimestamp") !== undefined) {
    return untouched("BeingDeleted");
  }
  const issues = changedFields(request, owned).map((field) => forbidden(pathOf(field), canary, owned.instead(canary)));
  if (controllingCanary(request.object) !== owner) {
    issues.push(forbidden("metadata.ownerReferences", canary, "the Canary itself"));
  }
  return issues.length === 0 ? untouched("Unchanged") : refusal(request, canary, issues, "Fields");
}

/** The owned fields that the write gives another value. */
export function changedFields({ object, oldObject }: AdmissionRequest, { fields }: OwnedKind): readonly OwnedField[] {
  return fields.filter((field) => ours(object, field) !== ours(oldObject, field));
}

/** What is ours of a field, comparable. */
function ours(object: unknown, { path, keys }: OwnedField): string {
  const value = fieldAt(object, ...path);
  if (keys === undefined) {
    return canonicalJson(value ?? null);
  }
  return canonicalJson(itemsOf(value).map((item) => keys.map((key) => item[key] ?? null)));
}

function refusal(
  request: AdmissionRequest,
  canary: Canary,
  issues: readonly FieldIssue[],
  what: "Deletion" | "Fields",
): Outcome {
  const { name } = canary.metadata;
  return {
    kind: "refused",
    why: what === "Deletion" ? "DeletionRefused" : "OwnedFieldsRefused",
    issues,
    // The right alone is not enough: whoever administers a cluster has every right, and writes here by mistake as others do.
    ...(isMeant(request) ? { bypass: { namespace: request.namespace ?? "", canary: name } } : {}),
    audit: { canary: name, fields: issues.map(({ field }) => field).join(" ") },
  };
}

const exception = `to do it all the same, with the right to bypass, annotate it first with ${annotations.bypass}=<why>`;

/** Whether the object says why it is written although it is ours. */
function isMeant({ object, oldObject }: AdmissionRequest): boolean {
  return [object, oldObject].some((each) => textAt(each, "metadata", "annotations", annotations.bypass)?.trim());
}

function deletion(request: AdmissionRequest, canary: Canary, owned: OwnedKind): FieldIssue {
  const name = writtenName(request);
  const message = `Forbidden: canary ${canary.metadata.name} owns ${owned.kind} ${name}: delete the Canary instead (${exception})`;
  return { field: "metadata.name", reason: "FieldValueForbidden", message };
}

function forbidden(field: string, canary: Canary, instead: string): FieldIssue {
  const message = `Forbidden: canary ${canary.metadata.name} owns this field: change ${instead} instead (${exception})`;
  return { field, reason: "FieldValueForbidden", message };
}

function pathOf({ path }: OwnedField): string {
  return path.map((key, at) => (at === 0 ? key : /^\w+$/.test(key) ? `.${key}` : `[${key}]`)).join("");
}
