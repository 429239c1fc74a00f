/** What one controller works with: the API as its own user, the shared caches, its events, the time. */
import type { Client, KubeObject, PatchType, ResourceKey } from "../apiserver/types.ts";
import { EventRecorder } from "./events.ts";
import type { Informer, Informers } from "./informer.ts";

type DeleteOptions = NonNullable<Parameters<Client["delete"]>[3]>;
export type Log = (message: string, values: Record<string, unknown>) => void;

interface AccessOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly component: string;
  readonly fieldManager: string;
  readonly clock: () => Date;
}

/** Writes through to the caches: what it has written is read back at once. */
export class Access {
  readonly client: Client;
  readonly events: EventRecorder;
  readonly now: () => Date;
  readonly #informers: Informers;
  readonly #write: { readonly fieldManager: string };

  constructor(options: AccessOptions) {
    this.client = options.client;
    this.now = options.clock;
    this.events = new EventRecorder(options.client, options.component, options.clock);
    this.#informers = options.informers;
    this.#write = { fieldManager: options.fieldManager };
  }

  informer<T extends KubeObject = KubeObject>(key: ResourceKey): Informer<T> {
    return this.#informers.of<T>(key);
  }

  async create<T extends KubeObject>(key: ResourceKey, object: KubeObject): Promise<T> {
    return this.#seen<T>(key, await this.client.create(key, object, this.#write));
  }

  async update<T extends KubeObject>(key: ResourceKey, object: T, subresource?: string): Promise<T> {
    return this.#seen<T>(key, await this.client.update(key, object, subresource, this.#write));
  }

  /** Patches an object. The answer to `scale` is another kind and is not cached. */
  async patch(
    key: ResourceKey,
    object: KubeObject,
    type: PatchType,
    body: unknown,
    subresource?: string,
  ): Promise<void> {
    const { namespace = "", name = "" } = object.metadata;
    const answer = await this.client.patch(key, namespace, name, type, body, subresource, this.#write);
    if (subresource !== "scale") this.#seen(key, answer);
  }

  /** Deletes this very object, not a namesake that has come since. */
  async remove(key: ResourceKey, object: KubeObject, options: DeleteOptions = {}): Promise<void> {
    const { namespace = "", name = "", uid = "" } = object.metadata;
    await this.client.delete(key, namespace, name, { ...options, uid });
    const left = this.client.get(key, namespace, name);
    if (left !== undefined && left.metadata.uid === uid) this.informer(key).observe(left);
    else this.informer(key).remove(object);
  }

  #seen<T extends KubeObject>(key: ResourceKey, object: KubeObject): T {
    this.informer(key).observe(object);
    return object as T;
  }
}
