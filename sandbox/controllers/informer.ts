/**
 * Shared caches of what the API server holds, fed by watches, with the indexes that controllers ask for. A controller that
 * writes shows the answer to the cache at once, so it never acts on a state older than its own last write.
 */
import type { Client, KubeObject, ResourceKey, WatchType } from "../apiserver/types.ts";
import { entryOf } from "./maps.ts";
import { keyOfObject } from "./metadata.ts";

export interface Change<T extends KubeObject = KubeObject> {
  readonly type: WatchType;
  readonly object: T;
  /** The state before, as far as it was seen. */
  readonly old: T | undefined;
}

const NOTHING: ReadonlyMap<string, never> = new Map<string, never>();

export class Informer<T extends KubeObject = KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #byNamespace = new Map<string, Map<string, T>>();
  readonly #byOwner = new Map<string, Map<string, T>>();
  readonly #listeners = new Set<(change: Change<T>) => void>();
  readonly #stop: () => void;

  constructor(client: Client, key: ResourceKey) {
    this.#stop = client.watch(key, ({ type, object }) => {
      if (type === "DELETED") this.remove(object as T);
      else this.observe(object as T);
    });
  }

  get(namespace: string, name: string): T | undefined {
    return this.#objects.get(`${namespace}/${name}`);
  }

  /** All objects of a namespace; of all namespaces when none is given. */
  list(namespace?: string): T[] {
    const objects = namespace === undefined ? this.#objects : (this.#byNamespace.get(namespace) ?? NOTHING);
    return [...objects.values()];
  }

  /** Objects that name this uid in their ownerReferences. */
  ownedBy(uid: string | undefined): T[] {
    return [...(this.#byOwner.get(uid ?? "") ?? NOTHING).values()];
  }

  /** Calls the listener for everything there is, then for every change. */
  listen(listener: (change: Change<T>) => void): void {
    this.#listeners.add(listener);
    for (const object of this.#objects.values()) listener({ type: "ADDED", object, old: undefined });
  }

  /** Takes in a newer state of an object; older ones are ignored. */
  observe(object: T): void {
    const key = keyOfObject(object);
    const old = this.#objects.get(key);
    if (old !== undefined && version(old) >= version(object)) return;
    if (old !== undefined) this.#unindex(key, old);
    this.#index(key, object);
    this.#tell({ type: old === undefined ? "ADDED" : "MODIFIED", object, old });
  }

  remove(object: T): void {
    const key = keyOfObject(object);
    const old = this.#objects.get(key);
    if (old === undefined || old.metadata.uid !== object.metadata.uid) return;
    this.#unindex(key, old);
    this.#tell({ type: "DELETED", object, old });
  }

  stop(): void {
    this.#stop();
    this.#listeners.clear();
  }

  #tell(change: Change<T>): void {
    for (const listener of this.#listeners) listener(change);
  }

  #index(key: string, object: T): void {
    this.#objects.set(key, object);
    put(this.#byNamespace, object.metadata.namespace ?? "", key, object);
    for (const { uid } of object.metadata.ownerReferences ?? []) put(this.#byOwner, uid, key, object);
  }

  #unindex(key: string, object: T): void {
    this.#objects.delete(key);
    drop(this.#byNamespace, object.metadata.namespace ?? "", key);
    for (const { uid } of object.metadata.ownerReferences ?? []) drop(this.#byOwner, uid, key);
  }
}

/** One informer per resource, made on first use. */
export class Informers {
  readonly #client: Client;
  readonly #informers = new Map<ResourceKey, Informer>();

  constructor(client: Client) {
    this.#client = client;
  }

  of<T extends KubeObject = KubeObject>(key: ResourceKey): Informer<T> {
    const informer = entryOf(this.#informers, key, () => new Informer(this.#client, key));
    // The caller names the kind behind the key.
    return informer as unknown as Informer<T>;
  }

  stop(): void {
    for (const informer of this.#informers.values()) informer.stop();
  }
}

function version(object: KubeObject): number {
  return Number(object.metadata.resourceVersion ?? 0);
}

function put<T>(index: Map<string, Map<string, T>>, group: string, key: string, value: T): void {
  entryOf(index, group, () => new Map<string, T>()).set(key, value);
}

function drop<T>(index: Map<string, Map<string, T>>, group: string, key: string): void {
  const members = index.get(group);
  members?.delete(key);
  if (members?.size === 0) index.delete(group);
}
