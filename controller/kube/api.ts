import { WeirError } from "../../api/errors.ts";
import { apiVersionOf, type ObjectRef, type RawObject, type Resource } from "../../api/object.ts";
import type { Query, Transport } from "./transport.ts";

/** Reads and writes of single objects, as raw JSON. Every call fails with a WeirError. */
export interface Api {
  /** `undefined` when there is none, or the kind isn't served. */
  get(ref: ObjectRef, options?: CallOptions): Promise<RawObject | undefined>;
  /** All pages, read consistently. Objects carry their kind and apiVersion. */
  list(resource: Resource, options?: ListOptions): Promise<readonly RawObject[]>;
  create(resource: Resource, object: RawObject, options?: WriteOptions): Promise<RawObject>;
  /** Writes the whole object; with a resourceVersion in it, only onto that version. */
  replace(resource: Resource, object: RawObject, options?: WriteOptions): Promise<RawObject>;
  /** Server-side apply: `object` holds the fields we own and no others. */
  apply(resource: Resource, object: RawObject, options: ApplyOptions): Promise<RawObject>;
  mergePatch(ref: ObjectRef, patch: object, options?: WriteOptions): Promise<RawObject>;
  jsonPatch(ref: ObjectRef, patch: readonly object[], options?: WriteOptions): Promise<RawObject>;
  /** False when there was nothing to delete. */
  delete(ref: ObjectRef, options?: DeleteOptions): Promise<boolean>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export interface ListOptions extends CallOptions {
  /** One namespace; all of them when absent. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly pageSize?: number;
}

export interface WriteOptions extends CallOptions {
  readonly subresource?: "status" | "scale";
  readonly fieldManager?: string;
  readonly dryRun?: boolean;
  /** Told what the API server and admission webhooks had to say. */
  readonly onWarning?: (text: string) => void;
}

export interface ApplyOptions extends WriteOptions {
  readonly fieldManager: string;
  /** Take fields that others own. */
  readonly force?: boolean;
}

export interface DeleteOptions extends CallOptions {
  /** Delete only this incarnation. */
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
}

/** `/apis/apps/v1/namespaces/demo/deployments/podinfo/status`. */
export function pathOf(resource: Resource, namespace: string, name = "", subresource = ""): string {
  const root = resource.group === "" ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const parts = namespace === "" ? [resource.plural] : ["namespaces", namespace, resource.plural];
  const tail = [...parts, name, subresource].filter((part) => part !== "").map(encodeURIComponent);
  return `${root}/${tail.join("/")}`;
}

const PAGE_SIZE = 500;

/** Only what the caller states is sent; nothing is remembered between calls. */
export function createApi(transport: Transport): Api {
  async function write(
    method: "POST" | "PUT" | "PATCH",
    path: string,
    body: unknown,
    options: WriteOptions,
    extra: { readonly contentType?: string; readonly query?: Query } = {},
  ): Promise<RawObject> {
    const answer = await transport.request({
      method,
      path,
      body,
      query: {
        fieldManager: options.fieldManager,
        dryRun: options.dryRun === true ? "All" : undefined,
        ...extra.query,
      },
      ...(extra.contentType === undefined ? {} : { contentType: extra.contentType }),
      ...callOf(options),
    });
    for (const warning of answer.warnings) options.onWarning?.(warning);
    return asObject(answer.body, path);
  }

  return {
    async get(ref, options = {}) {
      const path = pathOf(ref.resource, ref.namespace, ref.name);
      try {
        const answer = await transport.request({ method: "GET", path, ...callOf(options) });
        return asObject(answer.body, path);
      } catch (error) {
        if (error instanceof WeirError && error.code === "api.notFound") return undefined;
        throw error;
      }
    },
    list: (resource, options = {}) => listAll(transport, resource, options),
    create: (resource, object, options = {}) =>
      write("POST", pathOf(resource, object.metadata.namespace ?? ""), object, options),
    replace: (resource, object, options = {}) => write("PUT", objectPath(resource, object, options), object, options),
    apply: (resource, object, options) =>
      write("PATCH", objectPath(resource, object, options), object, options, {
        contentType: "application/apply-patch+yaml",
        query: { force: options.force === true ? true : undefined },
      }),
    mergePatch: (ref, patch, options = {}) =>
      write("PATCH", refPath(ref, options), patch, options, { contentType: "application/merge-patch+json" }),
    jsonPatch: (ref, patch, options = {}) =>
      write("PATCH", refPath(ref, options), patch, options, { contentType: "application/json-patch+json" }),
    delete: (ref, options = {}) => remove(transport, ref, options),
  };
}

async function listAll(transport: Transport, resource: Resource, options: ListOptions): Promise<RawObject[]> {
  const objects: RawObject[] = [];
  let token: string | undefined;
  do {
    const page = await listPage(transport, resource, {
      ...options,
      ...(token === undefined ? {} : { continueFrom: token }),
    });
    for (const object of page.items) objects.push(object);
    token = page.next;
  } while (token !== undefined);
  return objects;
}

export interface Page {
  readonly items: readonly RawObject[];
  /** The version of the whole list. */
  readonly version: string;
  /** Where the next page starts. */
  readonly next: string | undefined;
}

export interface PageOptions extends ListOptions {
  readonly continueFrom?: string;
  /** Name and metadata of each object only. */
  readonly metadataOnly?: boolean;
  /** Everything in one answer. */
  readonly unpaged?: boolean;
}

/** One page of a list; items get the kind and apiVersion that a list leaves out. */
export async function listPage(transport: Transport, resource: Resource, options: PageOptions): Promise<Page> {
  const path = pathOf(resource, options.namespace ?? "");
  const { body } = await transport.request({
    method: "GET",
    path,
    query: {
      limit: options.unpaged === true ? undefined : (options.pageSize ?? PAGE_SIZE),
      continue: options.continueFrom,
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
    },
    ...(options.metadataOnly === true ? { accept: METADATA_LIST } : {}),
    timeoutMs: options.timeoutMs ?? 60_000,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const list = body as { metadata?: { resourceVersion?: unknown; continue?: unknown }; items?: unknown } | null;
  const version = list?.metadata?.resourceVersion;
  const items = list?.items ?? [];
  if (typeof version !== "string" || !Array.isArray(items) || !items.every(hasName)) {
    throw new WeirError("api.protocol", "retry", `GET ${path}: the answer is not a list`);
  }
  const next = list?.metadata?.continue;
  return {
    items: items.map((item) => named(resource, item)),
    version,
    next: typeof next === "string" && next !== "" ? next : undefined,
  };
}

const METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
/** What to accept for a watch of metadata only. */
export const METADATA_WATCH = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

function hasName(item: { metadata?: { name?: unknown } } | null): boolean {
  return typeof item?.metadata?.name === "string";
}

/** The object with the kind it was asked for. */
export function named(resource: Resource, object: object): RawObject {
  return { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind } as RawObject;
}

async function remove(transport: Transport, ref: ObjectRef, options: DeleteOptions): Promise<boolean> {
  const { uid, resourceVersion, propagationPolicy = "Background" } = options;
  const preconditions = {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  try {
    await transport.request({
      method: "DELETE",
      path: pathOf(ref.resource, ref.namespace, ref.name),
      body: { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy, preconditions },
      ...callOf(options),
    });
    return true;
  } catch (error) {
    if (error instanceof WeirError && error.code === "api.notFound") return false;
    throw error;
  }
}

function objectPath(resource: Resource, object: RawObject, options: WriteOptions): string {
  return pathOf(resource, object.metadata.namespace ?? "", object.metadata.name, options.subresource);
}

function refPath(ref: ObjectRef, options: WriteOptions): string {
  return pathOf(ref.resource, ref.namespace, ref.name, options.subresource);
}

function callOf(options: CallOptions): CallOptions {
  return {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  };
}

function asObject(body: unknown, path: string): RawObject {
  if (typeof body === "object" && body !== null && "kind" in body) return body as RawObject;
  throw new WeirError("api.protocol", "retry", `${path}: the answer is not an object`);
}
