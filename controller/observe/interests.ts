import type { ObjectRef, Resource } from "../../api/index.ts";

/** `apps/v1/deployments`: a kind in one version, for a version may be served where another is not. */
export function kindKey(resource: Resource): string {
  return `${resource.group}/${resource.version}/${resource.plural}`;
}

/** Which canaries look at which objects: so that a change of any object wakes just the canaries it concerns. */
export interface Interests {
  /** Replaces what a canary looks at. */
  set(canary: string, refs: readonly ObjectRef[]): void;
  remove(canary: string): void;
  /** Canaries that look at the object `namespace/name` of a kind. */
  of(resource: Resource, key: string): readonly string[];
}

export function createInterests(): Interests {
  const byObject = new Map<string, Set<string>>();
  const byCanary = new Map<string, readonly string[]>();

  const remove = (canary: string): void => {
    for (const object of byCanary.get(canary) ?? []) {
      const canaries = byObject.get(object);
      canaries?.delete(canary);
      if (canaries?.size === 0) byObject.delete(object);
    }
    byCanary.delete(canary);
  };

  return {
    remove,
    set(canary, refs) {
      remove(canary);
      const objects = refs.map((ref) => `${kindKey(ref.resource)}/${ref.namespace}/${ref.name}`);
      byCanary.set(canary, objects);
      for (const object of objects) {
        const canaries = byObject.get(object) ?? new Set();
        byObject.set(object, canaries.add(canary));
      }
    },
    of: (resource, key) => [...(byObject.get(`${kindKey(resource)}/${key}`) ?? [])],
  };
}
