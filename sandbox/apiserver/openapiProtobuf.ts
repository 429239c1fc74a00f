/**
 * `/openapi/v2` in protobuf (`openapi.v2.Document` of gnostic), the only form that kubectl before 1.27 reads. It says
 * that every kind knows dry runs (`kubectl diff`) and describes all kinds (`kubectl explain`, validation of manifests).
 */
import { dump } from "js-yaml";
import type { Resource } from "./types.ts";

type Json = Record<string, unknown>;

/** Wire numbers, by message of the gnostic schema. */
const numbers = {
  document: { swagger: 1, info: 2, paths: 8, definitions: 9 },
  info: { title: 1, version: 2 },
  pathItem: { patch: 8 },
  operation: { parameters: 8, responses: 9, extension: 13 },
  schema: {
    ref: 1,
    format: 2,
    description: 4,
    required: 19,
    additional: 21,
    type: 22,
    items: 23,
    properties: 25,
    extension: 31,
  },
} as const;

interface ServedKind {
  readonly resource: Resource;
  readonly version: string;
}

/** The document about these resources, with `definitions` in the form of OpenAPI 2. */
export function swaggerProtobuf(resources: readonly Resource[], definitions: Readonly<Record<string, Json>>): Buffer {
  const { document, info } = numbers;
  const kinds = resources.flatMap((resource) => resource.versions.map((version) => ({ resource, version })));
  const paths = kinds.map((kind) => bytes(2, Buffer.concat([text(1, pathOf(kind)), bytes(2, pathItem(kind))])));
  const described = Object.entries(definitions).map(([name, schema]) => bytes(1, named(name, schemaBytes(schema))));
  return Buffer.concat([
    text(document.swagger, "2.0"),
    bytes(document.info, Buffer.concat([text(info.title, "Kubernetes"), text(info.version, "v1.36.2")])),
    bytes(document.paths, Buffer.concat(paths)),
    bytes(document.definitions, Buffer.concat(described)),
  ]);
}

function pathOf({ resource, version }: ServedKind): string {
  const root = resource.group === "" ? `/api/${version}` : `/apis/${resource.group}/${version}`;
  return `${root}${resource.namespaced ? "/namespaces/{namespace}" : ""}/${resource.plural}/{name}`;
}

function pathItem(kind: ServedKind): Buffer {
  const { operation, pathItem: item } = numbers;
  // ParametersItem, Parameter, NonBodyParameter and QueryParameterSubSchema are wrapped into each other.
  const dryRun = bytes(1, bytes(2, bytes(3, Buffer.concat([text(2, "query"), text(4, "dryRun"), text(6, "string")]))));
  const patch = Buffer.concat([
    bytes(operation.parameters, dryRun),
    bytes(operation.responses, Buffer.alloc(0)),
    bytes(operation.extension, extension("x-kubernetes-group-version-kind", kindOf(kind))),
  ]);
  return bytes(item.patch, patch);
}

function kindOf({ resource, version }: ServedKind): Json {
  return { group: resource.group, version, kind: resource.kind };
}

/** A JSON schema; keywords that explain does not show are left out. */
function schemaBytes(schema: Json): Buffer {
  const fields = numbers.schema;
  const { type, format, description, required, properties, items, additionalProperties } = schema;
  const parts: Buffer[] = [];
  if (typeof schema["$ref"] === "string") parts.push(text(fields.ref, schema["$ref"]));
  if (typeof format === "string") parts.push(text(fields.format, format));
  if (typeof description === "string") parts.push(text(fields.description, description));
  if (Array.isArray(required)) for (const each of required) parts.push(text(fields.required, String(each)));
  if (isObject(additionalProperties)) parts.push(bytes(fields.additional, bytes(1, schemaBytes(additionalProperties))));
  if (typeof type === "string") parts.push(bytes(fields.type, text(1, type)));
  if (isObject(items)) parts.push(bytes(fields.items, bytes(1, schemaBytes(items))));
  if (isObject(properties)) {
    const entries = Object.entries(properties).map(([name, each]) => bytes(1, named(name, schemaBytes(each as Json))));
    parts.push(bytes(fields.properties, Buffer.concat(entries)));
  }
  for (const [name, value] of Object.entries(schema)) {
    if (name.startsWith("x-kubernetes-")) parts.push(bytes(fields.extension, extension(name, value)));
  }
  return Buffer.concat(parts);
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function extension(name: string, value: unknown): Buffer {
  return named(name, text(2, dump(value)));
}

function named(name: string, value: Buffer): Buffer {
  return Buffer.concat([text(1, name), bytes(2, value)]);
}

function text(number: number, value: string): Buffer {
  return bytes(number, Buffer.from(value));
}

function bytes(number: number, value: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(value.length), value]);
}

function varint(value: number): Buffer {
  const digits: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) digits.push((rest % 128) | 0x80);
  return Buffer.from([...digits, rest]);
}
