import { type Call, type Cluster, inVersion, keyOfResource } from "./cluster.ts";
import { parseInteger } from "./options.ts";
import { parseSelection, type Selection, versionProblem } from "./read.ts";
import { internal, invalid } from "./status.ts";
import { ApiError, apiVersionOf, type FieldError, type KubeObject, type StoreEvent } from "./types.ts";

/** What a watch stream carries. */
export type StreamEvent =
  | {
      readonly type: "ADDED" | "MODIFIED" | "DELETED";
      readonly object: KubeObject;
      readonly source: StoreEvent | undefined;
    }
  | { readonly type: "BOOKMARK"; readonly object: KubeObject }
  | { readonly type: "ERROR"; readonly error: ApiError };

/** Where a stream goes. */
export interface StreamSink {
  send(event: StreamEvent): void;
  /** The server has nothing more to say. */
  end(): void;
}

const defaultTimeoutSeconds = 1_800;
const bookmarkEveryMs = 60_000;
/** A bookmark is sent this long before a stream ends by its timeout. */
const bookmarkBeforeEndMs = 2_000;

/** Prepares a watch: throws for what the real server refuses before it answers 200. */
export function openWatch(cluster: Cluster, call: Call, query: URLSearchParams): (sink: StreamSink) => () => void {
  checkWatchOptions(query);
  const selection = parseSelection(query, call.request.resource);
  const version = query.get("resourceVersion") ?? "";
  if (version !== "" && !/^\d+$/.test(version)) throw internal(versionProblem(version));
  const revision = Number(version);
  const timeout = query.has("timeoutSeconds") ? parseInteger(query.get("timeoutSeconds") ?? "") : 0;
  const initial = query.get("sendInitialEvents");
  const plan: Plan = {
    selection,
    revision,
    initial: initial === null ? revision === 0 : initial === "true",
    bookmarks: query.get("allowWatchBookmarks") === "true",
    timeoutMs: (timeout > 0 ? timeout : defaultTimeoutSeconds) * 1000,
  };
  // From version 0 a stream starts with what is there, and says so when bookmarks are allowed.
  return (sink) => start(cluster, call, plan, sink);
}

interface Plan {
  readonly selection: Selection;
  readonly revision: number;
  readonly initial: boolean;
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
}

function start(cluster: Cluster, call: Call, plan: Plan, sink: StreamSink): () => void {
  const { resource, namespace, version } = call.request;
  const { store } = cluster;
  const key = keyOfResource(resource);
  const deliver = (event: StoreEvent) => {
    const seen = transition(event, plan.selection);
    if (seen === undefined) return;
    const object = inVersion(resource, seen.object, version);
    sink.send({ type: seen.type, object, source: seen.object === event.object ? event : undefined });
  };
  let stopWatch: () => void = () => undefined;
  const from = plan.initial ? store.revision : plan.revision === 0 ? store.revision : plan.revision;
  if (plan.initial) {
    for (const object of store.list(key, namespace)) {
      if (!plan.selection.predicate(object)) continue;
      sink.send({ type: "ADDED", object: inVersion(resource, object, version), source: undefined });
    }
  }
  const bookmark = (annotations?: Record<string, string>) => sink.send(bookmarkOf(call, store.revision, annotations));
  if (plan.initial && plan.bookmarks) bookmark({ "k8s.io/initial-events-end": "true" });
  try {
    stopWatch = store.watch(key, namespace, from, deliver);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    sink.send({ type: "ERROR", error });
    sink.end();
    return () => undefined;
  }
  const timers = [setTimeout(() => sink.end(), plan.timeoutMs)];
  if (plan.bookmarks) {
    timers.push(setInterval(() => bookmark(), bookmarkEveryMs));
    if (plan.timeoutMs > bookmarkEveryMs) {
      timers.push(setTimeout(() => bookmark(), plan.timeoutMs - bookmarkBeforeEndMs));
    }
  }
  const stopRegistry = cluster.registry.onChange(() => {
    if (cluster.registry.byKey(key) === undefined) sink.end();
  });
  return () => {
    stopWatch();
    stopRegistry();
    for (const timer of timers) clearTimeout(timer);
  };
}

/** What an event means to somebody who sees only the selected objects. */
export function transition(
  event: StoreEvent,
  selection: Selection,
): { type: StoreEvent["type"]; object: KubeObject } | undefined {
  if (selection.all) return event;
  const { predicate } = selection;
  const before = event.old !== undefined && predicate(event.old);
  if (event.type === "DELETED") return before || predicate(event.object) ? event : undefined;
  const after = predicate(event.object);
  if (after) return { type: before ? "MODIFIED" : "ADDED", object: event.object };
  if (!before || event.old === undefined) return undefined;
  const metadata = { ...event.old.metadata, resourceVersion: String(event.revision) };
  return { type: "DELETED", object: { ...event.old, metadata } };
}

function bookmarkOf(call: Call, revision: number, annotations?: Record<string, string>): StreamEvent {
  const { resource, version } = call.request;
  return {
    type: "BOOKMARK",
    object: {
      kind: resource.kind,
      apiVersion: apiVersionOf(resource.group, version),
      metadata: {
        resourceVersion: String(revision),
        ...(annotations === undefined ? {} : { annotations }),
      } as KubeObject["metadata"],
    },
  };
}

function checkWatchOptions(query: URLSearchParams): void {
  const match = query.get("resourceVersionMatch") ?? "";
  const initial = query.get("sendInitialEvents");
  const errors: FieldError[] = [];
  const forbidden = (field: string, text: string) =>
    errors.push({ reason: "FieldValueForbidden", field, message: `Forbidden: ${text}` });
  if (initial === null) {
    if (match !== "") {
      forbidden(
        "resourceVersionMatch",
        "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
      );
    }
  } else if (match !== "NotOlderThan") {
    forbidden("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    if (match !== "") {
      const message = `Unsupported value: ${JSON.stringify(match)}: supported values: "NotOlderThan"`;
      errors.push({ reason: "FieldValueNotSupported", field: "resourceVersionMatch", message });
    }
  }
  if (errors.length > 0) throw invalid("meta.k8s.io", "ListOptions", "", errors);
}
