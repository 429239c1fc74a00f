/** The OpenAPI schema of a kind: what `kubectl explain` shows and what clients compute strategic merge patches from. */
import { objectMeta } from "./builtin/schemas/meta.ts";
import { apiVersionOf, type Resource, type TypeSchema } from "./types.ts";

type Json = Record<string, unknown>;

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";

/** Types that stand for themselves in every document, by their name in Go. */
const scalars: Record<string, { readonly name: string; readonly v2: Json; readonly v3: Json }> = {
  Quantity: {
    name: "io.k8s.apimachinery.pkg.api.resource.Quantity",
    v2: { type: "string" },
    v3: { oneOf: [{ type: "string" }, { type: "number" }] },
  },
  IntOrString: {
    name: "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
    v2: { type: "string", format: "int-or-string" },
    v3: { format: "int-or-string", oneOf: [{ type: "integer" }, { type: "string" }] },
  },
};

const formats: Record<string, string> = {
  int32: "int32",
  int64: "int64",
  Time: "date-time",
  MicroTime: "date-time",
  "[]byte": "byte",
};

/** Collects the schemas of one document; types of Go become definitions that others refer to. */
export class SchemaCollection {
  /** Schemas by name: kinds and the types of their fields. */
  readonly definitions: Record<string, Json> = {};
  readonly #form: "v2" | "v3";
  /** What the definitions were made of: two types may have the same name. */
  readonly #sources = new Map<string, TypeSchema["fields"]>();

  constructor(form: "v2" | "v3") {
    this.#form = form;
  }

  /** Adds the kind of a resource in one of its versions. */
  addKind(resource: Resource, version: string): void {
    const { strategy, group, kind } = resource;
    const prefix = definitionName(resource, version).replace(/\.[^.]*$/, "");
    const stated = resource.openapi?.(version) ?? this.#inline(strategy.schema(version), prefix);
    this.definitions[definitionName(resource, version)] = {
      ...stated,
      type: "object",
      properties: {
        ...((stated["properties"] ?? {}) as Json),
        apiVersion: { type: "string", description: `Version of the schema: ${apiVersionOf(group, version)}.` },
        kind: { type: "string", description: `Kind of the object: ${kind}.` },
        metadata: this.#schemaOf(objectMeta, prefix),
      },
      "x-kubernetes-group-version-kind": [{ group, version, kind }],
    };
  }

  #schemaOf(schema: TypeSchema | undefined, prefix: string): Json {
    if (schema === undefined) return { type: "object" };
    const scalar = scalars[schema.goType ?? ""];
    if (scalar !== undefined) {
      this.definitions[scalar.name] = scalar[this.#form];
      return this.#referTo(scalar.name);
    }
    const { goType, fields, type } = schema;
    if (type !== "object" || goType === undefined || fields === undefined) return this.#inline(schema, prefix);
    const name = `${goType === "ObjectMeta" ? meta : prefix}.${goType}`;
    const source = this.#sources.get(name);
    if (source === undefined) {
      // Known before it is complete: types may contain themselves.
      this.#sources.set(name, fields);
      this.definitions[name] = this.#inline(schema, prefix);
    } else if (source !== fields) return this.#inline(schema, prefix);
    return this.#referTo(name);
  }

  #referTo(name: string): Json {
    if (this.#form === "v2") return { $ref: `#/definitions/${name}` };
    // What stands beside a reference is ignored, so that defaults and extensions need a wrapper.
    return { allOf: [{ $ref: `#/components/schemas/${name}` }] };
  }

  #inline(schema: TypeSchema | undefined, prefix: string): Json {
    if (schema === undefined) return { type: "object" };
    const { type, fields, values, goType = "" } = schema;
    switch (type) {
      case "any":
        return { description: "Any value.", "x-kubernetes-preserve-unknown-fields": true };
      case "array":
        return { type, items: this.#schemaOf(schema.items, prefix), ...listExtensions(schema) };
      case "object":
        return {
          type,
          ...(fields === undefined ? {} : { properties: this.#properties(fields, prefix) }),
          ...(values === undefined ? {} : { additionalProperties: this.#schemaOf(values, prefix) }),
          ...(schema.atomic === true ? { "x-kubernetes-map-type": "atomic" } : {}),
        };
      default:
        return { type, ...(formats[goType] === undefined ? {} : { format: formats[goType] }) };
    }
  }

  #properties(fields: Readonly<Record<string, TypeSchema>>, prefix: string): Json {
    return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, this.#schemaOf(field, prefix)]));
  }
}

/** `com.example.v1.Kind`: the reversed group, as generated clients name definitions. */
export function definitionName({ custom, group, kind }: Resource, version: string): string {
  if (custom) return `${group.split(".").reverse().join(".")}.${version}.${kind}`;
  return `io.k8s.api.${group === "" ? "core" : (group.split(".")[0] ?? "")}.${version}.${kind}`;
}

/** How server-side apply and strategic merge patches treat a list. */
function listExtensions({ list, listMapKeys, patchMergeKey, patchStrategy }: TypeSchema): Json {
  return {
    ...(list === undefined ? {} : { "x-kubernetes-list-type": list }),
    ...(listMapKeys === undefined ? {} : { "x-kubernetes-list-map-keys": listMapKeys }),
    ...(patchMergeKey === undefined ? {} : { "x-kubernetes-patch-merge-key": patchMergeKey }),
    ...(patchStrategy === undefined ? {} : { "x-kubernetes-patch-strategy": patchStrategy.join(",") }),
  };
}
