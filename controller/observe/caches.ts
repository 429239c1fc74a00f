import {
  type Canary,
  canaryResource,
  controllingCanary,
  keyOf,
  metricTemplateResource,
  type ObjectRef,
  type RawObject,
  type Resource,
} from "../../api/index.ts";
import type { Clock } from "../kube/clock.ts";
import { type Incident, type ListWatch, startListWatch } from "../kube/listWatch.ts";
import type { Store } from "../kube/store.ts";
import type { Transport } from "../kube/transport.ts";
import { createInterests, kindKey } from "./interests.ts";

export interface CachesOptions {
  readonly transport: Transport;
  /** One namespace; all when absent. */
  readonly namespace?: string;
  readonly clock: Clock;
  /** Everything a canary looks at, by its current spec. */
  readonly refsOf: (canary: Canary) => readonly ObjectRef[];
  /** A canary, or something it looks at, has changed. */
  readonly onChange: (canary: string) => void;
  readonly onIncident: (resource: Resource, incident: Incident) => void;
}

/** What we know of the cluster. Kinds are watched from the first canary that needs them on, never before. */
export interface Caches {
  readonly canaries: Store;
  readonly templates: Store;
  /** The cached object; undefined when it does not exist or its kind is not watched yet (see `ready`). */
  get(ref: ObjectRef): RawObject | undefined;
  /** Objects of a kind that the Canary `namespace/name` controls, whatever their names; none when the kind is not watched. */
  controlledBy(resource: Resource, canary: string): readonly RawObject[];
  /** Are all these kinds listed, and all these objects as new as our own last write to them? */
  ready(refs: readonly ObjectRef[]): boolean;
  /** What a canary looks at beside its refs, which only the objects there name: replaces what was followed before. False while it is not read. */
  follow(canary: string, refs: readonly ObjectRef[]): boolean;
  /** Own write: reads of this object wait until the watch has caught up. */
  expect(ref: ObjectRef, written: RawObject): void;
  readonly hasSynced: boolean;
  stop(): Promise<void>;
}

export function createCaches(options: CachesOptions): Caches {
  const watches = new Map<string, ListWatch>();
  const interests = createInterests();
  const followed = createInterests();

  const watch = (resource: Resource, listener: (object: RawObject) => void): ListWatch => {
    const started = startListWatch({
      transport: options.transport,
      resource,
      clock: options.clock,
      indexes: { canary: controllerKeys },
      onIncident: (incident) => options.onIncident(resource, incident),
      ...(options.namespace === undefined || resource.clusterScoped ? {} : { namespace: options.namespace }),
    });
    watches.set(kindKey(resource), started);
    started.store.onChange((change) => listener(change.object));
    return started;
  };

  // What was asked before the first list had no answer yet: everybody looks again.
  const wakeAllOnce = (listed: ListWatch): void => {
    void listed.store.synced.then(() => {
      for (const canary of canaries.store.list()) options.onChange(keyOf(canary.metadata));
    });
  };

  const watchOf = (resource: Resource): ListWatch => {
    const known = watches.get(kindKey(resource));
    if (known !== undefined) return known;
    const started = watch(resource, (object) => {
      const key = keyOf(object.metadata);
      for (const canary of new Set([...interests.of(resource, key), ...followed.of(resource, key)]))
        options.onChange(canary);
    });
    wakeAllOnce(started);
    return started;
  };
  const storeOf = (resource: Resource): Store => watchOf(resource).store;

  const canaries = watch(canaryResource, (object) => {
    const key = keyOf(object.metadata);
    const canary = canaries.store.get(key) as Canary | undefined;
    if (canary === undefined) for (const each of [interests, followed]) each.remove(key);
    else interests.set(key, options.refsOf(canary));
    options.onChange(key);
  });
  const templates = watch(metricTemplateResource, () => {});
  wakeAllOnce(templates);

  const ready = (refs: readonly ObjectRef[]): boolean =>
    refs.every((ref) => {
      const store = storeOf(ref.resource);
      return store.hasSynced && !store.isStale(`${ref.namespace}/${ref.name}`);
    });

  return {
    canaries: canaries.store,
    templates: templates.store,
    get: (ref) => storeOf(ref.resource).get(`${ref.namespace}/${ref.name}`),
    controlledBy: (resource, canary) => watches.get(kindKey(resource))?.store.byIndex("canary", canary) ?? [],
    ready,
    follow(canary, refs) {
      followed.set(canary, refs);
      return ready(refs);
    },
    expect(ref, written) {
      const version = written.metadata.resourceVersion;
      if (version === undefined) return;
      const { store, retryNow } = watchOf(ref.resource);
      store.expect(`${ref.namespace}/${ref.name}`, version);
      // What could be written is served: its definition was installed after the watch had asked last.
      if (!store.served) retryNow();
    },
    get hasSynced() {
      return [...watches.values()].every((each) => each.store.hasSynced);
    },
    stop: async () => {
      await Promise.all([...watches.values()].map((each) => each.stop()));
    },
  };
}

function controllerKeys(object: RawObject): readonly string[] {
  const name = controllingCanary(object);
  return name === undefined ? [] : [keyOf({ namespace: object.metadata.namespace ?? "", name })];
}
