/** Which resources there are: the built-in ones and, as they come and go, those of CustomResourceDefinitions. */
import { catalog } from "../apiserver/builtin/catalog.ts";
import { type KubeObject, keyOf, type ResourceKey } from "../apiserver/types.ts";
import type { Informers } from "./informer.ts";

export interface KnownResource {
  readonly key: ResourceKey;
  readonly namespaced: boolean;
}

interface Definition extends KubeObject {
  spec: { group: string; scope: string; names: { kind: string; plural: string } };
}

/** Written often and owned by nobody: of no interest to collectors. */
const UNCOLLECTED: ReadonlySet<ResourceKey> = new Set(["events", "events.events.k8s.io"]);

export class ResourceMap {
  readonly #byKind = new Map<string, KnownResource>();
  readonly #listeners = new Set<(resource: KnownResource) => void>();

  constructor(informers: Informers) {
    for (const { group, kind, plural, namespaced } of catalog) this.#add(group, kind, plural, namespaced);
    informers.of<Definition>("customresourcedefinitions.apiextensions.k8s.io").listen(({ type, object }) => {
      const { group, names, scope } = object.spec;
      if (type === "DELETED") this.#byKind.delete(`${group}/${names.kind}`);
      else this.#add(group, names.kind, names.plural, scope === "Namespaced");
    });
  }

  /** The resource behind `apiVersion` and `kind`, as references name it. */
  find(apiVersion: string, kind: string): KnownResource | undefined {
    const slash = apiVersion.indexOf("/");
    return this.#byKind.get(`${slash === -1 ? "" : apiVersion.slice(0, slash)}/${kind}`);
  }

  all(): KnownResource[] {
    return [...this.#byKind.values()];
  }

  /** Calls the listener for every resource whose objects can own each other, now and later. */
  listen(listener: (resource: KnownResource) => void): void {
    this.#listeners.add(listener);
    for (const resource of this.#byKind.values()) if (!UNCOLLECTED.has(resource.key)) listener(resource);
  }

  #add(group: string, kind: string, plural: string, namespaced: boolean): void {
    if (this.#byKind.has(`${group}/${kind}`)) return;
    const resource = { key: keyOf(group, plural), namespaced };
    this.#byKind.set(`${group}/${kind}`, resource);
    if (!UNCOLLECTED.has(resource.key)) for (const listener of this.#listeners) listener(resource);
  }
}
