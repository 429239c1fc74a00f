/** Namespaces: what every one has from the start, and how one is emptied before it goes. */
import { isDeepStrictEqual } from "node:util";
import { ApiError, type KubeObject, type ResourceKey } from "../apiserver/types.ts";
import type { Access } from "./access.ts";
import type { Condition, Namespace } from "./kinds.ts";
import { conditionOf, splitKey, timestamp } from "./metadata.ts";
import type { KeyQueue } from "./queue.ts";
import type { ResourceMap } from "./resourceMap.ts";

const NAMESPACES = "namespaces";
const CONTENT_CHECK_MS = 1000;

/** Enqueues namespaces for their own changes and when something that a namespace must have is deleted. */
export function watchNamespaces(access: Access, queue: KeyQueue, required?: ResourceKey): void {
  access.informer<Namespace>(NAMESPACES).listen(({ object }) => queue.add(`/${object.metadata.name}`));
  if (required === undefined) return;
  access.informer(required).listen(({ type, object }) => {
    if (type === "DELETED") queue.add(`/${object.metadata.namespace}`);
  });
}

/** Keeps the service account `default` in every namespace. */
export async function syncServiceAccount(access: Access, key: string): Promise<undefined> {
  await ensure(access, key, "serviceaccounts", {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "default" },
  });
  return undefined;
}

/** Keeps the ConfigMap with the cluster's CA in every namespace. */
export async function syncRootCa(access: Access, key: string, ca: string): Promise<undefined> {
  await ensure(access, key, "configmaps", {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: "kube-root-ca.crt",
      annotations: {
        "kubernetes.io/description":
          "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.",
      },
    },
    data: { "ca.crt": ca },
  });
  return undefined;
}

async function ensure(access: Access, key: string, resource: ResourceKey, object: KubeObject): Promise<void> {
  const namespace = splitKey(key).name;
  const found = access.informer<Namespace>(NAMESPACES).get("", namespace);
  if (found === undefined || found.metadata.deletionTimestamp !== undefined) return;
  if (access.client.get(resource, namespace, object.metadata.name ?? "") !== undefined) return;
  try {
    await access.create(resource, { ...object, metadata: { ...object.metadata, namespace } });
  } catch (error) {
    // Somebody else made it, or the namespace is going.
    if (!(error instanceof ApiError) || (error.code !== 409 && error.code !== 403 && error.code !== 404)) throw error;
  }
}

/** Empties a namespace that is being deleted, then lets it go. Looks again while objects wait for their finalizers. */
export async function syncDeletion(access: Access, resources: ResourceMap, key: string): Promise<number | undefined> {
  const namespace = access.informer<Namespace>(NAMESPACES).get("", splitKey(key).name);
  if (namespace?.metadata.deletionTimestamp === undefined) return undefined;
  const left: Remaining[] = [];
  // Pods last: their controllers would only make new ones.
  const keys = resources.all().filter(({ namespaced }) => namespaced);
  for (const resource of keys.sort((a, b) => Number(a.key === "pods") - Number(b.key === "pods"))) {
    left.push(...(await deleteAll(access, resource.key, namespace.metadata.name ?? "")));
  }
  if (left.length > 0) {
    await reportRemaining(access, namespace, left);
    return CONTENT_CHECK_MS / 10;
  }
  await finalize(access, namespace);
  return undefined;
}

interface Remaining {
  readonly key: ResourceKey;
  readonly object: KubeObject;
}

async function deleteAll(access: Access, key: ResourceKey, namespace: string): Promise<Remaining[]> {
  const list = (): KubeObject[] => {
    try {
      return access.client.list(key, namespace);
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return [];
      throw error;
    }
  };
  for (const object of list()) {
    if (object.metadata.deletionTimestamp !== undefined) continue;
    await access.remove(key, object, { propagationPolicy: "Background" });
  }
  return list().map((object) => ({ key, object }));
}

async function finalize(access: Access, namespace: Namespace): Promise<void> {
  const finalizers = (namespace.spec?.finalizers ?? []).filter((each) => each !== "kubernetes");
  const next = { ...namespace, spec: { ...namespace.spec, finalizers } };
  try {
    await access.client.update(NAMESPACES, next, "finalize", { fieldManager: "kube-controller-manager" });
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 404) throw error;
  }
}

async function reportRemaining(access: Access, namespace: Namespace, left: readonly Remaining[]): Promise<void> {
  const time = timestamp(access.now());
  const finalizers = countBy(left.flatMap(({ object }) => object.metadata.finalizers ?? []));
  const contents = countBy(left.map(({ key }) => resourceTitle(key)));
  const before = namespace.status?.conditions ?? [];
  const condition = (type: string, holds: boolean, reason: string, message: string): Condition => {
    const status = holds ? "True" : "False";
    const old = conditionOf(before, type);
    const lastTransitionTime = old?.status === status ? (old.lastTransitionTime ?? time) : time;
    return { type, status, lastTransitionTime, reason, message };
  };
  const some = finalizers.size > 0;
  const conditions = [
    condition(
      "NamespaceDeletionDiscoveryFailure",
      false,
      "ResourcesDiscovered",
      "All resources successfully discovered",
    ),
    condition(
      "NamespaceDeletionGroupVersionParsingFailure",
      false,
      "ParsedGroupVersions",
      "All legacy kube types successfully parsed",
    ),
    condition(
      "NamespaceDeletionContentFailure",
      false,
      "ContentDeleted",
      "All content successfully deleted, may be waiting on finalization",
    ),
    condition(
      "NamespaceContentRemaining",
      true,
      "SomeResourcesRemain",
      `Some resources are remaining: ${sentence(contents, (key, count) => `${key} has ${count} resource instances`)}`,
    ),
    some
      ? condition(
          "NamespaceFinalizersRemaining",
          true,
          "SomeFinalizersRemain",
          `Some content in the namespace has finalizers remaining: ${sentence(finalizers, (name, count) => `${name} in ${count} resource instances`)}`,
        )
      : condition(
          "NamespaceFinalizersRemaining",
          false,
          "ContentHasNoFinalizers",
          "All content-preserving finalizers finished",
        ),
  ];
  if (isDeepStrictEqual(conditions, before)) return;
  await access.patch(NAMESPACES, namespace, "merge", { status: { conditions } }, "status");
}

/** `configmaps.` for the core group, as the real controller writes it. */
function resourceTitle(key: ResourceKey): string {
  return key.includes(".") ? key : `${key}.`;
}

function countBy(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

function sentence(counts: ReadonlyMap<string, number>, phrase: (name: string, count: number) => string): string {
  return [...counts].map(([name, count]) => phrase(name, count)).join(", ");
}
