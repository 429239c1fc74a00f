/** Adoption and release: which dependents a workload manages. */
import type { KubeObject, ResourceKey } from "../apiserver/types.ts";
import type { Access } from "./access.ts";
import type { LabelSelector } from "./kinds.ts";
import { controllerOf, controllerReference, matchesSelector } from "./metadata.ts";

/**
 * The dependents of `owner`: those that name it and match its selector. Orphans that match are adopted; those that no longer
 * match are released. Nothing is adopted for an owner that is being deleted.
 */
export async function claim<T extends KubeObject>(
  access: Access,
  key: ResourceKey,
  owner: KubeObject,
  selector: LabelSelector,
): Promise<T[]> {
  const informer = access.informer<T>(key);
  const { namespace = "", uid } = owner.metadata;
  const deleting = owner.metadata.deletionTimestamp !== undefined;
  const claimed: T[] = [];
  for (const dependent of informer.ownedBy(uid)) {
    if (controllerOf(dependent)?.uid !== uid) continue;
    if (matchesSelector(selector, dependent.metadata.labels)) claimed.push(dependent);
    else if (!deleting) await release(access, key, dependent, uid ?? "");
  }
  if (deleting) return claimed;
  for (const orphan of informer.list(namespace)) {
    if (controllerOf(orphan) !== undefined || orphan.metadata.deletionTimestamp !== undefined) continue;
    if (!matchesSelector(selector, orphan.metadata.labels)) continue;
    await adopt(access, key, orphan, owner);
    claimed.push(informer.get(namespace, orphan.metadata.name ?? "") ?? orphan);
  }
  return claimed;
}

async function adopt(access: Access, key: ResourceKey, orphan: KubeObject, owner: KubeObject): Promise<void> {
  const ownerReferences = [...(orphan.metadata.ownerReferences ?? []), controllerReference(owner)];
  await access.patch(key, orphan, "merge", { metadata: { uid: orphan.metadata.uid, ownerReferences } });
}

async function release(access: Access, key: ResourceKey, dependent: KubeObject, uid: string): Promise<void> {
  const ownerReferences = (dependent.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== uid);
  await access.patch(key, dependent, "merge", {
    metadata: { uid: dependent.metadata.uid, ownerReferences: ownerReferences.length === 0 ? null : ownerReferences },
  });
}
