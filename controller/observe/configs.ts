import { type Canary, keyOf, messageOf, type RawObject, type Resource } from "../../api/index.ts";
import type { Api } from "../kube/api.ts";
import type { Clock } from "../kube/clock.ts";
import { type Incident, type ListWatch, startListWatch } from "../kube/listWatch.ts";
import { compareVersions } from "../kube/store.ts";
import type { Transport } from "../kube/transport.ts";
import {
  type Config,
  type ConfigRef,
  configOf,
  configResources,
  isOptedOut,
  keyOfConfig,
} from "../workloads/configs.ts";
import { createInterests } from "./interests.ts";

/** What we know of ConfigMaps and Secrets that targets refer to. */
export interface Configs {
  /** Notes that the canary looks at these. Undefined while one of them is still being read: the canary is told when it is. */
  of(canary: Canary, refs: readonly ConfigRef[]): ((ref: ConfigRef) => Config) | undefined;
  forget(canary: string): void;
  stop(): Promise<void>;
}

export interface ConfigsOptions {
  readonly transport: Transport;
  readonly api: Pick<Api, "get">;
  readonly clock: Clock;
  readonly onChange: (canary: string) => void;
  readonly onIncident: (resource: Resource, incident: Incident) => void;
  readonly onError: (what: string, message: string) => void;
}

/**
 * Watches metadata only, in namespaces whose targets refer to something; reads the content of one object, by name, when its version
 * is new, and keeps no more of it than a checksum.
 */
export function createConfigs(options: ConfigsOptions): Configs {
  const watches = new Map<string, ListWatch>();
  const interests = createInterests();
  const known = new Map<string, { readonly version: string; readonly config: Config }>();
  const reading = new Map<string, Promise<void>>();
  const stopping = new AbortController();

  const wake = (resource: Resource, key: string): void => {
    for (const canary of interests.of(resource, key)) options.onChange(canary);
  };

  const watchOf = (resource: Resource, namespace: string, canary: string): ListWatch => {
    const at = `${namespace}/${resource.plural}`;
    const started =
      watches.get(at) ??
      startListWatch({
        transport: options.transport,
        resource,
        namespace,
        metadataOnly: true,
        clock: options.clock,
        onIncident: (incident) => options.onIncident(resource, incident),
      });
    if (!watches.has(at)) {
      watches.set(at, started);
      started.store.onChange(({ type, object }) => {
        if (type === "deleted") known.delete(idOf(resource, keyOf(object.metadata)));
        wake(resource, keyOf(object.metadata));
      });
    }
    if (!started.store.hasSynced) void started.store.synced.then(() => options.onChange(canary));
    return started;
  };

  const read = async (resource: Resource, namespace: string, name: string): Promise<void> => {
    const key = keyOf({ namespace, name });
    const id = idOf(resource, key);
    try {
      const object = await options.api.get({ resource, namespace, name }, { signal: stopping.signal });
      // One that is gone meanwhile shows in the watch.
      if (object !== undefined)
        known.set(id, { version: versionOf(object), config: configOf({ ...object, kind: resource.kind }) });
    } catch (error) {
      options.onError(id, messageOf(error));
      return;
    } finally {
      reading.delete(id);
    }
    wake(resource, key);
  };

  const look = (namespace: string, ref: ConfigRef, canary: string): Config | undefined => {
    const resource = configResources[ref.kind];
    const key = keyOf({ namespace, name: ref.name });
    const { store } = watchOf(resource, namespace, canary);
    if (!store.hasSynced) return undefined;
    const live = store.get(key);
    if (live === undefined) return { state: "missing" };
    if (isOptedOut(live)) return { state: "untracked" };
    const id = idOf(resource, key);
    const content = known.get(id);
    // What was read may be newer than what the watch has told.
    if (content !== undefined && isAtLeast(content.version, versionOf(live))) return content.config;
    if (!reading.has(id)) reading.set(id, read(resource, namespace, ref.name));
    return undefined;
  };

  return {
    of(canary, refs) {
      const namespace = canary.metadata.namespace ?? "";
      const canaryKey = keyOf(canary.metadata);
      interests.set(
        canaryKey,
        refs.map(({ kind, name }) => ({ resource: configResources[kind], namespace, name })),
      );
      const found = new Map(refs.map((ref) => [keyOfConfig(ref), look(namespace, ref, canaryKey)]));
      return [...found.values()].includes(undefined)
        ? undefined
        : (ref) => found.get(keyOfConfig(ref)) ?? { state: "missing" };
    },
    forget: (canary) => interests.remove(canary),
    async stop() {
      stopping.abort();
      await Promise.all([...[...watches.values()].map((each) => each.stop()), ...reading.values()]);
    },
  };
}

function idOf(resource: Resource, key: string): string {
  return `${resource.plural}/${key}`;
}

function versionOf(object: RawObject): string {
  return object.metadata.resourceVersion ?? "";
}

function isAtLeast(version: string, wanted: string): boolean {
  const order = compareVersions(version, wanted);
  return order === 0 || order === 1;
}
