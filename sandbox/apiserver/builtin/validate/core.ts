/** Rules of the small core kinds. */
import type { FieldError, KubeObject } from "../../types.ts";
import type { Json } from "../defaults/fill.ts";
import { forbidden, immutable, invalid, required, tooLong } from "./errors.ts";
import { isConfigKey } from "./names.ts";

const largestData = 1024 * 1024;

function keyErrors(field: string, data: Json): FieldError[] {
  return Object.keys(data ?? {}).flatMap((key) =>
    isConfigKey(key).map((problem) => invalid(`${field}[${key}]`, key, problem)),
  );
}

function lockErrors(object: KubeObject, old: KubeObject | undefined, fields: readonly string[]): FieldError[] {
  if (old?.["immutable"] !== true) return [];
  const why = "field is immutable when `immutable` is set";
  const unlocking = object["immutable"] === true ? [] : [forbidden("immutable", why)];
  const changed = fields.filter((field) => sorted(object[field]) !== sorted(old[field]));
  return [...unlocking, ...changed.map((field) => forbidden(field, why))];
}

function sorted(data: Json): string {
  return JSON.stringify(Object.entries(data ?? {}).sort());
}

export function configMapErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const { data = {}, binaryData = {} } = object;
  const errors = keyErrors("data", data);
  for (const key of Object.keys(data)) {
    if (Object.hasOwn(binaryData, key)) {
      errors.push(invalid(`data[${key}]`, key, "duplicate of key present in binaryData"));
    }
  }
  errors.push(...keyErrors("binaryData", binaryData));
  const size = [...Object.values<string>(data), ...Object.values<string>(binaryData)].reduce(
    (sum, value) => sum + Buffer.byteLength(value),
    0,
  );
  if (size > largestData) errors.push(tooLong("[]", largestData));
  return [...errors, ...lockErrors(object, old, ["data", "binaryData"])];
}

const keysOfType: Readonly<Record<string, readonly string[]>> = {
  "kubernetes.io/tls": ["tls.crt", "tls.key"],
  "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
  "kubernetes.io/dockercfg": [".dockercfg"],
  "kubernetes.io/ssh-auth": ["ssh-privatekey"],
};

export function secretErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const { data = {}, type = "" } = object;
  const errors = keyErrors("data", data);
  const size = Object.values<string>(data).reduce((sum, value) => sum + Buffer.byteLength(value, "base64"), 0);
  if (size > largestData) errors.push(tooLong("data", largestData));
  for (const key of keysOfType[type] ?? []) if (data[key] === undefined) errors.push(required(`data[${key}]`));
  if (old !== undefined) errors.push(...immutable("type", type, old["type"]));
  return [...errors, ...lockErrors(object, old, ["data"])];
}

/** A certificate that is none is kept all the same. */
export function secretWarnings({ type, data }: KubeObject): string[] {
  if (type !== "kubernetes.io/tls") return [];
  const certificate = Buffer.from(String(data?.["tls.crt"] ?? ""), "base64").toString();
  return certificate.includes("-----BEGIN") ? [] : ["tls: failed to find any PEM data in certificate input"];
}

export function leaseErrors(object: KubeObject): FieldError[] {
  const { leaseDurationSeconds, leaseTransitions } = object["spec"] ?? {};
  const errors: FieldError[] = [];
  if (typeof leaseDurationSeconds === "number" && leaseDurationSeconds <= 0) {
    errors.push(invalid("spec.leaseDurationSeconds", leaseDurationSeconds, "must be greater than 0"));
  }
  if (typeof leaseTransitions === "number" && leaseTransitions < 0) {
    errors.push(invalid("spec.leaseTransitions", leaseTransitions, "must be greater than or equal to 0"));
  }
  return errors;
}

export function coreEventErrors(object: KubeObject): FieldError[] {
  const { namespace = "" } = object["involvedObject"] ?? {};
  const home = object.metadata.namespace ?? "";
  const isClusterScoped = namespace === "" && (home === "default" || home === "");
  if (namespace === home || (isClusterScoped && object["involvedObject"]?.kind !== undefined)) return [];
  return [invalid("involvedObject.namespace", namespace, "does not match event.namespace")];
}

export function eventErrors(object: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  if (object["eventTime"] === undefined || object["eventTime"] === null) errors.push(required("eventTime"));
  const { type = "" } = object;
  if (type !== "Normal" && type !== "Warning") errors.push(invalid("type", type, `has invalid value: ${type}`));
  return errors;
}

export function bindingErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const { name = "", kind = "" } = object["roleRef"] ?? {};
  const errors: FieldError[] = [];
  if (kind === "") errors.push(required("roleRef.kind"));
  if (name === "") errors.push(required("roleRef.name"));
  const changed = old !== undefined && JSON.stringify(object["roleRef"]) !== JSON.stringify(old["roleRef"]);
  if (changed) errors.push(invalid("roleRef", object["roleRef"], "cannot change roleRef"));
  return errors;
}
