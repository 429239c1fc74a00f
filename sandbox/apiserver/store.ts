import {
  ApiError,
  isEqualJson,
  type KubeObject,
  type ManagedFieldsEntry,
  type ResourceKey,
  type Store,
  type StoreEvent,
  type WatchType,
} from "./types.ts";

/** How many events of one resource can be watched again; etcd keeps five minutes, a laptop does not need that many. */
const defaultHistory = 2_000;

/** What the API server needs beyond the narrow store: states of the past, for pages that belong together. */
export interface VersionedStore extends Store {
  /** The list as it was at `revision`. Throws ApiError 410 when that is forgotten. */
  listAt(resource: ResourceKey, namespace: string, revision: number): KubeObject[];
  /** Forgets the history up to now: watches of older revisions get 410. */
  compact(): void;
  /** Calls back (once) when the revision reaches `revision`. Returns the way to stop waiting. */
  whenRevision(revision: number, reached: () => void): () => void;
}

/** A write as it is kept: of a deletion, the object has its name only. */
export interface KeptWrite {
  readonly resource: ResourceKey;
  readonly type: WatchType;
  readonly object: KubeObject;
  readonly revision: number;
}

export interface KeptObject {
  readonly resource: ResourceKey;
  readonly object: KubeObject;
}

/** Where a store keeps its writes, so that another one can go on from there. */
export interface Journal {
  /** Tells what was kept, once and in order: first objects as they were at a revision, then what was written since. */
  restore(target: {
    object(kept: KeptObject): void;
    write(kept: KeptWrite): void;
    revision(revision: number): void;
  }): void;
  /** From here on writes come, and the whole state can be had. */
  begin(state: () => { revision: number; objects: Iterable<KeptObject> }): void;
  /** Returns when the write is kept: only then does it happen. Throws ApiError when it cannot be. */
  append(write: KeptWrite): void;
  /** A revision was used up without a write. */
  appendRevision(revision: number): void;
}

type Listener = (event: StoreEvent) => void;

/** Objects of one resource, by namespace, and what happened to them. */
interface Bucket {
  readonly byNamespace: Map<string, Map<string, KubeObject>>;
  /** Sorted lists by namespace ("" = all), thrown away by every change of membership and rebuilt on demand. */
  readonly sorted: Map<string, KubeObject[]>;
  history: StoreEvent[];
  /** The newest revision that history no longer holds. */
  forgotten: number;
  readonly listeners: Map<string, Set<Listener>>;
}

/**
 * A store: empty, or with what the journal has kept. `history` is the number of events per resource that are remembered for
 * watches that start late.
 */
