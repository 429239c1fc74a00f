/** Applies the patch of a webhook to the object under review. */
import { inVersion } from "../cluster.ts";
import { isMap } from "../crd/schema.ts";
import { applyJsonPatch } from "../patch/json.ts";
import { type AdmissionAttributes, ApiError, type KubeObject } from "../types.ts";
import { internalError, type Verdict, WebhookCallError } from "./review.ts";

interface Operation {
  readonly op?: unknown;
  readonly path?: unknown;
  readonly from?: unknown;
}

/** The operations of a verdict. Throws WebhookCallError, which failurePolicy covers. */
export function operationsOf(verdict: Verdict): readonly Operation[] {
  if (verdict.patch === "") return [];
  let operations: unknown;
  try {
    operations = JSON.parse(verdict.patch);
  } catch {
    const first = JSON.stringify(verdict.patch.trim()[0] ?? "").replaceAll('"', "'");
    throw undecodable(`invalid character ${first} looking for beginning of value`);
  }
  if (Array.isArray(operations)) return operations as Operation[];
  const found = operations === null ? "null" : typeof operations;
  throw undecodable(`json: cannot unmarshal ${found} into Go value of type jsonpatch.Patch`);
}

function undecodable(problem: string): WebhookCallError {
  return new WebhookCallError(`received undecodable patch in webhook response: ${problem}`);
}

/**
 * The patched object in the version of the request. What cannot be applied or decoded is a 500 whatever failurePolicy
 * says: the webhook did answer.
 */
export function patched(
  attributes: AdmissionAttributes,
  object: KubeObject,
  version: string,
  operations: readonly Operation[],
  warn: (text: string) => void,
): KubeObject {
  const { resource, subresource } = attributes;
  const isScale = subresource !== undefined && subresource !== "status";
  let result = isScale ? object : inVersion(resource, object, version);
  for (const operation of operations) result = applyOne(result, operation);
  if (isScale) return result;
  checkIdentity(attributes, object, result, version);
  const problem = resource.strategy.decodeProblem?.(result, version);
  if (problem !== undefined) throw internalError(problem);
  keepOwnership(result, object, warn);
  return inVersion(resource, result, attributes.version);
}

function applyOne(object: KubeObject, operation: Operation): KubeObject {
  try {
    return applyJsonPatch(object, [operation]);
  } catch (error) {
    if (error instanceof ApiError) throw internalError(problemOf(operation));
    throw error;
  }
}

/** Why an operation could not be made, in the words of the library the API server uses. */
function problemOf(operation: Operation): string {
  const { op } = operation;
  const path = typeof operation.path === "string" ? operation.path : "";
  const missing = `doc is missing path: ${JSON.stringify(path)}: missing value`;
  switch (op) {
    case "add":
      return `add operation does not apply: ${missing}`;
    case "replace":
      return `replace operation does not apply: ${missing}`;
    case "remove": {
      const key = path.slice(path.lastIndexOf("/") + 1);
      return `error in remove for path: '${path}': Unable to remove nonexistent key: ${key}: missing value`;
    }
    case "test":
      return `testing value ${path} failed: test failed`;
    case "move":
    case "copy":
      return `${op} operation does not apply: doc is missing from path: ${JSON.stringify(operation.from ?? "")}: missing value`;
    default:
      return `Unexpected kind: ${typeof op === "string" ? op : "unknown"}`;
  }
}

function checkIdentity(attributes: AdmissionAttributes, before: KubeObject, after: KubeObject, version: string): void {
  const { resource } = attributes;
  if (after.kind !== resource.kind) {
    const group = resource.group === "" ? "core" : resource.group.split(".")[0];
    const text = `converting (${version}.${after.kind}) to (${group}.${resource.kind}): unknown conversion`;
    throw new ApiError(500, "", text);
  }
  if (resource.namespaced && (after.metadata?.namespace ?? "") !== (before.metadata.namespace ?? "")) {
    const text = "the namespace of the provided object does not match the namespace sent on the request";
    throw new ApiError(400, "BadRequest", text);
  }
}

/** A webhook may rewrite managedFields; entries that cannot be read leave everything as it was. */
function keepOwnership(after: KubeObject, before: KubeObject, warn: (text: string) => void): void {
  const entries: unknown = after.metadata.managedFields;
  const isEmpty = Array.isArray(entries) && entries.length === 0;
  if (isEmpty) delete after.metadata.managedFields;
  if (isEmpty || entries === undefined || (Array.isArray(entries) && entries.every(isOwnershipEntry))) return;
  warn(
    ".metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests: operation must be `Apply` or `Update`",
  );
  if (before.metadata.managedFields === undefined) delete after.metadata.managedFields;
  else after.metadata.managedFields = before.metadata.managedFields;
}

function isOwnershipEntry(entry: unknown): boolean {
  if (!isMap(entry)) return false;
  const { operation, apiVersion, fieldsType, fieldsV1 } = entry;
  const known = operation === "Apply" || operation === "Update";
  return known && typeof apiVersion === "string" && apiVersion !== "" && fieldsType === "FieldsV1" && isMap(fieldsV1);
}
