import type { IncomingMessage, ServerResponse } from "node:http";
import { actionDocument, admitAction, resourceOfReview, reviewDocument } from "./actions.ts";
import { Answer } from "./answer.ts";
import { programOf } from "./attributes.ts";
import { type Audit, follow } from "./audit.ts";
import { authenticate } from "./auth.ts";
import { actingUser } from "./authorization/impersonation.ts";
import { questionOf } from "./authorization/requests.ts";
import { parseObjectBody, readBody } from "./body.ts";
import type { Call, Cluster } from "./cluster.ts";
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
  reviewKinds,
  rootPaths,
  serverVersion,
} from "./discovery.ts";
import { type Exchange, handleResource, type PodLog } from "./handlers.ts";
import type { Control, Interference, WatchStream } from "./interference.ts";
import type { OpenApiDocuments } from "./openapi.ts";
import { parseWriteChoices } from "./options.ts";
import { negotiate } from "./present.ts";
import { findObject } from "./read.ts";
import type { Registry } from "./registry.ts";
import { countedAs, parseResourcePath, type ResourcePath, resolveRequest } from "./request.ts";
import { type Asking, answerReview, answerTokenRequest, bearerOf, type Witnesses } from "./reviews.ts";
import { badRequest, methodNotAllowed, unknownResource } from "./status.ts";
import { ApiError, type LogLine, type UserInfo } from "./types.ts";

/** What the HTTP side needs beyond the cluster. */
export interface Frontend {
  readonly cluster: Cluster;
  readonly witnesses: Witnesses;
  readonly count: (user: string, what: string) => void;
  readonly log: (line: LogLine) => void;
  readonly audit: Audit | undefined;
  readonly podLog: PodLog;
  readonly documents: OpenApiDocuments;
  readonly streams: Set<WatchStream>;
  readonly interference: Interference;
  /** Answers `/sandbox/…`. */
  readonly control: Control;
}

/** Answers one HTTP request, whatever happens. */
export async function answerHttp(
  frontend: Frontend,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = new Answer(response, headerOf(request, "accept-encoding"));
  response.on("error", () => undefined);
  try {
    const [path = "/", search = ""] = (request.url ?? "/").split("?", 2);
    await route(
      frontend,
      {
        request,
        response,
        query: new URLSearchParams(search),
        answer,
        streams: frontend.streams,
        interference: frontend.interference,
      },
      path,
    );
  } catch (error) {
    fail(frontend, request, response, answer, error);
  }
}

function fail(
  frontend: Frontend,
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  error: unknown,
): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  if (error instanceof ApiError) {
    answer.error(error);
    return;
  }
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  frontend.log({ level: "error", message: "request failed", method: request.method, url: request.url, reason });
  const text = error instanceof Error ? error.message : String(error);
  answer.error(new ApiError(500, "InternalError", `Internal error occurred: ${text}`));
}

const controlPath = "/sandbox/";
const open = new Set(["/healthz", "/livez", "/readyz", "/version"]);

async function route(frontend: Frontend, exchange: Exchange, pathname: string): Promise<void> {
  const path = pathname.length > 1 ? pathname.replace(/\/+$/, "") : pathname;
  const { request, answer } = exchange;
  const parsed = parseResourcePath(path) ?? parseOldWatch(path, exchange.query);
  const user = admit(frontend, exchange, path, parsed);
  if (open.has(path)) return answerOpen(path, answer);
  if (path.startsWith(controlPath))
    return await answerControl(frontend, exchange, path.slice(controlPath.length), user);
  if (parsed === undefined) return answerFixed(frontend, exchange, path, user);
  const review = reviewKinds.find((each) => each.group === parsed.group && each.plural === parsed.plural);
  if (review !== undefined) {
    return await answerReviewRequest(frontend, exchange, askingOf(frontend, exchange, user, parsed.namespace), review);
  }
  const watching = ["true", "1"].includes(exchange.query.get("watch") ?? "");
  const resolved = resolveRequest(frontend.cluster.registry, parsed, request.method ?? "GET", watching);
  if (resolved === undefined) return answer.nowhere();
  frontend.count(user.username, countedAs(resolved));
  const asked = { request: resolved, user, userAgent: headerOf(request, "user-agent") ?? "" };
  const { audit } = frontend;
  const isAudited = audit !== undefined && !["get", "list", "watch"].includes(resolved.verb);
  const call: Call = {
    ...asked,
    warn: (text) => answer.warn(text),
    ...(isAudited ? { annotate: follow(audit, asked, request, exchange.response, frontend.cluster.now) } : {}),
  };
  const deprecation = resolved.resource.deprecation?.(resolved.version);
  if (deprecation !== undefined) answer.warn(deprecation);
  if (frontend.interference.request !== undefined) await frontend.interference.request(call);
  if (resolved.subresource === "token") return await answerToken(frontend, call, exchange);
  await handleResource(frontend.cluster, call, exchange, frontend.podLog);
}

