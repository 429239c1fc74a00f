/** AdmissionReview v1: the question that goes out, and what the answer must look like. */
import { randomUUID } from "node:crypto";
import { inVersion } from "../cluster.ts";
import { type AdmissionAttributes, ApiError, type KubeObject, type Status, type UserInfo } from "../types.ts";
import type { Kind } from "./configurations.ts";

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

interface GroupVersionResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

/** `request` of a review, with its fields in the order in which the API server writes them. */
export interface ReviewRequest {
  readonly uid: string;
  readonly kind: GroupVersionKind;
  readonly resource: GroupVersionResource;
  readonly subResource?: string;
  readonly requestKind: GroupVersionKind;
  readonly requestResource: GroupVersionResource;
  readonly requestSubResource?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly operation: string;
  readonly userInfo: UserInfo;
  readonly object: KubeObject | null;
  readonly oldObject: KubeObject | null;
  readonly dryRun: boolean;
  readonly options: Record<string, unknown> | null;
}

/** The question for a webhook that wants to see `version`; `object` is the object as changed so far. */
export function reviewRequest(
  attributes: AdmissionAttributes,
  version: string,
  object: KubeObject | undefined,
): ReviewRequest {
  const { resource, subresource, oldObject } = attributes;
  const seen = seenIn(attributes, version, object);
  const seenOld = seenIn(attributes, version, oldObject);
  const fallback = { group: resource.group, version: attributes.version, kind: resource.kind };
  const requestResource = { group: resource.group, version: attributes.version, resource: resource.plural };
  return {
    uid: randomUUID(),
    kind: kindOf(seen ?? seenOld) ?? { ...fallback, version },
    resource: { ...requestResource, version },
    ...(subresource === undefined ? {} : { subResource: subresource }),
    requestKind: kindOf(object ?? oldObject) ?? fallback,
    requestResource,
    ...(subresource === undefined ? {} : { requestSubResource: subresource }),
    ...(attributes.name === "" ? {} : { name: attributes.name }),
    ...(attributes.namespace === "" ? {} : { namespace: attributes.namespace }),
    operation: attributes.operation,
    userInfo: attributes.user,
    object: seen ?? null,
    oldObject: seenOld ?? null,
    dryRun: attributes.dryRun,
    options: optionsOf(attributes),
  };
}

/** An apply that creates has the options of a creation, whatever the request was. */
function optionsOf({ operation, options }: AdmissionAttributes): Record<string, unknown> | null {
  if (Object.keys(options).length === 0) return null;
  const kinds: Record<string, string> = { CREATE: "CreateOptions", UPDATE: "UpdateOptions", DELETE: "DeleteOptions" };
  return { ...options, kind: kinds[operation] ?? options["kind"] };
}

/** Scales look the same in every version; everything else is converted. */
function seenIn(attributes: AdmissionAttributes, version: string, object: KubeObject | undefined) {
  if (object === undefined) return undefined;
  const isOther = attributes.subresource !== undefined && attributes.subresource !== "status";
  return isOther ? object : shaped(attributes, inVersion(attributes.resource, object, version));
}

/** Types of Go always write their status, be it empty; custom resources are what was written. */
function shaped(attributes: AdmissionAttributes, object: KubeObject): KubeObject {
  const { resource } = attributes;
  const bare = !resource.custom && resource.subresources.status === true && object["status"] === undefined;
  return bare ? { ...object, status: {} } : object;
}

function kindOf(object: KubeObject | undefined): GroupVersionKind | undefined {
  if (object === undefined) return undefined;
  const at = object.apiVersion.indexOf("/");
  const group = at < 0 ? "" : object.apiVersion.slice(0, at);
  return { group, version: object.apiVersion.slice(at + 1), kind: object.kind };
}

export function reviewBody(request: ReviewRequest): string {
  return JSON.stringify({ kind: "AdmissionReview", apiVersion: "admission.k8s.io/v1", request });
}

/** A webhook that could not be asked or answered nonsense: failurePolicy decides what becomes of it. */
export class WebhookCallError extends Error {}

/** An answer that could be understood. */
export interface Verdict {
  readonly allowed: boolean;
  readonly status: Partial<Status> | undefined;
  readonly warnings: readonly string[];
  readonly auditAnnotations: Readonly<Record<string, string>>;
  readonly patchType: string;
  /** The patch as text; empty when there is none. */
  readonly patch: string;
}

interface RawResponse {
  uid?: unknown;
  allowed?: unknown;
  status?: Partial<Status>;
  warnings?: unknown;
  auditAnnotations?: Readonly<Record<string, string>> | null;
  patch?: unknown;
  patchType?: unknown;
}