export function createStore(history: number = defaultHistory, journal?: Journal): VersionedStore {
  const buckets = new Map<ResourceKey, Bucket>();
  const waiting = new Set<{ revision: number; reached: () => void }>();
  let revision = 1;
  let compacted = 0;

  const bucketOf = (resource: ResourceKey): Bucket => {
    let bucket = buckets.get(resource);
    if (bucket === undefined) {
      bucket = { byNamespace: new Map(), sorted: new Map(), history: [], forgotten: compacted, listeners: new Map() };
      buckets.set(resource, bucket);
    }
    return bucket;
  };

  const find = (resource: ResourceKey, namespace: string, name: string): KubeObject | undefined =>
    buckets.get(resource)?.byNamespace.get(namespace)?.get(name);

  const commit = (resource: ResourceKey, type: WatchType, object: KubeObject, old: KubeObject | undefined) => {
    const bucket = bucketOf(resource);
    const namespace = object.metadata.namespace ?? "";
    journal?.append({ resource, type, object, revision });
    place(bucket, namespace, type, object);
    const event: StoreEvent = old === undefined ? { type, object, revision } : { type, object, old, revision };
    remember(bucket, event, history);
    for (const listener of [...(bucket.listeners.get("") ?? [])]) listener(event);
    if (namespace !== "") for (const listener of [...(bucket.listeners.get(namespace) ?? [])]) listener(event);
    for (const waiter of [...waiting]) {
      if (waiter.revision > revision) continue;
      waiting.delete(waiter);
      waiter.reached();
    }
  };

  const restored = {
    object({ resource, object }: KeptObject) {
      place(bucketOf(resource), object.metadata.namespace ?? "", "ADDED", freeze(object));
    },
    write({ resource, type, object, revision: at }: KeptWrite) {
      const { namespace = "", name = "" } = object.metadata;
      const old = find(resource, namespace, name);
      const full =
        type === "DELETED" ? { ...object, ...old, metadata: { ...old?.metadata, resourceVersion: `${at}` } } : object;
      const event = { type, object: freeze(full), revision: at };
      const bucket = bucketOf(resource);
      place(bucket, namespace, type, full);
      remember(bucket, old === undefined ? event : { ...event, old }, history);
      revision = at;
    },
    revision(at: number) {
      revision = at;
      // A journal begins with a snapshot, which knows nothing of what was before.
      if (buckets.size === 0) compacted = at;
    },
  };
  if (journal !== undefined) {
    journal.restore(restored);
    journal.begin(() => ({ revision, objects: [...present(buckets)] }));
  }

  const stamped = (object: KubeObject): KubeObject => {
    revision += 1;
    const metadata = { ...object.metadata, resourceVersion: String(revision) };
    if (metadata.managedFields !== undefined) metadata.managedFields = metadata.managedFields.map(shared);
    return freeze({ ...object, metadata });
  };

  const current = (resource: ResourceKey, namespace: string, name: string, expected: string | undefined) => {
    const old = find(resource, namespace, name);
    if (old === undefined) throw gone(resource, name);
    if (expected !== undefined && old.metadata.resourceVersion !== expected) throw stale(resource, name);
    return old;
  };

  return {
    get revision() {
      return revision;
    },
    get: find,
    list: (resource, namespace) => sortedList(bucketOf(resource), namespace),
    listAt(resource, namespace, at) {
      const bucket = bucketOf(resource);
      if (at < bucket.forgotten) throw forgotten();
      return rewind(bucket, namespace, at);
    },
    create(resource, object) {
      const { namespace = "", name = "" } = object.metadata;
      if (find(resource, namespace, name) !== undefined) throw taken(resource, name);
      const created = stamped(object);
      commit(resource, "ADDED", created, undefined);
      return created;
    },
    update(resource, object, expectedVersion) {
      const { namespace = "", name = "" } = object.metadata;
      const old = current(resource, namespace, name, expectedVersion);
      if (sameContent(old, object)) return old;
      const updated = stamped(object);
      commit(resource, "MODIFIED", updated, old);
      return updated;
    },
    delete(resource, namespace, name, expectedVersion) {
      const old = current(resource, namespace, name, expectedVersion);
      const removed = stamped(old);
      commit(resource, "DELETED", removed, old);
      return removed;
    },
    watch(resource, namespace, from, listener) {
      const bucket = bucketOf(resource);
      if (from < bucket.forgotten) {
        throw new ApiError(410, "Expired", `too old resource version: ${from} (${bucket.forgotten + 1})`);
      }
      const { history: past } = bucket;
      for (let index = firstAfter(past, from); index < past.length; index += 1) {
        const event = past[index] as StoreEvent;
        if (namespace === "" || event.object.metadata.namespace === namespace) listener(event);
      }
      const live: Listener = (event) => {
        if (event.revision > from) listener(event);
      };
      const listeners = bucket.listeners.get(namespace) ?? new Set();
      bucket.listeners.set(namespace, listeners.add(live));
      return () => listeners.delete(live);
    },
    compact() {
      // A real server's compaction is a write by itself; so even the newest list known to a client is older than this.
      revision += 1;
      journal?.appendRevision(revision);
      compacted = revision;
      for (const bucket of buckets.values()) {
        bucket.history = [];
        bucket.forgotten = revision;
      }
    },
    whenRevision(wanted, reached) {
      if (wanted <= revision) {
        reached();
        return () => undefined;
      }
      const waiter = { revision: wanted, reached };
      waiting.add(waiter);
      return () => waiting.delete(waiter);
    },
  };
}

function remember(bucket: Bucket, event: StoreEvent, history: number): void {
  bucket.history.push(event);
  if (bucket.history.length <= history * 1.25) return;
  const dropped = bucket.history.splice(0, bucket.history.length - history);
  bucket.forgotten = dropped.at(-1)?.revision ?? bucket.forgotten;
}

function place(bucket: Bucket, namespace: string, type: WatchType, object: KubeObject): void {
  const name = object.metadata.name ?? "";
  const inNamespace = bucket.byNamespace.get(namespace) ?? new Map<string, KubeObject>();
  bucket.byNamespace.set(namespace, inNamespace);
  if (type === "DELETED") inNamespace.delete(name);
  else inNamespace.set(name, object);
  bucket.sorted.delete("");
  bucket.sorted.delete(namespace);
}

function* present(buckets: ReadonlyMap<ResourceKey, Bucket>): Iterable<KeptObject> {
  for (const [resource, { byNamespace }] of buckets) {
    for (const objects of byNamespace.values()) for (const object of objects.values()) yield { resource, object };
  }
}

