/**
 * Owner references: dependents of what is gone are deleted, a foreground deletion waits for its dependents, an orphaning one
 * lets them go. Keys are `resource|namespace/name`.
 */
import { isDeepStrictEqual } from "node:util";
import { ApiError, type KubeObject, type OwnerReference, type ResourceKey } from "../apiserver/types.ts";
import type { Access } from "./access.ts";
import type { Change } from "./informer.ts";
import { keyOfObject, splitKey } from "./metadata.ts";
import type { KeyQueue } from "./queue.ts";
import type { KnownResource, ResourceMap } from "./resourceMap.ts";

const FOREGROUND = "foregroundDeletion";
const ORPHAN = "orphan";

interface Dependent {
  readonly resource: KnownResource;
  readonly object: KubeObject;
}

export class GarbageCollector {
  readonly #access: Access;
  readonly #resources: ResourceMap;

  constructor(access: Access, resources: ResourceMap) {
    this.#access = access;
    this.#resources = resources;
  }

  watch(queue: KeyQueue): void {
    this.#resources.listen((resource) => {
      this.#access.informer(resource.key).listen((change) => {
        if (change.type === "DELETED") {
          this.#enqueueDependents(queue, change.object);
          this.#enqueueOwners(queue, change.object);
        } else if (concernsCollector(change)) {
          queue.add(`${resource.key}|${keyOfObject(change.object)}`);
        }
      });
    });
  }

  /** One look at one object: at its owners, and at its dependents when it is on its way out. */
  async sync(key: string): Promise<undefined> {
    const bar = key.indexOf("|");
    const resource = key.slice(0, bar);
    const { namespace, name } = splitKey(key.slice(bar + 1));
    const object = this.#access.informer(resource).get(namespace, name);
    if (object === undefined) return undefined;
    const { finalizers = [], deletionTimestamp, ownerReferences = [] } = object.metadata;
    if (deletionTimestamp !== undefined) {
      if (finalizers.includes(ORPHAN)) await this.#orphanDependents(resource, object);
      else if (finalizers.includes(FOREGROUND)) await this.#deleteDependents(resource, object);
    } else if (ownerReferences.length > 0) {
      await this.#checkOwners(resource, object, ownerReferences);
    }
    return undefined;
  }

  #enqueueDependents(queue: KeyQueue, owner: KubeObject): void {
    for (const { resource, object } of this.#dependentsOf(owner)) queue.add(`${resource.key}|${keyOfObject(object)}`);
  }

  /** Owners that wait for their dependents. */
  #enqueueOwners(queue: KeyQueue, dependent: KubeObject): void {
    for (const reference of dependent.metadata.ownerReferences ?? []) {
      const resource = this.#resources.find(reference.apiVersion, reference.kind);
      const namespace = resource?.namespaced ? (dependent.metadata.namespace ?? "") : "";
      if (resource !== undefined) queue.add(`${resource.key}|${namespace}/${reference.name}`);
    }
  }

  #dependentsOf(owner: KubeObject): Dependent[] {
    return this.#resources.all().flatMap((resource) =>
      this.#access
        .informer(resource.key)
        .ownedBy(owner.metadata.uid)
        .map((object) => ({ resource, object })),
    );
  }

  async #checkOwners(key: ResourceKey, object: KubeObject, references: readonly OwnerReference[]): Promise<void> {
    const absent = references.filter((reference) => this.#isAbsent(object, reference));
    if (absent.length === 0) return;
    if (absent.length === references.length) {
      await this.#access.remove(key, object, { propagationPolicy: "Background" });
      return;
    }
    await this.#dropReferences(key, object, new Set(absent.map(({ uid }) => uid)));
  }

  /** Owners of kinds that nobody serves may exist elsewhere: they count as present. */
  #isAbsent(dependent: KubeObject, { apiVersion, kind, name, uid }: OwnerReference): boolean {
    const resource = this.#resources.find(apiVersion, kind);
    if (resource === undefined) return false;
    const namespace = resource.namespaced ? (dependent.metadata.namespace ?? "") : "";
    if (this.#access.informer(resource.key).get(namespace, name)?.metadata.uid === uid) return false;
    try {
      return this.#access.client.get(resource.key, namespace, name)?.metadata.uid !== uid;
    } catch (error) {
      // A kind that is announced but not served yet.
      if (error instanceof ApiError && error.code === 404) return false;
      throw error;
    }
  }

  async #orphanDependents(key: ResourceKey, owner: KubeObject): Promise<void> {
    for (const { resource, object } of this.#dependentsOf(owner)) {
      await this.#dropReferences(resource.key, object, new Set([owner.metadata.uid ?? ""]));
    }
    await this.#removeFinalizer(key, owner, ORPHAN);
  }

  async #deleteDependents(key: ResourceKey, owner: KubeObject): Promise<void> {
    const dependents = this.#dependentsOf(owner);
    const { uid } = owner.metadata;
    const blocks = (object: KubeObject): boolean =>
      object.metadata.ownerReferences?.some((each) => each.uid === uid && each.blockOwnerDeletion === true) ?? false;
    for (const { resource, object } of dependents) {
      if (object.metadata.deletionTimestamp !== undefined) continue;
      const others = (object.metadata.ownerReferences ?? []).filter((each) => each.uid !== uid);
      if (others.some((each) => !this.#isAbsent(object, each))) {
        await this.#dropReferences(resource.key, object, new Set([uid ?? ""]));
      } else {
        await this.#access.remove(resource.key, object, { propagationPolicy: "Foreground" });
      }
    }
    if (!this.#dependentsOf(owner).some(({ object }) => blocks(object))) {
      await this.#removeFinalizer(key, owner, FOREGROUND);
    }
  }

  async #dropReferences(key: ResourceKey, object: KubeObject, uids: ReadonlySet<string>): Promise<void> {
    const left = (object.metadata.ownerReferences ?? []).filter(({ uid }) => !uids.has(uid));
    await this.#access.patch(key, object, "merge", {
      metadata: { uid: object.metadata.uid, ownerReferences: left.length === 0 ? null : left },
    });
  }

  async #removeFinalizer(key: ResourceKey, object: KubeObject, finalizer: string): Promise<void> {
    const { namespace = "", name = "", uid, resourceVersion } = object.metadata;
    const finalizers = (object.metadata.finalizers ?? []).filter((each) => each !== finalizer);
    const metadata = { uid, resourceVersion, finalizers: finalizers.length === 0 ? null : finalizers };
    try {
      await this.#access.client.patch(key, namespace, name, "merge", { metadata });
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 404) throw error;
    }
  }
}

/** New owners, or a deletion that waits for the collector. Owners that go are seen at the owner. */
function concernsCollector({ object, old }: Change): boolean {
  const { ownerReferences, finalizers = [] } = object.metadata;
  if (finalizers.includes(FOREGROUND) || finalizers.includes(ORPHAN)) return true;
  return ownerReferences !== undefined && !isDeepStrictEqual(old?.metadata.ownerReferences, ownerReferences);
}