/** Reads an answer. Throws WebhookCallError with the API server's words for everything that is wrong with it. */
export function verdictOf(body: string, uid: string, kind: Kind): Verdict {
  const review = decoded(body);
  const response = review["response"] as RawResponse | null | undefined;
  if (response === undefined || response === null) throw invalidAnswer("webhook response was absent");
  checkTypes(response);
  const patch = typeof response.patch === "string" ? response.patch : "";
  if ((response.uid ?? "") !== uid) {
    throw invalidAnswer(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? "")}`);
  }
  const { apiVersion = "", kind: reviewKind = "" } = review as { apiVersion?: string; kind?: string };
  if (apiVersion !== "admission.k8s.io/v1" || reviewKind !== "AdmissionReview") {
    const actual = `${apiVersion === "" ? "/" : apiVersion}, Kind=${reviewKind}`;
    throw invalidAnswer(`expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${actual}`);
  }
  checkPatch(kind, patch, response.patchType);
  const warnings = Array.isArray(response.warnings) ? response.warnings : [];
  return {
    allowed: response.allowed === true,
    status: response.status,
    warnings: warnings.filter((warning): warning is string => typeof warning === "string"),
    auditAnnotations: response.auditAnnotations ?? {},
    patchType: typeof response.patchType === "string" ? response.patchType : "",
    patch: Buffer.from(patch, "base64").toString("utf8"),
  };
}

function failedCall(text: string): WebhookCallError {
  return new WebhookCallError(`failed to call webhook: ${text}`);
}

function invalidAnswer(text: string): WebhookCallError {
  return new WebhookCallError(`received invalid webhook response: ${text}`);
}

const unversioned =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

function decoded(body: string): Record<string, unknown> {
  let review: unknown;
  try {
    review = JSON.parse(body);
  } catch {
    // Go reads text that is no JSON as YAML, where it is a string.
    review = body;
  }
  if (typeof review !== "object" || review === null || Array.isArray(review)) {
    const found = Array.isArray(review) ? "array" : review === null ? "null" : typeof review;
    const problem = `json: cannot unmarshal ${found} into Go value of type ${unversioned}`;
    throw failedCall(`couldn't get version/kind; json parse error: ${problem}`);
  }
  const { apiVersion = "", kind = "" } = review as { apiVersion?: string; kind?: string };
  if (apiVersion === "admission.k8s.io/v1beta1") {
    throw failedCall("converting (v1beta1.AdmissionReview) to (v1.AdmissionReview): unknown conversion");
  }
  if (kind !== "" && kind !== "AdmissionReview") {
    const scheme = "k8s.io/apiserver/pkg/util/webhook/client.go:71";
    throw failedCall(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "${scheme}"`,
    );
  }
  return review as Record<string, unknown>;
}

function checkTypes(response: RawResponse): void {
  const { allowed, patch } = response;
  if (allowed !== undefined && allowed !== null && typeof allowed !== "boolean") {
    throw failedCall(unmarshalProblem(allowed, "allowed", "bool"));
  }
  if (Array.isArray(patch)) throw failedCall(unmarshalProblem(patch[0], "patch", "uint8"));
  if (patch !== undefined && patch !== null && typeof patch !== "string") {
    throw failedCall(unmarshalProblem(patch, "patch", "[]uint8"));
  }
  const illegal = typeof patch === "string" ? illegalBase64At(patch) : -1;
  if (illegal >= 0) throw failedCall(`illegal base64 data at input byte ${illegal}`);
}

function unmarshalProblem(value: unknown, field: string, goType: string): string {
  const found = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
  return `json: cannot unmarshal ${found} into Go struct field AdmissionResponse.response.${field} of type ${goType}`;
}

function illegalBase64At(text: string): number {
  const clean = /^[A-Za-z0-9+/\r\n]*={0,2}$/;
  if (clean.test(text)) return text.replace(/[\r\n]/g, "").length % 4 === 0 ? -1 : text.length;
  return text.search(/[^A-Za-z0-9+/\r\n]/);
}

function checkPatch(kind: Kind, patch: string, patchType: unknown): void {
  const hasType = patchType !== undefined && patchType !== null;
  if (kind === "validating") {
    if (patch !== "") throw invalidAnswer("validating webhook may not return response.patch");
    if (hasType) throw invalidAnswer("validating webhook may not return response.patchType");
    return;
  }
  if (patch !== "" && !hasType) throw invalidAnswer("webhook returned response.patch but not response.patchType");
  if (patch === "" && hasType) throw invalidAnswer("webhook returned response.patchType but not response.patch");
  if (patchType === "") throw invalidAnswer('webhook returned invalid response.patchType of ""');
}

/** The answer to the writer when a webhook refuses. */
export function denial(webhookName: string, status: Partial<Status> | undefined): ApiError {
  const deniedBy = `admission webhook ${JSON.stringify(webhookName)} denied the request`;
  const { message = "", reason = "", code = 0, details } = status ?? {};
  const why = message !== "" ? `: ${message}` : reason !== "" ? `: ${reason}` : " without explanation";
  return new ApiError(code >= 400 ? code : 400, reason, `${deniedBy}${why}`, details);
}

/** The answer to the writer when a webhook could not be asked, or its patch cannot be used. */
export function internalError(text: string): ApiError {
  return new ApiError(500, "InternalError", `Internal error occurred: ${text}`, { causes: [{ message: text }] });
}
