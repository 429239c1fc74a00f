import { createHash } from "node:crypto";
import { groupVersions } from "./discovery.ts";
import { swaggerProtobuf } from "./openapiProtobuf.ts";
import { SchemaCollection } from "./openapiSchema.ts";
import type { Registry } from "./registry.ts";
import type { Resource } from "./types.ts";

type Json = Record<string, unknown>;

/**
 * OpenAPI documents that say what clients look for: that PATCH knows `fieldValidation` and `dryRun` (kubectl refuses
 * to apply otherwise) and what the fields of a kind are (`kubectl explain`). They are made on demand and kept until
 * the served resources change.
 */
export class OpenApiDocuments {
  readonly #registry: Registry;
  #texts = new Map<string, string>();
  #protobuf: Buffer | undefined;

  constructor(registry: Registry) {
    this.#registry = registry;
    registry.onChange(() => {
      this.#texts = new Map();
      this.#protobuf = undefined;
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
    this.#protobuf ??= swaggerProtobuf(this.#registry.all(), this.#definitions());
    return this.#protobuf;
  }

  /** `/openapi/v2` as JSON: definitions of all kinds, no paths. */
  swagger(): Json {
    const info = { title: "Kubernetes", version: "v1.36.2" };
    return { swagger: "2.0", info, paths: {}, definitions: this.#definitions() };
  }

  #definitions(): Record<string, Json> {
    const schemas = new SchemaCollection("v2");
    for (const resource of this.#registry.all()) {
      for (const version of resource.versions) schemas.addKind(resource, version);
    }
    return schemas.definitions;
  }
}

function rootOf(group: string, version: string): string {
  return group === "" ? `api/${version}` : `apis/${group}/${version}`;
}

function documentOf(group: string, version: string, resources: readonly Resource[]): Json {
  const paths: Json = {};
  const schemas = new SchemaCollection("v3");
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
      patch: { ...operation(kind, "patch"), requestBody: patchBody(resource) },
      delete: operation(kind, "delete"),
    };
    schemas.addKind(resource, version);
  }
  const info = { title: "Kubernetes", version: "v1.36.2" };
  return { openapi: "3.0.0", info, paths, components: { schemas: schemas.definitions } };
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

/** Clients look here for whether a kind knows strategic merge patches; kinds of CRDs do not. */
function patchBody({ custom }: Resource): Json {
  const types = ["apply-patch+yaml", "json-patch+json", "merge-patch+json"];
  if (!custom) types.push("strategic-merge-patch+json");
  return { content: Object.fromEntries(types.map((type) => [`application/${type}`, { schema: { type: "object" } }])) };
}