/**
 * Who the request is by, if they may make it. Throws 401 and 403, before anybody looks whether there is such a resource:
 * whoever may not ask does not learn that either.
 */
function admit(frontend: Frontend, exchange: Exchange, path: string, parsed: ResourcePath | undefined): UserInfo {
  const { request, query } = exchange;
  const { authorizer, tokens, accounts } = frontend.witnesses;
  const user = authenticate(request, (token) => bearerOf(token, tokens, accounts));
  const question = questionOf(parsed, path, request.method ?? "GET", query);
  const acting = actingUser(request.headersDistinct, user, authorizer, question);
  authorizer.require(acting, question);
  return acting;
}

function askingOf(frontend: Frontend, { request }: Exchange, user: UserInfo, namespace: string): Asking {
  const manager = programOf(headerOf(request, "user-agent") ?? "");
  return { user, namespace, manager, now: frontend.cluster.now() };
}

/** `/api/v1/watch/…`: what `?watch=true` replaced long ago. */
function parseOldWatch(path: string, query: URLSearchParams): ResourcePath | undefined {
  const match = /^(\/api\/[^/]+|\/apis\/[^/]+\/[^/]+)\/watch(\/.+)$/.exec(path);
  const parsed = match === null ? undefined : parseResourcePath(`${match[1]}${match[2]}`);
  if (parsed === undefined) return undefined;
  query.set("watch", "true");
  if (parsed.name !== "") query.set("fieldSelector", `metadata.name=${parsed.name}`);
  return { ...parsed, name: "" };
}

async function answerReviewRequest(
  frontend: Frontend,
  exchange: Exchange,
  asking: Asking,
  review: (typeof reviewKinds)[number],
): Promise<void> {
  const { request, answer, query } = exchange;
  if (request.method !== "POST") throw methodNotAllowed();
  frontend.count(asking.user.username, `create ${review.plural}`);
  const form = negotiate(request.headers.accept, query);
  const body = parseObjectBody(await readBody(request), request.headers["content-type"], {
    kind: review.kind,
    custom: false,
  });
  const call: Call = {
    request: {
      verb: "create",
      resource: resourceOfReview(review),
      version: review.version,
      namespace: asking.namespace,
      name: "",
      subresource: undefined,
    },
    user: asking.user,
    userAgent: "",
    warn: (text) => answer.warn(text),
  };
  const choices = parseWriteChoices(query, "CreateOptions", false);
  await admitAction(frontend.cluster, call, choices, reviewDocument(body, review));
  answer.document(201, form, answerReview(review, body, asking, frontend.witnesses));
}

async function answerToken(frontend: Frontend, call: Call, exchange: Exchange): Promise<void> {
  const { request, answer } = exchange;
  const account = findObject(frontend.cluster, call);
  const body = parseObjectBody(await readBody(request), request.headers["content-type"], {
    kind: "TokenRequest",
    custom: false,
  });
  const choices = parseWriteChoices(exchange.query, "CreateOptions", false);
  const asked = actionDocument(body, "authentication.k8s.io/v1", "TokenRequest", call.request.name);
  await admitAction(frontend.cluster, call, choices, asked);
  const asking = askingOf(frontend, exchange, call.user, call.request.namespace);
  const document = answerTokenRequest(body, account, asking, frontend.witnesses.accounts);
  answer.document(201, { media: "application/json" }, document);
}

