import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer } from "./answer.ts";
import { parseDeleteBody, parseObjectBody, parsePatchBody, patchTypeOf, readBody } from "./body.ts";
import { type Call, type Cluster, keyOfResource } from "./cluster.ts";
import { createObject } from "./create.ts";
import type { Interference, WatchStream } from "./interference.ts";
import { patchObject, replaceObject } from "./modify.ts";
import { type DeleteChoices, parseDeleteChoices, parseWriteChoices, type WriteChoices } from "./options.ts";
import { bindPod, evictPod } from "./podActions.ts";
import { encodeList, type Form, negotiate, presentList, presentObject } from "./present.ts";
import { listObjects, parseSelection, readObject } from "./read.ts";
import { deleteObject, type Removed } from "./remove.ts";
import { readScale, writeScale } from "./scale.ts";
import { deletedStatus, notFound, unknownResource } from "./status.ts";
import { streamWatch } from "./stream.ts";
import { ApiError, apiVersionOf, type KubeObject, type Status } from "./types.ts";

/** One HTTP request for a resource. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly answer: Answer;
  /** The watches that are open. */
  readonly streams: Set<WatchStream>;
  readonly interference: Interference;
}

/** Text of a container's log; undefined when there is no such container. Filled by the node. */
export type PodLog = (pod: KubeObject, container: string | undefined, query: URLSearchParams) => string | undefined;

/** Handles what the other handlers do not: requests for objects, collections and subresources. */
export async function handleResource(cluster: Cluster, call: Call, exchange: Exchange, podLog: PodLog): Promise<void> {
  const { verb, subresource } = call.request;
  if (subresource === "log") return await answerLog(cluster, call, exchange, podLog);
  switch (verb) {
    case "get":
      return await answerGet(cluster, call, exchange);
    case "list":
      return await answerList(cluster, call, exchange);
    case "watch":
      return streamWatch(cluster, call, exchange);
    case "create":
      return await answerCreate(cluster, call, exchange);
    case "update":
      return await answerUpdate(cluster, call, exchange);
    case "patch":
      return await answerPatch(cluster, call, exchange);
    case "delete":
      return await answerDelete(cluster, call, exchange);
    case "deletecollection":
      return await answerDeleteCollection(cluster, call, exchange);
  }
}

async function answerGet(cluster: Cluster, call: Call, exchange: Exchange): Promise<void> {
  const { subresource } = call.request;
  const object = subresource === "scale" ? readScale(cluster, call) : await readObject(cluster, call, exchange.query);
  checkStatusSubresource(call);
  sendObject(cluster, call, exchange, 200, object);
}

/** Custom resources without a status subresource have no `/status`, which is only found out after the object. */
function checkStatusSubresource(call: Call): void {
  const { resource, name, subresource } = call.request;
  if (subresource === "status" && resource.subresources.status !== true) throw notFound(resource, name);
}

async function answerList(cluster: Cluster, call: Call, exchange: Exchange): Promise<void> {
  const { resource, version } = call.request;
  const form = negotiate(exchange.request.headers.accept, exchange.query, resource.custom);
  const page = await listObjects(cluster, call, exchange.query);
  if (isPlain(form)) {
    exchange.answer.pieces(200, encodeList(resource, apiVersionOf(resource.group, version), page));
    return;
  }
  const document =
    form.as === "object"
      ? JSON.parse([...encodeList(resource, apiVersionOf(resource.group, version), page)].join(""))
      : presentList(form, resource, version, page, cluster.now());
  exchange.answer.document(200, form, document);
}

async function answerCreate(cluster: Cluster, call: Call, exchange: Exchange): Promise<void> {
  const { request, query } = exchange;
  const { resource, subresource } = call.request;
  const form = negotiate(request.headers.accept, query, resource.custom);
  const body = parseObjectBody(await readBody(request), request.headers["content-type"], resource);
  const choices = parseWriteChoices(query, "CreateOptions", false);
  if (subresource !== undefined) {
    const done = await actOnPod(cluster, call, choices, body);
    exchange.answer.document(201, form, done);
    return;
  }
  const { object } = await createObject(cluster, call, choices, body);
  sendObject(cluster, call, exchange, 201, object);
}

async function actOnPod(cluster: Cluster, call: Call, choices: WriteChoices, body: unknown): Promise<Status> {
  switch (call.request.subresource) {
    case "binding":
      return await bindPod(cluster, call, choices, body);
    case "eviction":
      return await evictPod(cluster, call, choices, body);
    default:
      throw unknownResource();
  }
}

