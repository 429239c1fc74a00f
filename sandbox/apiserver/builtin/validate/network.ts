/** Rules of Services, Ingresses and autoscalers. */
import { isIP } from "node:net";
import type { FieldError, KubeObject } from "../../types.ts";
import { each, type Json } from "../defaults/fill.ts";
import { duplicate, forbidden, invalid, notSupported, required } from "./errors.ts";
import { labelErrors } from "./meta.ts";
import { isLabel, isPort, isPortName, isSubdomain, isWildcardSubdomain, portRange } from "./names.ts";

const serviceTypes = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

export function serviceErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = object["spec"] ?? {};
  const ports = each(spec.ports);
  const errors: FieldError[] = [];
  const headless = spec.clusterIP === "None";
  if (ports.length === 0 && !headless && spec.type !== "ExternalName") errors.push(required("spec.ports"));
  if (spec.type === "ExternalName") {
    const { externalName = "" } = spec;
    if (externalName === "") errors.push(required("spec.externalName"));
    else errors.push(...isSubdomain(externalName).map((text) => invalid("spec.externalName", externalName, text)));
  }
  ports.forEach((port, index) => {
    errors.push(...servicePortErrors(`spec.ports[${index}]`, port, ports, index));
  });
  errors.push(...labelErrors("spec.selector", spec.selector));
  if (!["None", "ClientIP"].includes(spec.sessionAffinity)) {
    errors.push(notSupported("spec.sessionAffinity", spec.sessionAffinity ?? "", ["ClientIP", "None"]));
  }
  if (!serviceTypes.includes(spec.type)) errors.push(notSupported("spec.type", spec.type ?? "", serviceTypes));
  errors.push(...clusterIpErrors(spec, old?.["spec"]));
  return errors;
}

function servicePortErrors(field: string, port: Json, ports: Json[], index: number): FieldError[] {
  const errors: FieldError[] = [];
  const { name = "", targetPort } = port;
  if (name === "") {
    if (ports.length > 1) errors.push(required(`${field}.name`));
  } else {
    errors.push(...isLabel(name).map((problem) => invalid(`${field}.name`, name, problem)));
    if (ports.slice(0, index).some((other) => other.name === name)) errors.push(duplicate(`${field}.name`, name));
  }
  if (!isPort(port.port)) errors.push(invalid(`${field}.port`, port.port ?? 0, portRange));
  if (!["TCP", "UDP", "SCTP"].includes(port.protocol)) {
    errors.push(notSupported(`${field}.protocol`, port.protocol, ["SCTP", "TCP", "UDP"]));
  }
  if (typeof targetPort === "string") {
    errors.push(...isPortName(targetPort).map((problem) => invalid(`${field}.targetPort`, targetPort, problem)));
  } else if (!isPort(targetPort)) {
    errors.push(invalid(`${field}.targetPort`, targetPort, portRange));
  }
  const twin = ports.slice(0, index).some((other) => other.port === port.port && other.protocol === port.protocol);
  if (twin) errors.push(duplicate(field, { port: port.port, protocol: port.protocol }));
  return errors;
}

function clusterIpErrors(spec: Json, old: Json): FieldError[] {
  const { clusterIP, clusterIPs } = spec;
  if (old?.clusterIP !== undefined && spec.type !== "ExternalName" && clusterIP !== old.clusterIP) {
    return [invalid("spec.clusterIPs[0]", clusterIPs, "may not change once set")];
  }
  if (clusterIP === undefined || clusterIP === "None") return [];
  if (isIP(clusterIP) === 0) {
    const text = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
    return [invalid("spec.clusterIPs[0]", clusterIP, text)];
  }
  if (clusterIP.startsWith("10.96.")) return [];
  const why = `failed to allocate IP ${clusterIP}: the provided network does not match the current range`;
  return [invalid("spec.clusterIPs", clusterIPs, why)];
}

export function ingressErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const { spec = {}, metadata } = object;
  const errors: FieldError[] = [];
  const rules = each(spec.rules);
  if (rules.length === 0 && spec.defaultBackend === undefined) {
    errors.push(invalid("spec", undefined, "either `defaultBackend` or `rules` must be specified"));
  }
  if (spec.defaultBackend) errors.push(...backendErrors("spec.defaultBackend", spec.defaultBackend));
  rules.forEach((rule, index) => {
    const at = `spec.rules[${index}]`;
    errors.push(...hostErrors(`${at}.host`, rule.host));
    each(rule.http?.paths).forEach((path, number) => {
      errors.push(...pathErrors(`${at}.http.paths[${number}]`, path));
    });
  });
  const annotation = metadata.annotations?.["kubernetes.io/ingress.class"];
  const isNew = old === undefined && annotation !== undefined && spec.ingressClassName !== undefined;
  if (isNew && annotation !== spec.ingressClassName) {
    const why = "must match `ingressClassName` when both are specified";
    errors.push(invalid("annotations.kubernetes.io/ingress.class", annotation, why));
  }
  return errors;
}