/** What no Kubernetes has: the sandbox's own controls, for administrators. */
async function answerControl(frontend: Frontend, exchange: Exchange, path: string, user: UserInfo): Promise<void> {
  const { request, answer } = exchange;
  if (!user.groups.includes("system:masters")) {
    const why = `User ${JSON.stringify(user.username)} cannot use path ${JSON.stringify(controlPath + path)}`;
    throw new ApiError(403, "Forbidden", `forbidden: ${why}`, {});
  }
  const { method = "GET" } = request;
  const bytes = method === "POST" ? await readBody(request) : undefined;
  let body: unknown;
  try {
    body = bytes === undefined ? undefined : JSON.parse(bytes.toString());
  } catch {
    throw badRequest("the body must be a JSON document");
  }
  const done = frontend.control({ method, path, body });
  if (done === undefined) answer.nowhere();
  else answer.document(done.code, { media: "application/json" }, done.document);
}

function answerOpen(path: string, answer: Answer): void {
  if (path === "/version") answer.document(200, { media: "application/json" }, serverVersion);
  else answer.text(200, "ok");
}

/** Documents that describe the server. */
function answerFixed(frontend: Frontend, exchange: Exchange, path: string, user: UserInfo): void {
  const { request, answer } = exchange;
  frontend.count(user.username, `get ${path}`);
  if (answerOpenApi(frontend.documents, exchange, path)) return;
  const { registry } = frontend.cluster;
  const core = path === "/api";
  if (path.startsWith("/apis/") && isUnknownVersion(registry, path)) throw unknownResource();
  const document = discoveryOf(registry, path, request.headers.host ?? "");
  if (document === undefined) answer.nowhere();
  else if (request.method !== "GET") throw methodNotAllowed();
  else if ((core || path === "/apis") && wantsAggregated(headerOf(request, "accept"))) {
    const text = JSON.stringify(aggregatedDiscovery(registry, core));
    answer.cacheable("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", text, request);
  } else answer.document(200, negotiate(headerOf(request, "accept"), exchange.query), document);
}

const swaggerProtobuf = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/** `/openapi/v2`, `/openapi/v3` and the documents below it. False: it is none of these. */
function answerOpenApi(documents: OpenApiDocuments, exchange: Exchange, path: string): boolean {
  const { request, answer } = exchange;
  if (path === "/openapi/v2") {
    const protobuf = (headerOf(request, "accept") ?? "").includes("protobuf");
    if (protobuf) answer.bytes(200, swaggerProtobuf, documents.swaggerProtobuf());
    else answer.document(200, { media: "application/json" }, documents.swagger());
    return true;
  }
  if (path === "/openapi/v3") {
    answer.document(200, { media: "application/json" }, documents.index());
    return true;
  }
  const document = path.startsWith("/openapi/v3/") ? documents.document(path.slice("/openapi/v3/".length)) : undefined;
  if (document !== undefined) answer.pieces(200, [document]);
  return document !== undefined;
}

/** A version that a built-in group does not have is answered differently from a group that does not exist. */
function isUnknownVersion(registry: Registry, path: string): boolean {
  const [, , group, version, ...rest] = path.split("/");
  if (version === undefined || rest.length > 0) return false;
  const inGroup = registry.all().filter((each) => !each.custom && each.group === group);
  return inGroup.length > 0 && !inGroup.some((each) => each.versions.includes(version));
}

function discoveryOf(registry: Registry, path: string, host: string): object | undefined {
  const [, root, group, version, ...rest] = path.split("/");
  if (rest.length > 0) return undefined;
  if (root === "") return { paths: rootPaths(registry) };
  if (root === "api" && group === undefined) return apiVersions(host);
  if (root === "api" && version === undefined) return apiResourceList(registry, "", group ?? "");
  if (root !== "apis") return undefined;
  if (group === undefined) return apiGroupList(registry);
  if (version === undefined) return apiGroup(registry, group);
  return apiResourceList(registry, group, version);
}

function wantsAggregated(accept: string | undefined): boolean {
  return (accept ?? "").split(",").some((clause) => {
    const compact = clause.replaceAll(" ", "");
    return (
      compact.startsWith("application/json;") &&
      compact.includes("as=APIGroupDiscoveryList") &&
      /(^|;)v=v2(;|$)/.test(compact)
    );
  });
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}
