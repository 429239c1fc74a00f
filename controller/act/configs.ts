import {
  type Canary,
  controllingCanary,
  type Fields,
  fieldManagers,
  otherOwners,
  type RawObject,
} from "../../api/index.ts";
import {
  type ConfigRef,
  configOf,
  configRefs,
  configResources,
  keyOfConfig,
  primaryConfig,
  primaryConfigName,
  type Tracked,
  trackedOf,
} from "../workloads/configs.ts";
import { type ActOptions, conflict } from "./lookup.ts";

/** What the pods of a target refer to, read live. */
export interface LiveConfigs {
  readonly tracked: Tracked;
  readonly sources: readonly RawObject[];
}

/** Those that a pod template refers to. Undefined when configs are not tracked. */
export async function liveConfigs(
  canary: Canary,
  template: Fields | undefined,
  options: ActOptions,
): Promise<LiveConfigs | undefined> {
  if (!options.configTracking || template === undefined) return undefined;
  const namespace = canary.metadata.namespace ?? "";
  const refs = configRefs(template);
  const found = new Map<string, RawObject | undefined>();
  await Promise.all(refs.map(async (ref) => found.set(keyOfConfig(ref), await get(ref, namespace, options))));
  const find = (ref: ConfigRef) => configOf(found.get(keyOfConfig(ref)));
  const tracked = trackedOf(refs, find, namespace);
  if ("obstacle" in tracked) throw conflict(tracked.obstacle);
  const sources = refs.flatMap((ref) => (find(ref).state === "tracked" ? (found.get(keyOfConfig(ref)) ?? []) : []));
  return { tracked, sources };
}

/** The primary's copies, before the primary that refers to them. */
export async function copyConfigs(canary: Canary, { sources }: LiveConfigs, options: ActOptions): Promise<void> {
  await Promise.all(sources.map((source) => copy(canary, source, options)));
}

async function copy(canary: Canary, source: RawObject, options: ActOptions): Promise<void> {
  const kind = source.kind === "Secret" ? "Secret" : "ConfigMap";
  const name = primaryConfigName(source.metadata.name);
  const live = await get({ kind, name }, canary.metadata.namespace ?? "", options);
  const body = primaryConfig(canary, source, live, options.includeLabelPrefix);
  const call = { fieldManager: fieldManagers.workload, signal: options.signal };
  if (live === undefined) await options.api.create(configResources[kind], body, call);
  else await options.api.replace(configResources[kind], body, call);
}

/** What a primary that stays needs stays with it: the copies are no longer this Canary's. */
export async function disownConfigs(canary: Canary, template: Fields, options: ActOptions): Promise<void> {
  for (const ref of configRefs(template)) {
    const live = await get(ref, canary.metadata.namespace ?? "", options);
    if (live === undefined || controllingCanary(live) !== canary.metadata.name) continue;
    const body = { ...live, metadata: { ...live.metadata, ownerReferences: otherOwners(live, canary) } };
    const call = { fieldManager: fieldManagers.workload, signal: options.signal };
    await options.api.replace(configResources[ref.kind], body, call);
  }
}

function get(ref: Pick<ConfigRef, "kind" | "name">, namespace: string, options: ActOptions) {
  return options.api.get(
    { resource: configResources[ref.kind], namespace, name: ref.name },
    { signal: options.signal },
  );
}