async function answerUpdate(cluster: Cluster, call: Call, exchange: Exchange): Promise<void> {
  const { request, query } = exchange;
  const { resource, subresource } = call.request;
  const body = parseObjectBody(await readBody(request), request.headers["content-type"], resource);
  const choices = parseWriteChoices(query, "UpdateOptions", false);
  if (subresource === "scale") {
    const scale = await writeScale(cluster, call, choices, { type: undefined, body });
    return sendObject(cluster, call, exchange, 200, scale);
  }
  checkStatusSubresource(call);
  const { object, created } = await replaceObject(cluster, call, choices, body);
  sendObject(cluster, call, exchange, created ? 201 : 200, object);
}

async function answerPatch(cluster: Cluster, call: Call, exchange: Exchange): Promise<void> {
  const { request, query } = exchange;
  const { resource, subresource } = call.request;
  const type = patchTypeOf(request.headers["content-type"], resource);
  const text = await readBody(request);
  const choices = parseWriteChoices(query, "PatchOptions", type === "apply");
  const body = parsePatchBody(text, type);
  if (subresource === "scale") {
    const scale = await writeScale(cluster, call, choices, { type, body });
    return sendObject(cluster, call, exchange, 200, scale);
  }
  checkStatusSubresource(call);
  const { object, created } = await patchObject(cluster, call, choices, type, body);
  sendObject(cluster, call, exchange, created ? 201 : 200, object);
}

async function answerDelete(cluster: Cluster, call: Call, exchange: Exchange): Promise<void> {
  const choices = await deleteChoicesOf(exchange);
  const removed = await deleteObject(cluster, call, choices);
  sendObject(cluster, call, exchange, 200, answerToDelete(call, removed));
}

async function deleteChoicesOf(exchange: Exchange): Promise<DeleteChoices> {
  const { request, query } = exchange;
  const body = parseDeleteBody(await readBody(request), request.headers["content-type"]);
  return parseDeleteChoices(query, body);
}

const answeredWithObject = new Set(["pods", "services"]);

function answerToDelete(call: Call, removed: Removed): KubeObject {
  const { resource } = call.request;
  const whole = answeredWithObject.has(keyOfResource(resource));
  return !removed.gone || whole ? removed.object : (deletedStatus(resource, removed.object) as unknown as KubeObject);
}

async function answerDeleteCollection(cluster: Cluster, call: Call, exchange: Exchange): Promise<void> {
  const { resource, namespace, version } = call.request;
  const choices = await deleteChoicesOf(exchange);
  const { predicate } = parseSelection(exchange.query, resource);
  const objects = cluster.store.list(keyOfResource(resource), namespace).filter(predicate);
  const resourceVersion = String(cluster.store.revision);
  for (const { metadata } of objects) {
    const one: Call = { ...call, request: { ...call.request, name: metadata.name ?? "" } };
    await deleteObject(cluster, one, choices).catch((error: unknown) => {
      if (!(error instanceof ApiError) || error.code !== 404) throw error;
    });
  }
  const page = { items: objects, resourceVersion, continue: "", remaining: undefined };
  exchange.answer.pieces(200, encodeList(resource, apiVersionOf(resource.group, version), page));
}

async function answerLog(cluster: Cluster, call: Call, exchange: Exchange, podLog: PodLog): Promise<void> {
  const pod = await readObject(cluster, call, new URLSearchParams());
  const container = exchange.query.get("container") ?? undefined;
  const text = podLog(pod, container, exchange.query);
  if (text !== undefined) return exchange.answer.text(200, text);
  const node = pod["spec"]?.nodeName ?? "";
  const isLost = node !== "" && cluster.store.get("nodes", "", node) === undefined;
  if (isLost) throw notFound({ group: "", plural: "pods" }, node);
  const named = container === undefined ? "" : `container ${container} is not valid for pod ${pod.metadata.name}`;
  throw new ApiError(400, "BadRequest", named || `no log of pod ${pod.metadata.name} is available`);
}

function sendObject(cluster: Cluster, call: Call, exchange: Exchange, code: number, object: KubeObject): void {
  const { resource, version } = call.request;
  const form = negotiate(exchange.request.headers.accept, exchange.query, resource.custom);
  const plain = object.kind !== resource.kind && object.kind !== "Scale";
  const document = plain ? object : presentObject(form, resource, version, object, cluster.now());
  if (document === object && isPlain({ ...form, as: "object" })) exchange.answer.object(code, object);
  else exchange.answer.document(code, form, document);
}

/** The form whose text is kept. */
function isPlain(form: Form): boolean {
  return form.as === "object" && form.media === "application/json" && !form.pretty;
}
