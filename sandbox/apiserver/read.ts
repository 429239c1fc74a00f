import { type Call, type Cluster, convertAhead, inVersion, keyOfResource } from "./cluster.ts";
import { jsonProblem } from "./decode.ts";
import { parseInteger } from "./options.ts";
import { everything, type Predicate, parseFieldSelector, parseLabelSelector } from "./selectors.ts";
import { badRequest, invalid, notFound } from "./status.ts";
import { pathOf } from "./store.ts";
import { ApiError, type FieldError, type KubeObject, type Resource } from "./types.ts";

/** One page of a list, in the version of the request. */
export interface Page {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
  readonly continue: string;
  readonly remaining: number | undefined;
}

/** How long a read waits for a version that the store has not reached. */
const futureVersionMs = 3_000;

/** GET of an object, or of its status (which is the object). */
export async function readObject(cluster: Cluster, call: Call, query: URLSearchParams): Promise<KubeObject> {
  await reachVersion(cluster, parseVersion(query.get("resourceVersion")));
  const { resource, namespace, name, version } = call.request;
  const stored = cluster.store.get(keyOfResource(resource), namespace, name);
  if (stored !== undefined) await convertAhead(resource, [stored], version, true);
  return findObject(cluster, call);
}

/** The object of the request right now; throws 404. */
export function findObject(cluster: Cluster, call: Pick<Call, "request">): KubeObject {
  const { resource, namespace, name, version } = call.request;
  const stored = cluster.store.get(keyOfResource(resource), namespace, name);
  if (stored === undefined) throw notFound(resource, name);
  return inVersion(resource, stored, version);
}

/** GET of a collection. */
export async function listObjects(cluster: Cluster, call: Call, query: URLSearchParams): Promise<Page> {
  checkListOptions(query);
  const selected = parseSelection(query, call.request.resource);
  const limit = query.has("limit") ? parseInteger(query.get("limit") ?? "") : 0;
  const token = query.get("continue") ?? "";
  if (query.has("timeoutSeconds")) parseInteger(query.get("timeoutSeconds") ?? "");
  const wanted = parseVersion(query.get("resourceVersion"));
  if (token !== "") {
    if (wanted > 0) throw badRequest("specifying resource version is not allowed when using continue");
    return await continuedPage(cluster, call, selected, limit, decodeToken(token));
  }
  await reachVersion(cluster, wanted);
  const exact = query.get("resourceVersionMatch") === "Exact";
  const { store } = cluster;
  const { resource, namespace, version } = call.request;
  const revision = exact ? wanted : store.revision;
  const objects = exact
    ? store.listAt(keyOfResource(resource), namespace, revision)
    : store.list(keyOfResource(resource), namespace);
  // A list at "any version" comes from the watch cache of a real server, which has no pages.
  const size = query.get("resourceVersion") === "0" || limit <= 0 ? Number.POSITIVE_INFINITY : limit;
  const page = pageOf(objects, selected, size, revision);
  await convertAhead(resource, page.items, version);
  return { ...page, items: page.items.map((object) => inVersion(resource, object, version)) };
}

/** The selectors of a list, watch or collection delete as one predicate. */
export interface Selection {
  readonly predicate: Predicate;
  /** Without a selector, the number of remaining items is told. */
  readonly all: boolean;
}

export function parseSelection(query: URLSearchParams, resource: Resource): Selection {
  const labels = parseLabelSelector(query.get("labelSelector") ?? "");
  const fields = parseFieldSelector(query.get("fieldSelector") ?? "", resource);
  if (labels === everything && fields === everything) return { predicate: everything, all: true };
  return { predicate: (object) => labels(object) && fields(object), all: false };
}

function pageOf(objects: readonly KubeObject[], selected: Selection, size: number, revision: number): Page {
  const resourceVersion = String(revision);
  if (selected.all && objects.length <= size) {
    return { items: objects, resourceVersion, continue: "", remaining: undefined };
  }
  const items: KubeObject[] = [];
  let index = 0;
  for (; index < objects.length && items.length < size; index += 1) {
    const object = objects[index] as KubeObject;
    if (selected.predicate(object)) items.push(object);
  }
  const last = items.at(-1);
  const more = items.length === size && objects.slice(index).some(selected.predicate);
  if (!more || last === undefined) return { items, resourceVersion, continue: "", remaining: undefined };
  return {
    items,
    resourceVersion,
    continue: encodeToken({ revision, start: pathOf(last) }),
    remaining: selected.all ? objects.length - index : undefined,
  };
}

