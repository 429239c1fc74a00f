import { keyOf, type Resource, type ResourceKey } from "./types.ts";

/** The resources that are served right now. Built-in kinds stay; kinds of CRDs come and go. */
export class Registry {
  readonly #resources = new Map<ResourceKey, Resource>();
  readonly #listeners = new Set<() => void>();

  /** Adds a resource, or replaces the one with the same key. */
  add(resource: Resource): void {
    this.#resources.set(keyOf(resource.group, resource.plural), resource);
    this.#changed();
  }

  remove(key: ResourceKey): void {
    if (this.#resources.delete(key)) this.#changed();
  }

  byKey(key: ResourceKey): Resource | undefined {
    return this.#resources.get(key);
  }

  /** The resource if it is served in that version. */
  find(group: string, version: string, plural: string): Resource | undefined {
    const resource = this.#resources.get(keyOf(group, plural));
    return resource?.versions.includes(version) ? resource : undefined;
  }

  /** In the order in which they were added. */
  all(): Resource[] {
    return [...this.#resources.values()];
  }

  /** Calls back after every change; returns the way to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
