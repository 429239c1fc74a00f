/** Rules of pod specs: the mistakes people make. */
import type { FieldError, KubeObject } from "../../types.ts";
import { each, type Json } from "../defaults/fill.ts";
import { duplicate, invalid, notFound, notNegative, notSupported, required } from "./errors.ts";
import { isLabel, isPort, isPortName, portRange } from "./names.ts";

export function podSpecErrors(field: string, spec: Json): FieldError[] {
  const errors = volumeErrors(`${field}.volumes`, spec?.volumes);
  const volumes = new Set(each(spec?.volumes).map(({ name }) => name));
  const containers = each(spec?.containers);
  if (containers.length === 0) errors.push(required(`${field}.containers`));
  const names = new Set<string>();
  for (const list of ["containers", "initContainers"]) {
    each(spec?.[list]).forEach((container, index) => {
      errors.push(...containerErrors(`${field}.${list}[${index}]`, container, names, volumes));
    });
  }
  if (!["Always", "OnFailure", "Never", undefined].includes(spec?.restartPolicy)) {
    errors.push(notSupported(`${field}.restartPolicy`, spec.restartPolicy, ["Always", "Never", "OnFailure"]));
  }
  errors.push(...notNegative(`${field}.terminationGracePeriodSeconds`, spec?.terminationGracePeriodSeconds));
  return errors;
}

function volumeErrors(field: string, volumes: unknown): FieldError[] {
  const seen = new Set<string>();
  return each(volumes).flatMap(({ name = "" }, index) => {
    const at = `${field}[${index}].name`;
    if (name === "") return [required(at)];
    if (seen.has(name)) return [duplicate(at, name)];
    seen.add(name);
    return isLabel(name).map((problem) => invalid(at, name, problem));
  });
}

function containerErrors(field: string, container: Json, names: Set<string>, volumes: Set<string>): FieldError[] {
  const errors: FieldError[] = [];
  const { name = "", image = "" } = container;
  if (name === "") errors.push(required(`${field}.name`));
  else if (names.has(name)) errors.push(duplicate(`${field}.name`, name));
  else errors.push(...isLabel(name).map((problem) => invalid(`${field}.name`, name, problem)));
  names.add(name);
  if (image === "") errors.push(required(`${field}.image`));
  else if (image !== image.trim()) {
    errors.push(invalid(`${field}.image`, image, "must not have leading or trailing whitespace"));
  }
  errors.push(...portErrors(`${field}.ports`, container.ports));
  errors.push(...environmentErrors(`${field}.env`, container.env));
  errors.push(...mountErrors(`${field}.volumeMounts`, container.volumeMounts, volumes));
  for (const probe of ["livenessProbe", "readinessProbe", "startupProbe"]) {
    errors.push(...probeErrors(`${field}.${probe}`, container[probe]));
  }
  if (!["Always", "IfNotPresent", "Never", undefined].includes(container.imagePullPolicy)) {
    const supported = ["Always", "IfNotPresent", "Never"];
    errors.push(notSupported(`${field}.imagePullPolicy`, container.imagePullPolicy, supported));
  }
  return errors;
}

function portErrors(field: string, ports: unknown): FieldError[] {
  const seen = new Set<string>();
  return each(ports).flatMap((port, index) => {
    const at = `${field}[${index}]`;
    const errors: FieldError[] = [];
    if (port.name !== undefined) {
      errors.push(...isPortName(port.name).map((problem) => invalid(`${at}.name`, port.name, problem)));
      if (seen.has(port.name)) errors.push(duplicate(`${at}.name`, port.name));
      seen.add(port.name);
    }
    if (port.containerPort === undefined || port.containerPort === 0) errors.push(required(`${at}.containerPort`));
    else if (!isPort(port.containerPort)) errors.push(invalid(`${at}.containerPort`, port.containerPort, portRange));
    if (port.hostPort !== undefined && !isPort(port.hostPort)) {
      errors.push(invalid(`${at}.hostPort`, port.hostPort, portRange));
    }
    if (!["TCP", "UDP", "SCTP"].includes(port.protocol)) {
      errors.push(notSupported(`${at}.protocol`, port.protocol ?? "", ["SCTP", "TCP", "UDP"]));
    }
    return errors;
  });
}

function environmentErrors(field: string, variables: unknown): FieldError[] {
  return each(variables).flatMap(({ name = "", value, valueFrom }, index) => {
    const at = `${field}[${index}]`;
    if (name === "") return [required(`${at}.name`)];
    if (value !== undefined && valueFrom !== undefined) {
      return [invalid(`${at}.valueFrom`, "", "may not be specified when `value` is not empty")];
    }
    return [];
  });
}

function mountErrors(field: string, mounts: unknown, volumes: Set<string>): FieldError[] {
  const seen = new Set<string>();
  return each(mounts).flatMap(({ name = "", mountPath = "" }, index) => {
    const at = `${field}[${index}]`;
    const errors: FieldError[] = [];
    if (name === "") errors.push(required(`${at}.name`));
    else if (!volumes.has(name)) errors.push(notFound(`${at}.name`, name));
    if (mountPath === "") errors.push(required(`${at}.mountPath`));
    else if (seen.has(mountPath)) errors.push(invalid(`${at}.mountPath`, mountPath, "must be unique"));
    seen.add(mountPath);
    return errors;
  });
}

function probeErrors(field: string, probe: Json): FieldError[] {
  if (probe === undefined) return [];
  const handlers = ["exec", "httpGet", "tcpSocket", "grpc"].filter((handler) => probe[handler] !== undefined);
  const errors = handlers.length === 0 ? [required(field, "must specify a handler type")] : [];
  for (const handler of handlers.slice(1)) {
    errors.push({
      reason: "FieldValueForbidden",
      field: `${field}.${handler}`,
      message: "Forbidden: may not specify more than 1 handler type",
    });
  }
  for (const each of [
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
  ]) {
    errors.push(...notNegative(`${field}.${each}`, probe[each]));
  }
  return errors;
}

/** Of a pod only images, tolerations, the deadline and gates may change. */
export function podErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const errors = podSpecErrors("spec", object["spec"]);
  if (old === undefined || fixedPart(object["spec"]) === fixedPart(old["spec"])) return errors;
  const text =
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`," +
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations)," +
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
  return [...errors, { reason: "FieldValueForbidden", field: "spec", message: `Forbidden: ${text}` }];
}

function fixedPart(spec: Json): string {
  const withoutImages = (list: unknown): Json[] => each(list).map((container) => ({ ...container, image: "" }));
  return JSON.stringify({
    ...spec,
    containers: withoutImages(spec?.containers),
    initContainers: withoutImages(spec?.initContainers),
    ephemeralContainers: undefined,
    activeDeadlineSeconds: undefined,
    tolerations: undefined,
    schedulingGates: undefined,
    terminationGracePeriodSeconds: undefined,
    // The scheduler of the sandbox places pods by writing this field.
    nodeName: undefined,
  });
}
