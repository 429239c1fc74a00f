/**
 * The scale subresource owns one field of its parent: the number of replicas. Writes to a Scale see (and change) only
 * that ownership; this maps it to the parent's managedFields and back.
 */
import type { ManagedFieldsEntry } from "../types.ts";
import { difference, type FieldPath, fieldElement, has, setOfPaths } from "./fieldSet.ts";
import { decodeManagers, encodeManagers, identityOf, type Manager } from "./managers.ts";

const scaleVersion = "autoscaling/v1";
const replicasInScale = ["spec", "replicas"].map(fieldElement);

/** `.spec.replicas` as a path of elements. */
function parse(specReplicasPath: string): FieldPath {
  return specReplicasPath.replace(/^\./, "").split(".").map(fieldElement);
}

/** The managedFields that a Scale shows: who owns the replicas of its parent. */
export function scaleManagedFields(parent: unknown, specReplicasPath: string): ManagedFieldsEntry[] {
  const path = parse(specReplicasPath);
  const owners = [...(decodeManagers(parent) ?? new Map<string, Manager>()).values()]
    .filter((manager) => has(manager.owned, path))
    .map((manager) => ({ ...manager, apiVersion: scaleVersion, owned: setOfPaths([replicasInScale]) }));
  return encodeManagers(new Map(owners.map((manager) => [identityOf(manager), manager])));
}

/** The parent's managedFields after its Scale was written: who no longer owns the Scale's replicas loses the parent's. */
export function parentManagedFields(
  parent: unknown,
  scale: unknown,
  parentVersion: string,
  specReplicasPath: string,
): ManagedFieldsEntry[] {
  const path = parse(specReplicasPath);
  const replicas = setOfPaths([path]);
  const owners = new Map<string, Manager>();
  const inScale = new Map(
    [...(decodeManagers(scale) ?? new Map<string, Manager>()).values()].map((manager) => {
      const inParent = { ...manager, apiVersion: parentVersion, owned: replicas };
      return [identityOf(inParent), inParent] as const;
    }),
  );
  for (const [identity, manager] of decodeManagers(parent) ?? new Map<string, Manager>()) {
    const kept = !has(manager.owned, path) || inScale.delete(identity);
    owners.set(identity, kept ? manager : { ...manager, owned: difference(manager.owned, replicas) });
  }
  // The API server forgets when a Scale was written.
  for (const [identity, manager] of inScale) owners.set(identity, { ...manager, time: undefined });
  return encodeManagers(owners);
}
