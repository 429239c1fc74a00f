import type { Call } from "./cluster.ts";
import { duplicatesOf } from "./duplicates.ts";
import type { WriteChoices } from "./options.ts";
import { badRequest, internal, invalid } from "./status.ts";
import { type ApiError, apiVersionOf, type KubeObject, type Resource } from "./types.ts";

type Validation = WriteChoices["fieldValidation"];

/** What Go says about broken JSON, as far as it can be told from what V8 says. */
export function jsonProblem(text: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (text.trim() === "" || /Unexpected end|Unterminated|Expected .* at position \d+$/.test(message)) {
    if (text.trim() === "" || /end of JSON|Unterminated/.test(message)) return "unexpected end of JSON input";
  }
  const literal = ["null", "true", "false"].find((each) => each[0] === text[0]);
  if (literal !== undefined && !text.startsWith(literal)) {
    const at = [...literal].findIndex((character, index) => character !== text[index]);
    return `invalid character '${text[at] ?? ""}' in literal ${literal} (expecting '${literal[at]}')`;
  }
  const token = /Unexpected token '(.)'/u.exec(message)?.[1];
  return token === undefined ? "invalid JSON" : `invalid character '${token}' looking for beginning of value`;
}

/**
 * Turns a body into an object of the request's resource and version: checks kind and version, drops unknown fields
 * (as `fieldValidation` wants it) and fills defaults. `old` is the stored object of an update.
 */
export function decodeObject(call: Call, body: unknown, validation: Validation, old?: KubeObject): KubeObject {
  const { resource, version, name } = call.request;
  const object = asObject(body, resource);
  if (resource.custom && validation === "Warn") warnOfForeignFields(call, object);
  checkKind(object, resource, version, name);
  object.metadata = isRecord(object.metadata) ? object.metadata : {};
  const problem = resource.strategy.decodeProblem?.(object, version);
  if (problem !== undefined) throw undecodable(resource, version, problem);
  dropEmpty(object.metadata);
  const unknown = resource.strategy.prune(object, version).map((path) => `unknown field ${JSON.stringify(path)}`);
  const twice = duplicatesOf(body);
  if (validation === "Strict" && unknown.length + twice.length > 0) {
    const problems = [...twice.map(({ strict }) => strict), ...unknown];
    throw undecodable(resource, version, `strict decoding error: ${problems.join(", ")}`);
  }
  if (validation === "Warn") for (const text of [...twice.map(({ warning }) => warning), ...unknown]) call.warn(text);
  resource.strategy.setDefaults(object, version, old);
  return object;
}

/** The API server's types leave out what is empty; `kubectl diff` sends an empty map of annotations for objects that have none. */
function dropEmpty(metadata: KubeObject["metadata"]): void {
  for (const field of ["annotations", "labels", "finalizers", "ownerReferences"] as const) {
    const value: unknown = metadata[field];
    if (typeof value === "object" && value !== null && Object.keys(value).length === 0) delete metadata[field];
  }
}

/** In a version that is not served no field is known, which is told before the version is refused. */
function warnOfForeignFields(call: Call, object: KubeObject): void {
  const { group } = call.request.resource;
  const { apiVersion } = object as { apiVersion?: string };
  if (typeof apiVersion !== "string" || !apiVersion.startsWith(`${group}/`)) return;
  if (apiVersion === apiVersionOf(group, call.request.version)) return;
  const known = ["apiVersion", "kind", "metadata"];
  for (const key of Object.keys(object)) if (!known.includes(key)) call.warn(`unknown field ${JSON.stringify(key)}`);
}

/** 400 for a body that does not fit into the type. */
export function undecodable(resource: Resource, version: string, why: string): ApiError {
  return badRequest(`${resource.kind} in version "${version}" cannot be handled as a ${resource.kind}: ${why}`);
}

function asObject(body: unknown, resource: Resource): KubeObject {
  if (isRecord(body)) return body as unknown as KubeObject;
  const type = Array.isArray(body) ? "array" : typeof body;
  const target =
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
  const shown = Buffer.from(JSON.stringify(body)).toString("hex").slice(0, 40);
  throw badRequest(
    `the object provided is unrecognized (must be of type ${resource.kind}): couldn't get version/kind; json parse error: json: cannot unmarshal ${type} into Go value of type ${target} (${shown})`,
  );
}

function checkKind(object: KubeObject, resource: Resource, version: string, name: string): void {
  const expected = apiVersionOf(resource.group, version);
  const { apiVersion = "", kind = "" } = object as { apiVersion?: string; kind?: string };
  if (apiVersion === "" && kind === "" && !resource.custom) {
    object.apiVersion = expected;
    object.kind = resource.kind;
    return;
  }
  if (resource.custom) {
    if (kind === "") throw badRequest(`Object 'Kind' is missing in '${JSON.stringify(object)}'`);
    if (apiVersion === "") throw badRequest(`Object 'apiVersion' is missing in '${JSON.stringify(object)}'`);
  }
  const sameKind = kind === "" || kind === resource.kind;
  if (apiVersion !== "" && apiVersion !== expected && (sameKind || resource.custom)) {
    const text = `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`;
    throw badRequest(text);
  }
  if (!sameKind) throw wrongKind(object, resource, version, name);
  object.apiVersion = expected;
  object.kind = resource.kind;
}

const scheme = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30";

function wrongKind(object: KubeObject, resource: Resource, version: string, name: string): ApiError {
  const { kind, apiVersion } = object;
  if (resource.custom) {
    const message = `Invalid value: ${JSON.stringify(kind)}: must be ${resource.kind}`;
    const error = { reason: "FieldValueInvalid", field: "kind", message };
    return invalid(resource.group, kind, name || (object.metadata?.name ?? ""), [error]);
  }
  const stated = apiVersion.slice(apiVersion.indexOf("/") + 1);
  const unregistered = apiVersion === apiVersionOf(resource.group, version) || apiVersion.startsWith("meta.k8s.io/");
  const group = resource.group === "" ? "core" : resource.group.split(".")[0];
  const why = unregistered
    ? `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "${scheme}"`
    : `converting (${stated}.${kind}) to (${group}.${resource.kind}): unknown conversion`;
  return badRequest(`${kind} in version "${stated}" cannot be handled as a ${resource.kind}: ${why}`);
}

/** Name and namespace of the body against those of the path; fills the namespace in. */
export function checkIdentity(call: Call, object: KubeObject, isCreate: boolean): void {
  const { resource, namespace, name } = call.request;
  const { metadata } = object;
  if (!resource.namespaced) delete metadata.namespace;
  else if ((metadata.namespace ?? "") === "") metadata.namespace = namespace;
  else if (metadata.namespace !== namespace) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
  if (isCreate) {
    if ((metadata.resourceVersion ?? "") !== "") {
      throw internal("resourceVersion should not be set on objects to be created");
    }
    delete metadata.resourceVersion;
    return;
  }
  if ((metadata.name ?? "") === "") {
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  }
  if (metadata.name !== name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