function sortedList(bucket: Bucket, namespace: string): KubeObject[] {
  const kept = bucket.sorted.get(namespace);
  if (kept !== undefined) return kept;
  let list: KubeObject[];
  if (namespace === "") {
    const namespaces = [...bucket.byNamespace.keys()].sort((a, b) => order(`${a}/`, `${b}/`));
    // What is in no namespace is under the same key as everything.
    const listOf = (each: string) => (each === "" ? byName(bucket.byNamespace.get("")) : sortedList(bucket, each));
    list = namespaces.flatMap(listOf);
  } else list = byName(bucket.byNamespace.get(namespace));
  // Kept until the next change, so nobody may reorder it.
  Object.freeze(list);
  bucket.sorted.set(namespace, list);
  return list;
}

function byName(objects: Map<string, KubeObject> | undefined): KubeObject[] {
  return [...(objects?.entries() ?? [])].sort(([a], [b]) => order(a, b)).map(([, object]) => object);
}

/** Undoes the events after `revision`, newest first. */
function rewind(bucket: Bucket, namespace: string, revision: number): KubeObject[] {
  const first = firstAfter(bucket.history, revision);
  if (first === bucket.history.length) return sortedList(bucket, namespace);
  const objects = new Map(sortedList(bucket, namespace).map((object) => [pathOf(object), object]));
  for (const event of bucket.history.slice(first).reverse()) {
    if (namespace !== "" && event.object.metadata.namespace !== namespace) continue;
    if (event.old === undefined) objects.delete(pathOf(event.object));
    else objects.set(pathOf(event.object), event.old);
  }
  return [...objects.entries()].sort(([a], [b]) => order(a, b)).map(([, object]) => object);
}

/** Key of an object within its resource, in the order in which lists are served. */
export function pathOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name ?? ""}`;
}

function firstAfter(history: readonly StoreEvent[], revision: number): number {
  let low = 0;
  let high = history.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((history[middle] as StoreEvent).revision > revision) high = middle;
    else low = middle + 1;
  }
  return low;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sameContent(old: KubeObject, next: KubeObject): boolean {
  const version = old.metadata.resourceVersion;
  const same = next.metadata.resourceVersion === version;
  return isEqualJson(
    old,
    same || version === undefined ? next : { ...next, metadata: { ...next.metadata, resourceVersion: version } },
  );
}

const ownerships = new Map<string, Readonly<ManagedFieldsEntry["fieldsV1"]>>();
const rememberedOwnerships = 2_000;

/** Thousands of objects are owned field by field in the same way, and that takes more room than most objects: once is enough. */
function shared(entry: ManagedFieldsEntry): ManagedFieldsEntry {
  if (Object.isFrozen(entry)) return entry;
  const text = JSON.stringify(entry.fieldsV1);
  let fieldsV1 = ownerships.get(text);
  if (fieldsV1 === undefined) {
    if (ownerships.size >= rememberedOwnerships) ownerships.clear();
    fieldsV1 = freeze(entry.fieldsV1);
    ownerships.set(text, fieldsV1);
  }
  return { ...entry, fieldsV1 };
}

/** Freezes all the way down: a reader that changes a stored object gets a TypeError instead of corrupting the cluster. */
function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const child of Object.values(value)) freeze(child);
  return value;
}

function split(resource: ResourceKey): { group: string; plural: string } {
  const dot = resource.indexOf(".");
  return dot < 0 ? { group: "", plural: resource } : { group: resource.slice(dot + 1), plural: resource.slice(0, dot) };
}

function details(resource: ResourceKey, name: string) {
  const { group, plural } = split(resource);
  return group === "" ? { name, kind: plural } : { name, group, kind: plural };
}

function gone(resource: ResourceKey, name: string): ApiError {
  return new ApiError(404, "NotFound", `${resource} "${name}" not found`, details(resource, name));
}

function taken(resource: ResourceKey, name: string): ApiError {
  return new ApiError(409, "AlreadyExists", `${resource} "${name}" already exists`, details(resource, name));
}

function stale(resource: ResourceKey, name: string): ApiError {
  const text = "the object has been modified; please apply your changes to the latest version and try again";
  const message = `Operation cannot be fulfilled on ${resource} "${name}": ${text}`;
  return new ApiError(409, "Conflict", message, details(resource, name));
}

function forgotten(): ApiError {
  return new ApiError(410, "Expired", "The resourceVersion for the provided list is too old.");
}
