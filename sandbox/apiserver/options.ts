import { badRequest, invalid } from "./status.ts";
import type { FieldError } from "./types.ts";

export type OptionsKind = "CreateOptions" | "UpdateOptions" | "PatchOptions" | "DeleteOptions";

/** The choices of a writing request, parsed and checked. */
export interface WriteChoices {
  readonly dryRun: boolean;
  /** As stated by the request; empty: the user agent decides. */
  readonly fieldManager: string;
  readonly fieldValidation: "Ignore" | "Warn" | "Strict";
  /** False as well when `force` was not stated. */
  readonly force: boolean;
  /** The options as admission webhooks see them. */
  readonly document: Record<string, unknown>;
}

const validations = ["", "Ignore", "Strict", "Warn"];

/** Reads the query of a create, update or patch. Throws 422 as the real server does for values that it does not know. */
export function parseWriteChoices(query: URLSearchParams, kind: OptionsKind, apply: boolean): WriteChoices {
  const errors: FieldError[] = [];
  const force = query.get("force");
  if (kind === "PatchOptions") errors.push(...patchErrors(query, apply));
  const dryRun = query.getAll("dryRun");
  errors.push(...dryRunErrors(dryRun));
  const fieldManager = query.get("fieldManager") ?? "";
  if (Buffer.byteLength(fieldManager) > 128) {
    errors.push(tooLong("fieldManager", "may not be more than 128 bytes"));
  } else if (/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(fieldManager)) {
    const text = `Invalid value: ${JSON.stringify(fieldManager)}: should only contain printable characters`;
    errors.push({ reason: "FieldValueInvalid", field: "fieldManager", message: text });
  }
  const validation = query.get("fieldValidation") ?? "";
  if (!validations.includes(validation)) {
    errors.push(unsupported("fieldValidation", JSON.stringify(validation), validations));
  }
  if (errors.length > 0) throw invalid("meta.k8s.io", kind, "", errors);
  return {
    dryRun: dryRun.length > 0,
    fieldManager,
    fieldValidation: validation === "" ? "Warn" : (validation as WriteChoices["fieldValidation"]),
    force: force !== null && force !== "false" && force !== "0",
    document: optionsDocument(kind === "PatchOptions" ? "UpdateOptions" : kind, dryRun, fieldManager, validation),
  };
}

/** Options as an API object, the way admission webhooks see them. */
export function optionsDocument(
  kind: OptionsKind,
  dryRun: readonly string[],
  fieldManager: string,
  fieldValidation: string,
): Record<string, unknown> {
  return {
    kind,
    apiVersion: "meta.k8s.io/v1",
    ...(dryRun.length === 0 ? {} : { dryRun: [...dryRun] }),
    ...(fieldManager === "" ? {} : { fieldManager }),
    ...(fieldValidation === "" ? {} : { fieldValidation }),
  };
}

function patchErrors(query: URLSearchParams, apply: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (apply && (query.get("fieldManager") ?? "") === "") {
    errors.push({
      reason: "FieldValueRequired",
      field: "fieldManager",
      message: "Required value: is required for apply patch",
    });
  }
  if (!apply && query.has("force")) {
    errors.push({
      reason: "FieldValueForbidden",
      field: "force",
      message: "Forbidden: may not be specified for non-apply patch",
    });
  }
  return errors;
}

function dryRunErrors(dryRun: readonly string[]): FieldError[] {
  return dryRun.every((value) => value === "All") ? [] : [unsupported("dryRun", JSON.stringify(dryRun), ["All"])];
}

function unsupported(field: string, value: string, supported: readonly string[]): FieldError {
  const list = supported.map((each) => JSON.stringify(each)).join(", ");
  return {
    reason: "FieldValueNotSupported",
    field,
    message: `Unsupported value: ${value}: supported values: ${list}`,
  };
}

function tooLong(field: string, text: string): FieldError {
  return { reason: "FieldValueTooLong", field, message: `Too long: ${text}` };
}

export type Propagation = "Orphan" | "Background" | "Foreground";

/** What a DELETE asks for. */
export interface DeleteChoices {
  readonly dryRun: boolean;
  readonly gracePeriodSeconds: number | undefined;
  readonly propagation: Propagation | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly document: Record<string, unknown>;
}

/** Reads DeleteOptions: from the body when there is one, else from the query. */
export function parseDeleteChoices(query: URLSearchParams, body: Record<string, unknown> | undefined): DeleteChoices {
  const stated = body ?? deleteOptionsOf(query);
  const errors: FieldError[] = [];
  const dryRun = (stated["dryRun"] ?? []) as string[];
  const orphan = stated["orphanDependents"];
  const policy = stated["propagationPolicy"] as string | undefined;
  if (orphan !== undefined && orphan !== null && policy !== undefined) {
    const message = `Invalid value: ${JSON.stringify(policy)}: orphanDependents and deletionPropagation cannot be both set`;
    errors.push({ reason: "FieldValueInvalid", field: "propagationPolicy", message });
  }
  if (policy !== undefined && !["Foreground", "Background", "Orphan"].includes(policy)) {
    const known = ["Foreground", "Background", "Orphan", "nil"];
    errors.push(unsupported("propagationPolicy", JSON.stringify(policy), known));
  }
  errors.push(...dryRunErrors(dryRun));
  if (errors.length > 0) throw invalid("meta.k8s.io", "DeleteOptions", "", errors);
  const preconditions = (stated["preconditions"] ?? {}) as { uid?: string; resourceVersion?: string };
  return {
    dryRun: dryRun.length > 0,
    gracePeriodSeconds: stated["gracePeriodSeconds"] as number | undefined,
    propagation: (policy as Propagation | undefined) ?? legacyPropagation(orphan),
    uid: preconditions.uid,
    resourceVersion: preconditions.resourceVersion,
    document: { ...stated, kind: "DeleteOptions", apiVersion: "meta.k8s.io/v1" },
  };
}

function legacyPropagation(orphan: unknown): Propagation | undefined {
  if (orphan === true) return "Orphan";
  return orphan === false ? "Background" : undefined;
}

function deleteOptionsOf(query: URLSearchParams): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  const policy = query.get("propagationPolicy");
  if (policy !== null) options["propagationPolicy"] = policy;
  const grace = query.get("gracePeriodSeconds");
  if (grace !== null) options["gracePeriodSeconds"] = parseInteger(grace);
  const orphan = query.get("orphanDependents");
  if (orphan !== null) options["orphanDependents"] = orphan === "true";
  if (query.has("dryRun")) options["dryRun"] = query.getAll("dryRun");
  return options;
}

/** A whole number of a query parameter, refused in the words of Go. */
export function parseInteger(text: string): number {
  if (!/^[-+]?\d+$/.test(text)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}