function hostErrors(field: string, host: unknown): FieldError[] {
  if (typeof host !== "string" || host === "") return [];
  if (isIP(host) !== 0) return [invalid(field, host, "must be a DNS name, not an IP address")];
  const rule = host.includes("*") ? isWildcardSubdomain : isSubdomain;
  return rule(host).map((problem) => invalid(field, host, problem));
}

const pathTypes = ["Exact", "ImplementationSpecific", "Prefix"];

function pathErrors(field: string, { path = "", pathType, backend }: Json): FieldError[] {
  const errors: FieldError[] = [];
  if (pathType === undefined) errors.push(required(`${field}.pathType`, "pathType must be specified"));
  else if (!pathTypes.includes(pathType)) errors.push(notSupported(`${field}.pathType`, pathType, pathTypes));
  else if (pathType !== "ImplementationSpecific" && !path.startsWith("/")) {
    errors.push(invalid(`${field}.path`, path, "must be an absolute path"));
  }
  return [...errors, ...backendErrors(`${field}.backend`, backend ?? {})];
}

function backendErrors(field: string, { service, resource }: Json): FieldError[] {
  if (service === undefined) return resource === undefined ? [required(field, "service or resource must be set")] : [];
  const { name = "", port = {} } = service;
  const errors: FieldError[] = [];
  if (name === "") errors.push(required(`${field}.service.name`));
  else errors.push(...isLabel(name).map((problem) => invalid(`${field}.service.name`, name, problem)));
  const { name: portName = "", number = 0 } = port;
  if (portName !== "" && number !== 0) errors.push(invalid(field, "", "cannot set both port name & port number"));
  else if (portName === "" && number === 0) errors.push(required(field, "port name or number is required"));
  else if (number !== 0 && !isPort(number)) errors.push(invalid(`${field}.service.port.number`, number, portRange));
  return errors;
}

const metricSources: Readonly<Record<string, string>> = {
  ContainerResource: "containerResource",
  External: "external",
  Object: "object",
  Pods: "pods",
  Resource: "resource",
};

export function autoscalerErrors(object: KubeObject): FieldError[] {
  const spec = object["spec"] ?? {};
  const { minReplicas = 1, maxReplicas = 0, scaleTargetRef = {} } = spec;
  const errors: FieldError[] = [];
  if (minReplicas < 1) errors.push(invalid("spec.minReplicas", minReplicas, "must be greater than or equal to 1"));
  if (maxReplicas < 1) errors.push(required("spec.maxReplicas", "must be set and greater than 0"));
  if (maxReplicas < minReplicas) {
    errors.push(invalid("spec.maxReplicas", maxReplicas, "must be greater than or equal to `minReplicas`"));
  }
  const target = "spec.scaleTargetRef";
  if ((scaleTargetRef.kind ?? "") === "") errors.push(required(`${target}.kind`));
  if ((scaleTargetRef.name ?? "") === "") errors.push(required(`${target}.name`));
  const { apiVersion = "" } = scaleTargetRef;
  if (apiVersion === "") errors.push(invalid(`${target}.apiVersion`, "", "apiVersion must specify API group"));
  const metrics = each(spec.metrics);
  errors.push(...metrics.flatMap((metric, index) => metricErrors(`spec.metrics[${index}]`, metric)));
  const isFed = metrics.some(({ type }) => type === "Object" || type === "External");
  if (minReplicas === 0 && !isFed) {
    const why = "must specify at least one Object or External metric to support scaling to zero replicas";
    errors.push(forbidden("spec.metrics", why));
  }
  return errors;
}

function metricErrors(field: string, metric: Json): FieldError[] {
  const { type = "" } = metric;
  if (type === "") return [required(`${field}.type`, "must specify a metric source type")];
  const source = metricSources[type];
  if (source === undefined) return [notSupported(`${field}.type`, type, Object.keys(metricSources))];
  if (metric[source] !== undefined) return [];
  return [required(`${field}.${source}`, "must populate information for the given metric source")];
}
