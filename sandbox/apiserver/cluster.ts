import type { Annotate } from "./audit.ts";
import type { Authorizer } from "./authorization/authorizer.ts";
import { convertEvent, isEvents } from "./events.ts";
import type { Registry } from "./registry.ts";
import type { ResourceRequest } from "./request.ts";
import type { VersionedStore } from "./store.ts";
import { type Admission, apiVersionOf, type KubeObject, keyOf, type Resource, type UserInfo } from "./types.ts";

/** What every handler works on. `admission` is replaced once the cluster can read webhook configurations. */
export interface Cluster {
  readonly store: VersionedStore;
  readonly registry: Registry;
  admission: Admission;
  readonly authorizer: Authorizer;
  readonly now: () => Date;
}

/** One request of one user, on its way through the handlers. */
export interface Call {
  readonly request: ResourceRequest;
  readonly user: UserInfo;
  /** Decides the field manager when the request names none. */
  readonly userAgent: string;
  readonly warn: (text: string) => void;
  /** Takes what webhooks say for the audit log, where there is one. */
  readonly annotate?: Annotate;
}

/** Nothing stands between a request and the store. */
export const openAdmission: Admission = {
  mutate: async (attributes) => attributes.object,
  validate: async () => undefined,
};

/** Where the objects of a resource are stored. */
export function keyOfResource(resource: Resource): string {
  return isEvents(resource) ? resource.plural : keyOf(resource.group, resource.plural);
}

const converted = new WeakMap<KubeObject, Map<string, KubeObject>>();

/** The object in another served version. Conversions of stored (frozen) objects are remembered. */
export function inVersion(resource: Resource, object: KubeObject, version: string): KubeObject {
  const apiVersion = apiVersionOf(resource.group, version);
  if (object.apiVersion === apiVersion) return resource.strategy.settle?.(object) ?? object;
  const memory =
    Object.isFrozen(object) && !resource.custom ? (converted.get(object) ?? new Map<string, KubeObject>()) : undefined;
  const known = memory?.get(version);
  if (known !== undefined) return known;
  const result = isEvents(resource)
    ? convertEvent(object, apiVersion)
    : (resource.strategy.convert?.(object, version) ?? { ...object, apiVersion });
  if (memory !== undefined) converted.set(object, memory.set(version, result));
  return result;
}

/** The object as it is kept. */
export function toStorage(resource: Resource, object: KubeObject): KubeObject {
  return isEvents(resource) ? convertEvent(object, "v1") : inVersion(resource, object, resource.storageVersion);
}

/** The stored form of an object that is about to be written; every served form of it can be had from then on. */
export async function storageForm(resource: Resource, object: KubeObject): Promise<KubeObject> {
  await convertAhead(resource, [object], resource.storageVersion);
  const stored = toStorage(resource, object);
  // Whoever reads another version later is told what is wrong with its conversion; the writer need not be.
  for (const version of resource.versions) await convertAhead(resource, [stored], version).catch(() => undefined);
  return stored;
}

/** To be awaited before `inVersion`, wherever something else than this process may have to convert. */
export async function convertAhead(
  resource: Resource,
  objects: readonly KubeObject[],
  version: string,
  afresh = false,
): Promise<void> {
  await resource.strategy.convertAhead?.(objects, version, afresh);
}

/** The version in which built-in rules look at objects; rules of custom resources stand in the schema of each version. */
export function ruleVersion(resource: Resource, requestVersion: string): string {
  return resource.custom ? requestVersion : resource.storageVersion;
}
