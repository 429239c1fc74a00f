import type { IncomingMessage } from "node:http";
import { CORE_SCHEMA, load, YAMLException } from "js-yaml";
import { jsonProblem } from "./decode.ts";
import { type Duplicate, noteDuplicates, parseJsonLikeGo } from "./duplicates.ts";
import { readKubernetesProtobuf, UnreadableProtobuf } from "./protobuf.ts";
import { badRequest } from "./status.ts";
import { ApiError, type PatchType, type Resource } from "./types.ts";

/** The request body limit of a real API server. */
const largestBody = 3 * 1024 * 1024;

/** Up to here a body that is too large is read to its end, so that its sender reads the answer and not a broken pipe. */
const worstBody = 16 * largestBody;

function tooLarge(): ApiError {
  return new ApiError(413, "RequestEntityTooLarge", `Request entity too large: limit is ${largestBody}`);
}

/** Reads a request body. Throws 413 when it is too large. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > worstBody) throw tooLarge();
    if (size <= largestBody) chunks.push(chunk);
  }
  if (size > largestBody) throw tooLarge();
  return Buffer.concat(chunks);
}

const patchTypes: Record<string, PatchType> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};

/** Which kind of patch a request carries. Throws 415. */
export function patchTypeOf(contentType: string | undefined, resource: Resource): PatchType {
  const type = patchTypes[mediaTypeOf(contentType)];
  if (type !== undefined && !(resource.custom && type === "strategic")) return type;
  if (!resource.custom) throw new ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {});
  throw unsupportedMedia(Object.keys(patchTypes).filter((name) => !name.includes("strategic")));
}

function unsupportedMedia(accepted: readonly string[]): ApiError {
  const text = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`;
  return new ApiError(415, "UnsupportedMediaType", text);
}

function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

/** Parses an object's body by its content type: JSON (also when none is named) or YAML. */
export function parseObjectBody(
  body: Buffer,
  contentType: string | undefined,
  resource: Pick<Resource, "kind" | "custom">,
): unknown {
  switch (mediaTypeOf(contentType)) {
    case "":
    case "application/json":
    case "*/*":
      return parseObjectJson(body.toString(), resource);
    case "application/yaml":
      return parseYaml(body.toString());
    case "application/vnd.kubernetes.protobuf":
      if (!resource.custom) return parseProtobuf(body);
      throw unsupportedMedia(["application/json", "application/yaml"]);
    default:
      throw unsupportedMedia([
        "application/json",
        "application/yaml",
        ...(resource.custom ? [] : ["application/vnd.kubernetes.protobuf"]),
      ]);
  }
}

function parseObjectJson(text: string, resource: Pick<Resource, "kind">): unknown {
  try {
    return parseJsonLikeGo(text);
  } catch (error) {
    const shown = text === "" ? "<empty>" : text.slice(0, 200);
    const why = `couldn't get version/kind; json parse error: ${jsonProblem(text, error)} (${shown})`;
    throw badRequest(`the object provided is unrecognized (must be of type ${resource.kind}): ${why}`);
  }
}

/** Parses a patch. Apply patches are YAML, the others JSON. */
export function parsePatchBody(body: Buffer, type: PatchType): unknown {
  const text = body.toString();
  if (type === "apply") return parseYaml(text);
  let patch: unknown;
  try {
    patch = JSON.parse(text);
  } catch (error) {
    throw badRequest(`error decoding patch: ${jsonProblem(text, error)}`);
  }
  const list = Array.isArray(patch);
  if (type === "json" && !list) {
    const found = patch === null ? "null" : typeof patch;
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${found} into Go value of type []handlers.jsonPatchOp`,
    );
  }
  if (type !== "json" && (list || typeof patch !== "object" || patch === null)) {
    const found = list ? "array" : typeof patch;
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${found} into Go value of type map[string]interface {}`,
    );
  }
  return patch;
}

/** Kinds without a table are refused as if protobuf were not spoken; clients then say so. */
function parseProtobuf(body: Buffer): unknown {
  try {
    return readKubernetesProtobuf(body);
  } catch (error) {
    if (!(error instanceof UnreadableProtobuf)) throw error;
    throw unsupportedMedia(["application/json", "application/yaml"]);
  }
}

/** The parser of Go reads on after a key that is there already, and tells its line. */
function yamlDuplicate(text: string, { mark }: YAMLException): Duplicate {
  const line = (mark?.line ?? 0) + 1;
  const key = /^\s*(?:- )?"?([^":]+)/.exec(text.split("\n")[line - 1] ?? "")?.[1] ?? "";
  const warning = `line ${line}: key ${JSON.stringify(key)} already set in map`;
  return { warning, strict: `yaml: unmarshal errors:\n  ${warning}` };
}

function parseYaml(text: string): unknown {
  try {
    return load(text, { schema: CORE_SCHEMA });
  } catch (error) {
    if (error instanceof YAMLException && error.reason.startsWith("duplicated mapping key")) {
      return noteDuplicates(load(text, { schema: CORE_SCHEMA, json: true }), [yamlDuplicate(text, error)]);
    }
    const why = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    throw badRequest(`error decoding YAML: ${why}`);
  }
}

function parseOptions(body: Buffer, contentType: string | undefined) {
  switch (mediaTypeOf(contentType)) {
    case "application/yaml":
      return parseYaml(body.toString());
    case "application/vnd.kubernetes.protobuf":
      return readKubernetesProtobuf(body);
    default:
      return JSON.parse(body.toString());
  }
}

/** DeleteOptions of a DELETE; undefined when it has no body. */
export function parseDeleteBody(body: Buffer, contentType: string | undefined): Record<string, unknown> | undefined {
  if (body.length === 0) return undefined;
  const text = body.toString();
  try {
    const parsed = parseOptions(body, contentType);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw badRequest(`couldn't get version/kind; json parse error: ${jsonProblem(text, error)}`);
  }
  throw badRequest("couldn't get version/kind; json parse error: the body is no object");
}