interface Token {
  /** -1: whatever is there now (the snapshot is forgotten). */
  readonly revision: number;
  /** The last object of the page before. */
  readonly start: string;
}

async function continuedPage(
  cluster: Cluster,
  call: Call,
  selected: Selection,
  limit: number,
  token: Token,
): Promise<Page> {
  const { resource, namespace, version } = call.request;
  const key = keyOfResource(resource);
  const revision = token.revision < 0 ? cluster.store.revision : token.revision;
  let objects: readonly KubeObject[];
  try {
    objects = token.revision < 0 ? cluster.store.list(key, namespace) : cluster.store.listAt(key, namespace, revision);
  } catch (error) {
    if (error instanceof ApiError && error.code === 410)
      throw new ContinueExpired(encodeToken({ ...token, revision: -1 }));
    throw error;
  }
  const rest = objects.filter((object) => pathOf(object) > token.start);
  const page = pageOf(rest, selected, limit <= 0 ? Number.POSITIVE_INFINITY : limit, revision);
  await convertAhead(resource, page.items, version);
  return { ...page, items: page.items.map((object) => inVersion(resource, object, version)) };
}

/** 410 that carries a token to go on without consistency. */
export class ContinueExpired extends ApiError {
  readonly token: string;
  constructor(token: string) {
    const text =
      "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";
    super(410, "Expired", text);
    this.token = token;
  }
}

function encodeToken(token: Token): string {
  const document = { v: "meta.k8s.io/v1", rv: token.revision, start: `${token.start.replace(/^\//, "")}\u0000` };
  return Buffer.from(JSON.stringify(document)).toString("base64url");
}

function decodeToken(text: string): Token {
  const decoded = Buffer.from(text, "base64url").toString();
  let document: { v?: string; rv?: number; start?: string };
  try {
    document = JSON.parse(decoded);
  } catch (error) {
    throw badRequest(`invalid continue token: continue key is not valid: ${jsonProblem(decoded, error)}`);
  }
  const { v, rv, start } = document;
  if (v !== "meta.k8s.io/v1" || typeof rv !== "number" || typeof start !== "string") {
    throw badRequest(
      "invalid continue token: continue key is not valid: server does not recognize this encoded version",
    );
  }
  const path = start.replace(/\u0000$/, "");
  return { revision: rv, start: path.includes("/") ? path : `/${path}` };
}

/** 0 when unset. Throws 400 for what is no version. */
export function parseVersion(text: string | null): number {
  if (text === null || text === "") return 0;
  if (/^\d+$/.test(text)) return Number(text);
  throw badRequest(`invalid resource version: ${versionProblem(text)}`);
}

export function versionProblem(text: string): string {
  const why = `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`;
  return `resourceVersion: Invalid value: ${JSON.stringify(text)}: ${why}`;
}

async function reachVersion(cluster: Cluster, wanted: number): Promise<void> {
  const { store } = cluster;
  if (wanted <= store.revision) return;
  const reached = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => {
      stop();
      resolve(false);
    }, futureVersionMs).unref();
    const stop = store.whenRevision(wanted, () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
  if (reached) return;
  const message = `Timeout: Too large resource version: ${wanted}, current: ${store.revision}`;
  const cause = { reason: "ResourceVersionTooLarge", message: "Too large resource version" };
  throw new ApiError(504, "Timeout", message, { causes: [cause], retryAfterSeconds: 1 });
}

function checkListOptions(query: URLSearchParams): void {
  const match = query.get("resourceVersionMatch") ?? "";
  const version = query.get("resourceVersion") ?? "";
  if (match === "") return;
  const errors: FieldError[] = [];
  const add = (reason: string, message: string) => errors.push({ reason, field: "resourceVersionMatch", message });
  const forbiddenText = (text: string) => add("FieldValueForbidden", `Forbidden: ${text}`);
  if (version === "") forbiddenText("resourceVersionMatch is forbidden unless resourceVersion is provided");
  if ((query.get("continue") ?? "") !== "")
    forbiddenText("resourceVersionMatch is forbidden when continue is provided");
  if (match !== "Exact" && match !== "NotOlderThan") {
    const supported = '"Exact", "NotOlderThan", ""';
    add("FieldValueNotSupported", `Unsupported value: ${JSON.stringify(match)}: supported values: ${supported}`);
  }
  if (match === "Exact" && version === "0") {
    forbiddenText('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
  if (errors.length > 0) throw invalid("meta.k8s.io", "ListOptions", "", errors);
}
