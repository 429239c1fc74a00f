import {
  type Canary,
  type Fields,
  fieldsOf,
  itemsOf,
  type ObjectRef,
  type RawObject,
  type Resource,
} from "../../api/index.ts";
import { besideCanary, type Objects } from "./router.ts";

const ingressResource: Resource = { group: "networking.k8s.io", version: "v1", plural: "ingresses", kind: "Ingress" };

/** The user's Ingress, which is never written. */
export function ingressRefOf(canary: Canary): ObjectRef {
  return besideCanary(canary, ingressResource, canary.spec.ingressRef?.name ?? "");
}

/** Our copy of it, which leads to the canary. */
export function canaryIngressRefOf(canary: Canary): ObjectRef {
  return besideCanary(canary, ingressResource, `${canary.spec.ingressRef?.name ?? ""}-canary`);
}

/** Why there is nothing to copy. */
export function ingressProblems(canary: Canary, service: string, objects: Objects): readonly string[] {
  const name = canary.spec.ingressRef?.name;
  if (name === undefined) {
    return ["ingressRef must name the Ingress"];
  }
  const source = objects(ingressRefOf(canary));
  const fullName = `Ingress ${name}.${canary.metadata.namespace ?? ""}`;
  if (source === undefined) {
    return [`${fullName} not found`];
  }
  const found = itemsOf(fieldsOf(source["spec"])["rules"]).some((rule) =>
    itemsOf(fieldsOf(rule["http"])["paths"]).some((path) => serviceOf(path) === service),
  );
  return found ? [] : [`${fullName} has no path with backend ${service}`];
}

/** The spec with the paths of every rule replaced; rules without paths, and all that we do not know, stay. */
export function withPaths(source: RawObject, paths: (of: readonly Fields[]) => readonly Fields[]): Fields {
  const spec = fieldsOf(source["spec"]);
  const rules = itemsOf(spec["rules"]).map((rule) => {
    const http = fieldsOf(rule["http"]);
    return rule["http"] === undefined ? rule : { ...rule, http: { ...http, paths: paths(itemsOf(http["paths"])) } };
  });
  return { ...spec, rules };
}

/** The Service that a path leads to. */
export function serviceOf(path: Fields): unknown {
  return fieldsOf(fieldsOf(path["backend"])["service"])["name"];
}

/** The same path to another Service. */
export function pathTo(name: string, path: Fields): Fields {
  const backend = fieldsOf(path["backend"]);
  return { ...path, backend: { ...backend, service: { ...fieldsOf(backend["service"]), name } } };
}
