import { ApiError, type FieldError, type KubeObject, type Resource, type Status } from "./types.ts";

/** How an object is named in answers: `deployments.apps "podinfo"`. */
export function qualified(resource: Pick<Resource, "group" | "plural">): string {
  return resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
}

type Named = Pick<Resource, "group" | "plural">;

function details(resource: Named, name: string): NonNullable<Status["details"]> {
  const { group, plural } = resource;
  return {
    ...(name === "" ? {} : { name }),
    ...(group === "" ? {} : { group }),
    kind: plural,
  };
}

/** 400: the request itself makes no sense. */
export function badRequest(message: string): ApiError {
  return new ApiError(400, "BadRequest", message);
}

export function notFound(resource: Named, name: string): ApiError {
  return new ApiError(404, "NotFound", `${qualified(resource)} "${name}" not found`, details(resource, name));
}

/** 404 for a path that is no resource of a group that is served. */
export function unknownResource(): ApiError {
  return new ApiError(404, "NotFound", "the server could not find the requested resource", {});
}

export function methodNotAllowed(): ApiError {
  const text = "the server does not allow this method on the requested resource";
  return new ApiError(405, "MethodNotAllowed", text, {});
}

/** 409: somebody else was faster. */
export function conflict(resource: Named, name: string, why: string): ApiError {
  const message = `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`;
  return new ApiError(409, "Conflict", message, details(resource, name));
}

export const modifiedMeanwhile =
  "the object has been modified; please apply your changes to the latest version and try again";

export function alreadyExists(resource: Named, name: string, prefix = ""): ApiError {
  const message = `${prefix}${qualified(resource)} "${name}" already exists`;
  return new ApiError(409, "AlreadyExists", message, details(resource, name));
}

export function forbidden(resource: Named, name: string, why: string): ApiError {
  const message = `${qualified(resource)} "${name}" is forbidden: ${why}`;
  return new ApiError(403, "Forbidden", message, details(resource, name));
}

/** 422 with one cause per broken rule. `kind` is the Kind, or for options such as `DeleteOptions` the kind of these. */
export function invalid(group: string, kind: string, name: string, errors: readonly FieldError[]): ApiError {
  const texts = errors.map((error) => `${error.field}: ${error.message}`);
  const unique = [...new Set(texts)];
  const list = unique.length === 1 ? unique[0] : `[${unique.join(", ")}]`;
  const subject = group === "" ? kind : `${kind}.${group}`;
  return new ApiError(422, "Invalid", `${subject} "${name}" is invalid: ${list}`, {
    ...(name === "" ? {} : { name }),
    ...(group === "" ? {} : { group }),
    ...(kind === "" ? {} : { kind }),
    causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
  });
}

/** 406 for an Accept header that names no form that can be served. */
export function notAcceptable(): ApiError {
  const media = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
  return new ApiError(406, "NotAcceptable", `only the following media types are accepted: ${media}`);
}

/** 500 as the real server words what it did not expect. */
export function internal(message: string): ApiError {
  return new ApiError(500, "", message);
}

/** The body of a failed request. */
export function statusOf(error: ApiError): Status {
  const { code, reason, details: about, message } = error;
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    ...(reason === "" ? {} : { reason }),
    ...(about === undefined ? {} : { details: about }),
    code,
  };
}

/** The answer to a DELETE that removed the object. */
export function deletedStatus(resource: Named, object: KubeObject): Status {
  const { name = "", uid } = object.metadata;
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: { ...details(resource, name), ...(uid === undefined ? {} : { uid }) },
  };
}
