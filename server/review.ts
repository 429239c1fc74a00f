import type { FieldIssue } from "../api/index.ts";
import type { AdmissionRequest, Outcome } from "../mutators/types.ts";

/** AdmissionReview v1, in and out: the one place that knows its form. */

const apiVersion = "admission.k8s.io/v1";
const kind = "AdmissionReview";

type Json = Readonly<Record<string, unknown>>;

/** The request in a review, or in words why it is none. */
export function readReview(body: unknown): AdmissionRequest | { readonly unreadable: string } {
  if (!isJson(body) || body["kind"] !== kind || body["apiVersion"] !== apiVersion) {
    return { unreadable: `expected an ${kind} of ${apiVersion}` };
  }
  const request = body["request"];
  if (!isJson(request) || !isText(request["uid"]) || !isText(request["operation"])) {
    return { unreadable: "the review has no request with uid and operation" };
  }
  const of = isJson(request["kind"]) ? request["kind"] : {};
  const user = isJson(request["userInfo"]) ? request["userInfo"] : {};
  const options = isJson(request["options"]) ? request["options"] : {};
  return {
    uid: request["uid"],
    operation: request["operation"],
    kind: { group: text(of["group"]), version: text(of["version"]), kind: text(of["kind"]) },
    ...(isText(request["subResource"]) ? { subResource: request["subResource"] } : {}),
    ...(isText(request["name"]) ? { name: request["name"] } : {}),
    ...(isText(request["namespace"]) ? { namespace: request["namespace"] } : {}),
    userInfo: {
      username: text(user["username"]),
      groups: texts(user["groups"]),
      ...(isText(user["uid"]) ? { uid: user["uid"] } : {}),
      ...(isJson(user["extra"]) ? { extra: user["extra"] } : {}),
    },
    ...(isText(options["fieldManager"]) ? { fieldManager: options["fieldManager"] } : {}),
    object: request["object"] ?? null,
    oldObject: request["oldObject"] ?? null,
    dryRun: request["dryRun"] === true,
  };
}

/** The answer to a request. Patch and patchType come together or not at all; a refusal is an answer, never an HTTP error. */
export function writeReview(request: AdmissionRequest, outcome: Outcome): object {
  return { apiVersion, kind, response: { uid: request.uid, ...answer(request, outcome) } };
}

function answer(request: AdmissionRequest, outcome: Outcome): object {
  const audit = { auditAnnotations: { ...outcome.audit, outcome: outcome.why } };
  if (outcome.kind === "refused") {
    return { allowed: false, status: refusal(request, outcome.issues), ...audit };
  }
  const warnings = outcome.warnings.length === 0 ? {} : { warnings: outcome.warnings };
  if (outcome.kind === "untouched" || outcome.patch.length === 0) {
    return { allowed: true, ...warnings, ...audit };
  }
  const patch = Buffer.from(JSON.stringify(outcome.patch)).toString("base64");
  return { allowed: true, patchType: "JSONPatch", patch, ...warnings, ...audit };
}

/** With code 422, reason Invalid and causes, kubectl prints the mistakes as the API server's own. */
function refusal(request: AdmissionRequest, issues: readonly FieldIssue[]): object {
  const lines = issues.map(({ field, message }) => `${field}: ${message}`);
  const metadata = isJson(request.object) && isJson(request.object["metadata"]) ? request.object["metadata"] : {};
  return {
    status: "Failure",
    code: 422,
    reason: "Invalid",
    message: lines.length === 1 ? lines[0] : `[${lines.join(", ")}]`,
    details: {
      name: request.name ?? text(metadata["name"]),
      group: request.kind.group,
      kind: request.kind.kind,
      causes: issues.map(({ field, reason, message }) => ({ reason, field, message })),
    },
  };
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter(isText) : [];
}
