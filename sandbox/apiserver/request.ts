import type { Registry } from "./registry.ts";
import { methodNotAllowed, unknownResource } from "./status.ts";
import type { Resource } from "./types.ts";

export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection";

/** What a request under /api or /apis asks for. */
export interface ResourceRequest {
  readonly verb: Verb;
  readonly resource: Resource;
  readonly version: string;
  /** Empty: cluster-scoped, or all namespaces. */
  readonly namespace: string;
  /** Empty: the collection. */
  readonly name: string;
  readonly subresource: string | undefined;
}

/** A path within the resource tree, not looked up yet. */
export interface ResourcePath {
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly plural: string;
  readonly name: string;
  readonly subresource: string | undefined;
}

const subresourcesOfNamespaces = new Set(["status", "finalize"]);

/** Splits `/apis/apps/v1/namespaces/demo/deployments/podinfo/scale`; undefined when the path is no resource path. */
export function parseResourcePath(pathname: string): ResourcePath | undefined {
  const parts = pathname.split("/").filter((part) => part !== "");
  const root = parts.shift();
  if (root !== "api" && root !== "apis") return undefined;
  const group = root === "api" ? "" : parts.shift();
  const version = parts.shift();
  if (group === undefined || version === undefined || parts.length === 0) return undefined;
  let decoded: string[];
  try {
    decoded = parts.map(decodeURIComponent);
  } catch {
    return undefined;
  }
  let namespace = "";
  const [first, second, third] = decoded;
  if (first === "watch") return undefined;
  const namespacedPath = third !== undefined && !subresourcesOfNamespaces.has(third);
  if (first === "namespaces" && second !== undefined && namespacedPath) {
    namespace = second;
    decoded = decoded.slice(2);
  }
  const [plural = "", name = "", ...rest] = decoded;
  return { group, version, namespace, plural, name, subresource: rest.length === 0 ? undefined : rest.join("/") };
}

/** Looks a path up. Undefined: such a group version is not served, which is answered in plain text. */
export function resolveRequest(
  registry: Registry,
  path: ResourcePath,
  method: string,
  watch: boolean,
): ResourceRequest | undefined {
  const resource = registry.find(path.group, path.version, path.plural);
  if (resource === undefined) {
    if (registry.all().some((each) => !each.custom && each.group === path.group)) throw unknownResource();
    return undefined;
  }
  if (resource.namespaced !== (path.namespace !== "") && !isClusterWideList(resource, path)) {
    if (resource.custom) return undefined;
    throw unknownResource();
  }
  checkSubresource(resource, path);
  const verb = verbOf(method, resource, path, watch);
  return {
    verb,
    resource,
    version: path.version,
    namespace: path.namespace,
    name: path.name,
    subresource: path.subresource,
  };
}

function isClusterWideList(resource: Resource, path: ResourcePath): boolean {
  return resource.namespaced && path.namespace === "" && path.name === "";
}

const extraSubresources: Record<string, readonly string[]> = {
  pods: ["log", "eviction", "binding"],
  namespaces: ["finalize"],
  serviceaccounts: ["token"],
};

/** Names of the subresources of a resource, beyond status and scale by kind. */
export function subresourcesOf(resource: Resource): string[] {
  const { status, scale } = resource.subresources;
  const extra = resource.group === "" ? (extraSubresources[resource.plural] ?? []) : [];
  return [...(status === true ? ["status"] : []), ...(scale === undefined ? [] : ["scale"]), ...extra];
}

function checkSubresource(resource: Resource, path: ResourcePath): void {
  const { subresource } = path;
  if (subresource === undefined || subresourcesOf(resource).includes(subresource)) return;
  // The handler of custom resources looks for the object first; the routes of built-in kinds are fixed.
  if (resource.custom && (subresource === "status" || subresource === "scale")) return;
  throw unknownResource();
}

function verbOf(method: string, resource: Resource, path: ResourcePath, watch: boolean): Verb {
  const verb = path.name === "" ? collectionVerb(method, resource, path, watch) : objectVerb(method, resource, path);
  if (verb === undefined) throw methodNotAllowed();
  if (path.subresource === undefined && !resource.verbs.includes(verb)) throw methodNotAllowed();
  return verb;
}

function collectionVerb(method: string, resource: Resource, path: ResourcePath, watch: boolean): Verb | undefined {
  const everywhere = resource.namespaced && path.namespace === "";
  switch (method) {
    case "GET":
      return watch ? "watch" : "list";
    case "POST":
      return everywhere ? undefined : "create";
    case "DELETE":
      return everywhere ? undefined : "deletecollection";
    case "PUT":
      return resource.custom ? "update" : undefined;
    default:
      return undefined;
  }
}

const creatable = new Set(["eviction", "binding", "token"]);

function objectVerb(method: string, resource: Resource, path: ResourcePath): Verb | undefined {
  const { subresource } = path;
  if (subresource !== undefined && creatable.has(subresource)) return method === "POST" ? "create" : undefined;
  if (subresource === "log") return method === "GET" ? "get" : undefined;
  switch (method) {
    case "GET":
      return "get";
    case "PUT":
      return "update";
    case "PATCH":
      return subresource === "finalize" ? undefined : "patch";
    case "DELETE":
      return subresource === undefined ? "delete" : undefined;
    case "POST":
      return resource.custom && subresource === undefined ? "create" : undefined;
    default:
      return undefined;
  }
}

/** How requests are counted: `patch deployments/scale`. */
export function countedAs(request: Pick<ResourceRequest, "verb" | "resource" | "subresource">): string {
  const { verb, resource, subresource } = request;
  return `${verb} ${resource.plural}${subresource === undefined ? "" : `/${subresource}`}`;
}
