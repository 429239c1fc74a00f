import { createHash } from "node:crypto";
import { groupVersions } from "./discovery.ts";
import { swaggerProtobuf } from "./openapiProtobuf.ts";
import type { Registry } from "./registry.ts";
import { apiVersionOf, type Resource, type TypeSchema } from "./types.ts";

type Json = Record<string, unknown>;

/**
 * OpenAPI documents that say what clients look for: that PATCH knows `fieldValidation` and `dryRun` (kubectl refuses
 * to apply otherwise) and what the fields of a kind are (`kubectl explain`). They are made on demand and kept until
 * the served resources change.
 */
export class OpenApiDocuments {
  readonly #registry: Registry;
  #texts = new Map<string, string>();

  constructor(registry: Registry) {
    this.#registry = registry;
    registry.onChange(() => {
      this.#texts = new Map();
    });
  }

  /** `/openapi/v3`. */
  index(): Json {
    const paths: Json = {};
    for (const [group, versions] of groupVersions(this.#registry)) {
      for (const version of versions) {
        const path = rootOf(group, version);
        const hash = createHash("sha256")
          .update(this.document(path) ?? "")
          .digest("hex")
          .toUpperCase();
        paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` };
      }
    }
    return { paths };
  }

  /** JSON of `/openapi/v3/apis/GROUP/VERSION`; undefined when it is not served. */
  document(path: string): string | undefined {
    const known = this.#texts.get(path);
    if (known !== undefined) return known;
    const [root, ...parts] = path.split("/");
    const [group, version] = root === "api" ? ["", parts[0]] : [parts[0], parts[1]];
    if (group === undefined || version === undefined) return undefined;
    if (!(groupVersions(this.#registry).get(group) ?? []).includes(version)) return undefined;
    const served = this.#registry.all().filter((each) => each.group === group && each.versions.includes(version));
    const text = JSON.stringify(documentOf(group, version, served));
    this.#texts.set(path, text);
    return text;
  }

  /** `/openapi/v2` in protobuf. */
  swaggerProtobuf(): Buffer {
    const kinds = this.#registry.all().flatMap((resource) =>
      resource.versions.map((version) => {
        const schema = resource.custom ? schemaOf(resource, version) : undefined;
        return { resource, version, name: nameOf(resource, version), schema };
      }),
    );
    return swaggerProtobuf(kinds);
  }

  /** `/openapi/v2` as JSON: definitions of all kinds, no paths. */
  swagger(): Json {
    const definitions: Json = {};
    for (const resource of this.#registry.all()) {
      for (const version of resource.versions) {
        definitions[nameOf(resource, version)] = schemaOf(resource, version);
      }
    }
    return { swagger: "2.0", info: { title: "Kubernetes", version: "v1.36.2" }, paths: {}, definitions };
  }
}

function rootOf(group: string, version: string): string {
  return group === "" ? `api/${version}` : `apis/${group}/${version}`;
}

function documentOf(group: string, version: string, resources: readonly Resource[]): Json {
  const paths: Json = {};
  const schemas: Json = {};
  for (const resource of resources) {
    const root = `/${rootOf(group, version)}`;
    const scoped = resource.namespaced ? `${root}/namespaces/{namespace}` : root;
    const kind = { group, version, kind: resource.kind };
    const listing = { get: operation(kind, "list") };
    paths[`${root}/${resource.plural}`] = listing;
    paths[`${scoped}/${resource.plural}`] = { ...listing, post: operation(kind, "post") };
    paths[`${scoped}/${resource.plural}/{name}`] = {
      get: operation(kind, "get"),
      put: operation(kind, "put"),
      patch: operation(kind, "patch"),
      delete: operation(kind, "delete"),
    };
    schemas[nameOf(resource, version)] = schemaOf(resource, version);
  }
  return { openapi: "3.0.0", info: { title: "Kubernetes", version: "v1.36.2" }, paths, components: { schemas } };
}

const writeParameters = ["dryRun", "fieldManager", "fieldValidation"].map((name) => ({
  name,
  in: "query",
  schema: { type: "string", uniqueItems: true },
}));

function operation(kind: Json, action: string): Json {
  const writes = ["post", "put", "patch"].includes(action);
  return {
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": kind,
    ...(writes ? { parameters: writeParameters } : {}),
    responses: { "200": { description: "OK" } },
  };
}

/** `com.example.v1.Kind`: the reversed group, as generated clients name definitions. */
function nameOf(resource: Resource, version: string): string {
  const group = resource.custom
    ? resource.group
    : resource.group === ""
      ? "core"
      : (resource.group.split(".")[0] ?? "");
  const prefix = resource.custom ? group.split(".").reverse().join(".") : `io.k8s.api.${group}`;
  return `${prefix}.${version}.${resource.kind}`;
}

function schemaOf(resource: Resource, version: string): Json {
  const stated = resource.openapi?.(version);
  const derived = stated ?? derivedSchema(resource.strategy.schema(version));
  const properties = (derived["properties"] ?? {}) as Json;
  const text = "Standard object's metadata.";
  return {
    ...derived,
    type: "object",
    properties: {
      apiVersion: { type: "string", description: `Version of the schema: ${apiVersionOf(resource.group, version)}.` },
      kind: { type: "string", description: `Kind of the object: ${resource.kind}.` },
      ...properties,
      metadata: { type: "object", description: text },
    },
    "x-kubernetes-group-version-kind": [{ group: resource.group, version, kind: resource.kind }],
  };
}

/** What is known about a built-in kind without its prose. */
function derivedSchema(schema: TypeSchema | undefined): Json {
  if (schema === undefined) return { type: "object" };
  const { type, fields, values, items } = schema;
  if (type === "any") return {};
  if (type === "array") return { type, items: derivedSchema(items) };
  if (type !== "object") return { type };
  if (fields === undefined) return { type, additionalProperties: derivedSchema(values) };
  const properties = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, derivedSchema(field)]));
  return { type, properties };
}
