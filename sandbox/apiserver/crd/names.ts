/** Rules for the names of custom objects. */
import type { FieldError, KubeObject } from "../types.ts";

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const subdomainText =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/** What is wrong with `metadata.name` of a new object. */
export function nameErrors(object: KubeObject): FieldError[] {
  const field = "metadata.name";
  const name = object.metadata.name ?? "";
  if (name === "") {
    return [{ reason: "FieldValueRequired", field, message: "Required value: name or generateName is required" }];
  }
  if (name.length > 253) {
    const message = `Invalid value: ${JSON.stringify(name)}: must be no more than 253 bytes`;
    return [{ reason: "FieldValueInvalid", field, message }];
  }
  if (subdomain.test(name)) return [];
  return [{ reason: "FieldValueInvalid", field, message: `Invalid value: ${JSON.stringify(name)}: ${subdomainText}` }];
}
