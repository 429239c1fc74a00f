/** A few dozen lines of API server for the controllers' own tests: storage, generations, subresources, graceful deletion. */
import { randomUUID } from "node:crypto";
import {
  ApiError,
  type Client,
  clone,
  type KubeObject,
  type ListOptions,
  type PatchType,
  type ResourceKey,
  type WatchType,
} from "../../sandbox/apiserver/types.ts";

import { entryOf } from "../../sandbox/controllers/maps.ts";

type Listener = (event: { type: WatchType; object: KubeObject }) => void;

export class MemoryApi implements Client {
  readonly #objects = new Map<ResourceKey, Map<string, KubeObject>>();
  readonly #listeners = new Map<ResourceKey, Set<Listener>>();
  readonly #changed = new Set<() => void>();
  #revision = 0;
  /** Refuses creations of a resource with this error. */
  refuse: { key: ResourceKey; error: ApiError } | undefined;

  get(key: ResourceKey, namespace: string, name: string): KubeObject | undefined {
    return this.#of(key).get(`${namespace}/${name}`);
  }

  list(key: ResourceKey, namespace?: string, _options?: ListOptions): KubeObject[] {
    return [...this.#of(key).values()].filter(({ metadata }) => !namespace || metadata.namespace === namespace);
  }

  async create(key: ResourceKey, object: KubeObject): Promise<KubeObject> {
    if (this.refuse?.key === key) throw this.refuse.error;
    const next = clone(object);
    const { metadata } = next;
    if (key !== "namespaces" && key !== "nodes") metadata.namespace ??= "default";
    metadata.name ??= `${metadata.generateName}${randomUUID().slice(0, 5)}`;
    metadata.uid = randomUUID();
    metadata.creationTimestamp = `${new Date().toISOString().slice(0, 19)}Z`;
    metadata.generation = 1;
    if (key === "pods") next["status"] = { phase: "Pending" };
    else if (key !== "nodes") delete next["status"];
    if (this.get(key, metadata.namespace ?? "", metadata.name) !== undefined) {
      throw new ApiError(409, "AlreadyExists", `${key} "${metadata.name}" already exists`);
    }
    return this.#store(key, next, "ADDED");
  }

  async update(key: ResourceKey, object: KubeObject, subresource?: string): Promise<KubeObject> {
    const old = this.#existing(key, object.metadata.namespace ?? "", object.metadata.name ?? "");
    if (subresource === "binding") {
      const conditions = [{ type: "PodScheduled", status: "True" }];
      const spec = { ...old["spec"], nodeName: object["target"].name };
      return this.#store(key, { ...clone(old), spec, status: { ...old["status"], conditions } }, "MODIFIED");
    }
    const version = object.metadata.resourceVersion;
    if (version !== undefined && version !== old.metadata.resourceVersion) {
      throw new ApiError(409, "Conflict", `${key} "${object.metadata.name}" was modified`);
    }
    return this.#write(key, old, clone(object), subresource);
  }

  async patch(
    key: ResourceKey,
    namespace: string,
    name: string,
    _type: PatchType,
    body: unknown,
    subresource?: string,
  ): Promise<KubeObject> {
    const old = this.#existing(key, namespace, name);
    return this.#write(key, old, merge(old, body) as KubeObject, subresource);
  }

  async delete(
    key: ResourceKey,
    namespace: string,
    name: string,
    options: { propagationPolicy?: string; gracePeriodSeconds?: number; uid?: string } = {},
  ): Promise<void> {
    const old = this.get(key, namespace, name);
    if (old === undefined) return;
    if (options.uid !== undefined && options.uid !== old.metadata.uid)
      throw new ApiError(409, "Conflict", "uid differs");
    const finalizers = [...(old.metadata.finalizers ?? [])];
    if (options.propagationPolicy === "Foreground") finalizers.push("foregroundDeletion");
    if (options.propagationPolicy === "Orphan") finalizers.push("orphan");
    const running = key === "pods" && old["spec"].nodeName !== undefined;
    const grace = running ? (options.gracePeriodSeconds ?? old["spec"].terminationGracePeriodSeconds ?? 30) : 0;
    if (finalizers.length === 0 && grace === 0) {
      this.#of(key).delete(`${namespace}/${name}`);
      this.#tell(key, "DELETED", { ...old, metadata: { ...old.metadata, resourceVersion: String(++this.#revision) } });
      return;
    }
    if (old.metadata.deletionTimestamp !== undefined && key === "pods") return;
    const next = clone(old);
    next.metadata.deletionTimestamp = new Date(Date.now() + grace * 1000).toISOString();
    next.metadata.deletionGracePeriodSeconds = grace;
    if (finalizers.length > 0) next.metadata.finalizers = [...new Set(finalizers)];
    this.#store(key, next, "MODIFIED");
  }

  watch(key: ResourceKey, listener: Listener): () => void {
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners.add(listener));
    for (const object of this.#of(key).values()) listener({ type: "ADDED", object });
    return () => listeners.delete(listener);
  }

  /** Resolves when the condition holds after some write; rejects after the deadline. */
  until<T>(condition: () => T | undefined | false, what: string, deadlineMs = 5000): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = condition();
        if (found === undefined || found === false) return;
        clearTimeout(timer);
        this.#changed.delete(look);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.#changed.delete(look);
        reject(new Error(`waited in vain for ${what}`));
      }, deadlineMs);
      this.#changed.add(look);
      look();
    });
  }

  #write(key: ResourceKey, old: KubeObject, wanted: KubeObject, subresource: string | undefined): KubeObject {
    const next = clone(old);
    if (subresource === "scale") next["spec"].replicas = wanted["spec"].replicas;
    else if (subresource === "status") {
      next["status"] = wanted["status"];
      next.metadata = {
        ...next.metadata,
        ...(wanted.metadata.annotations && { annotations: wanted.metadata.annotations }),
      };
    } else if (subresource === "finalize") next["spec"] = wanted["spec"];
    else {
      const { status, ...rest } = wanted;
      Object.assign(next, rest);
      if (status === undefined || old["status"] !== undefined) next["status"] = old["status"];
    }
    if (subresource !== "status" && JSON.stringify(next["spec"]) !== JSON.stringify(old["spec"])) {
      next.metadata.generation = (old.metadata.generation ?? 0) + 1;
    }
    if (JSON.stringify(next) === JSON.stringify(old)) return old;
    const finalizers = [...(next.metadata.finalizers ?? []), ...(next["spec"]?.finalizers ?? [])];
    const released = next.metadata.deletionTimestamp !== undefined && finalizers.length === 0;
    if (released && (key !== "pods" || next.metadata.deletionGracePeriodSeconds === 0)) {
      this.#of(key).delete(`${next.metadata.namespace ?? ""}/${next.metadata.name}`);
      this.#tell(key, "DELETED", next);
      return next;
    }
    return this.#store(key, next, "MODIFIED");
  }

  #store(key: ResourceKey, object: KubeObject, type: WatchType): KubeObject {
    object.metadata.resourceVersion = String(++this.#revision);
    const stored = JSON.parse(JSON.stringify(object)) as KubeObject;
    this.#of(key).set(`${object.metadata.namespace ?? ""}/${object.metadata.name}`, stored);
    this.#tell(key, type, stored);
    return stored;
  }

  #tell(key: ResourceKey, type: WatchType, object: KubeObject): void {
    for (const listener of this.#listeners.get(key) ?? []) listener({ type, object });
    for (const look of [...this.#changed]) look();
  }

  #existing(key: ResourceKey, namespace: string, name: string): KubeObject {
    const object = this.get(key, namespace, name);
    if (object === undefined) throw new ApiError(404, "NotFound", `${key} "${name}" not found`);
    return object;
  }

  #of(key: ResourceKey): Map<string, KubeObject> {
    return entryOf(this.#objects, key, () => new Map<string, KubeObject>());
  }
}

function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = typeof target === "object" && target !== null ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merge(result[name], value);
  }
  return result;
}
