import { dump } from "js-yaml";
import { inFieldOrder } from "./patch/quote.ts";
import type { Page } from "./read.ts";
import { badRequest, notAcceptable } from "./status.ts";
import { partialOf, tableOf } from "./tables.ts";
import { ApiError, type KubeObject, type Resource, type StoreEvent } from "./types.ts";

/** The form of an answer that the client asked for. */
export interface Form {
  readonly media: "application/json" | "application/yaml";
  readonly as: "object" | "Table" | "PartialObjectMetadata" | "PartialObjectMetadataList";
  readonly includeObject: "None" | "Metadata" | "Object";
  /** Indented, for people. */
  readonly pretty: boolean;
}

/** Picks the first form of the Accept header that can be served. Throws 406. */
export function negotiate(accept: string | undefined, query: URLSearchParams, custom = false): Form {
  const include = query.get("includeObject") ?? "";
  const wanted = accept === undefined || accept.trim() === "" ? "*/*" : accept;
  let known = false;
  for (const clause of wanted.split(",")) {
    const [type = "", ...parameters] = clause.split(";").map((part) => part.trim());
    const media = mediaOf(type);
    if (media === undefined) continue;
    const values = new Map(parameters.map((parameter) => parameter.split("=") as [string, string]));
    known = true;
    const as = formOf(values);
    if (as === undefined) continue;
    const includeObject = as === "Table" ? parseInclude(include) : "Metadata";
    return { media, as, includeObject, pretty: isTrue(query.get("pretty")) };
  }
  if (known || custom || wanted.includes("application/vnd.kubernetes.protobuf")) throw notAcceptable();
  const text = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
  const message = `406: Not Acceptable\n\nAvailable representations: ${text}`;
  throw new ApiError(406, "NotAcceptable", message, {});
}

function parseInclude(text: string): Form["includeObject"] {
  if (text === "") return "Metadata";
  if (text === "None" || text === "Object" || text === "Metadata") return text;
  const why = `Invalid value: ${JSON.stringify(text)}: must be 'Metadata', 'Object', 'None', or empty`;
  throw badRequest(`Unable to convert to Table as requested: includeObject: ${why}`);
}

function isTrue(text: string | null): boolean {
  return text === "true" || text === "1";
}

function mediaOf(type: string): Form["media"] | undefined {
  switch (type) {
    case "application/json":
    case "application/*":
    case "*/*":
      return "application/json";
    case "application/yaml":
      return "application/yaml";
    default:
      return undefined;
  }
}

function formOf(parameters: ReadonlyMap<string, string>): Form["as"] | undefined {
  const as = parameters.get("as");
  if (as === undefined) return "object";
  const { g, v } = { g: parameters.get("g"), v: parameters.get("v") };
  if (g !== "meta.k8s.io" || (v !== "v1" && v !== "v1beta1")) return undefined;
  if (as === "Table") return "Table";
  return as === "PartialObjectMetadata" || as === "PartialObjectMetadataList" ? as : undefined;
}

/**
 * The text that was made last: answer, log and watchers of one write follow one another. Keeping the texts of all objects
 * would double what they take.
 */
let latest: { readonly object: KubeObject; readonly text: string } | undefined;

/** JSON of an object without its opening `{"kind":…,"apiVersion":…,`. */
function encodedRest(object: KubeObject): string {
  if (latest?.object === object) return latest.text;
  const { kind: _, apiVersion: __, ...rest } = object;
  const text = JSON.stringify(rest).slice(1);
  if (Object.isFrozen(object)) latest = { object, text };
  return text;
}

/** JSON of an object. */
export function encodeObject(object: KubeObject): string {
  const { kind, apiVersion } = object;
  const rest = encodedRest(object);
  const comma = rest === "}" ? "" : ",";
  return `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)}${comma}${rest}`;
}

/** The pieces of a list, each made when it is asked for; joined they are one JSON document. Items of built-in kinds carry no kind, as on a real server. */
export function* encodeList(resource: Resource, apiVersion: string, page: Page): Iterable<string> {
  const metadata = listMetadata(page, resource.custom);
  const head = `{"kind":${JSON.stringify(resource.listKind)},"apiVersion":${JSON.stringify(apiVersion)},"metadata":${JSON.stringify(metadata)},"items":[`;
  yield head;
  for (const [index, item] of page.items.entries()) {
    const text = resource.custom ? encodeObject(item) : `{${encodedRest(item)}`;
    yield index === 0 ? text : `,${text}`;
  }
  yield "]}\n";
}

/** Lists of custom resources have an empty `continue`, others none. */
export function listMetadata(page: Page, custom: boolean): Record<string, unknown> {
  return {
    resourceVersion: page.resourceVersion,
    ...(page.continue === "" && !custom ? {} : { continue: page.continue }),
    ...(page.remaining === undefined ? {} : { remainingItemCount: page.remaining }),
  };
}

/** One object in the form asked for. */
export function presentObject(form: Form, resource: Resource, version: string, object: KubeObject, now: Date): unknown {
  switch (form.as) {
    case "object":
      return form.pretty ? inFieldOrder(object, resource.strategy.schema(version)) : object;
    case "PartialObjectMetadata":
      return partialOf(object);
    case "PartialObjectMetadataList":
      throw wrongCardinality(form.as, `not a list (${goTypeOf(resource)})`);
    case "Table":
      return tableOf(resource, version, [object], { resourceVersion: object.metadata.resourceVersion }, form, now);
  }
}

/** A list in the form asked for, other than the plain one. */
export function presentList(form: Form, resource: Resource, version: string, page: Page, now: Date): unknown {
  if (form.as === "PartialObjectMetadata") throw wrongCardinality(form.as, `a list (${goTypeOf(resource)}List)`);
  if (form.as === "Table") return tableOf(resource, version, page.items, listMetadata(page, false), form, now);
  return {
    kind: "PartialObjectMetadataList",
    apiVersion: "meta.k8s.io/v1",
    metadata: listMetadata(page, false),
    items: page.items.map(partialOf),
  };
}

function wrongCardinality(asked: string, found: string): ApiError {
  return new ApiError(406, "NotAcceptable", `you requested ${asked}, but the requested object is ${found}`);
}

function goTypeOf(resource: Resource): string {
  if (resource.custom) return "*unstructured.Unstructured";
  return `*${resource.group === "" ? "core" : resource.group.split(".")[0]}.${resource.kind}`;
}

/** Text of a document in the negotiated media type. */
export function encodeDocument(form: Pick<Form, "media"> & Partial<Form>, document: unknown): string {
  if (form.media === "application/yaml") return encodeYaml(document);
  return `${JSON.stringify(document, undefined, form.pretty === true ? 2 : 0)}\n`;
}

/** YAML as Go writes it: keys in order, lists not indented, double quotes. */
function encodeYaml(document: unknown): string {
  return dump(document, { lineWidth: -1, noRefs: true, sortKeys: true, seqNoIndent: true, quoteStyle: "double" });
}

/** The line that was made last: all watchers of an event are told in turn. */
let last: { readonly source: StoreEvent; readonly key: string; readonly line: Buffer } | undefined;

/** The line of an event for plain JSON watchers of one version: made once, however many watch. */
export function eventLine(source: StoreEvent | undefined, type: string, object: KubeObject): Buffer {
  const key = `${type} ${object.apiVersion}`;
  if (last !== undefined && last.source === source && last.key === key) return last.line;
  const line = Buffer.from(`{"type":"${type}","object":${encodeObject(object)}}\n`);
  if (source !== undefined) last = { source, key, line };
  return line;
}
