/** The sentences in which the API server complains about a field. */
import type { FieldError } from "../../types.ts";

export function required(field: string, detail = ""): FieldError {
  return { reason: "FieldValueRequired", field, message: withDetail("Required value", detail) };
}

export function invalid(field: string, value: unknown, detail: string): FieldError {
  return { reason: "FieldValueInvalid", field, message: `Invalid value: ${quote(value)}: ${detail}` };
}

export function forbidden(field: string, detail: string): FieldError {
  return { reason: "FieldValueForbidden", field, message: `Forbidden: ${detail}` };
}

export function duplicate(field: string, value: unknown): FieldError {
  return { reason: "FieldValueDuplicate", field, message: `Duplicate value: ${quote(value)}` };
}

export function notFound(field: string, value: unknown): FieldError {
  return { reason: "FieldValueNotFound", field, message: `Not found: ${quote(value)}` };
}

export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const values = supported.map((each) => JSON.stringify(each)).join(", ");
  return {
    reason: "FieldValueNotSupported",
    field,
    message: `Unsupported value: ${quote(value)}: supported values: ${values}`,
  };
}

export function tooLong(field: string, bytes: number): FieldError {
  return { reason: "FieldValueTooLong", field, message: `Too long: may not be more than ${bytes} bytes` };
}

function withDetail(text: string, detail: string): string {
  return detail === "" ? text : `${text}: ${detail}`;
}

function quote(value: unknown): string {
  return JSON.stringify(value ?? null);
}

/** An error unless the value is a number that is not negative. Absent values pass. */
export function notNegative(field: string, value: unknown): FieldError[] {
  return typeof value === "number" && value < 0 ? [invalid(field, value, "must be greater than or equal to 0")] : [];
}

export function immutable(field: string, value: unknown, old: unknown): FieldError[] {
  return JSON.stringify(value ?? null) === JSON.stringify(old ?? null)
    ? []
    : [invalid(field, value, "field is immutable")];
}
