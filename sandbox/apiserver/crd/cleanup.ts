/** The end of a definition: its objects go first. */
import type { Client } from "../types.ts";
import { cleanupFinalizer } from "./definitionStrategy.ts";

/** Deletes all objects of a resource; resolves when the last one is gone, which their finalizers may delay. */
export async function deleteAllObjects(client: Client, key: string, signal: AbortSignal): Promise<void> {
  const { promise: empty, resolve } = Promise.withResolvers<void>();
  const check = () => {
    if (signal.aborted || client.list(key).length === 0) resolve();
  };
  const stopWatching = client.watch(key, ({ type }) => {
    if (type === "DELETED") check();
  });
  signal.addEventListener("abort", check, { once: true });
  try {
    const objects = client.list(key);
    await Promise.all(objects.map(({ metadata }) => client.delete(key, metadata.namespace ?? "", metadata.name ?? "")));
    check();
    await empty;
  } finally {
    stopWatching();
    signal.removeEventListener("abort", check);
  }
}

/** Lets a definition go whose objects are gone. */
export async function releaseDefinition(client: Client, definitions: string, name: string): Promise<void> {
  const finalizers = client.get(definitions, "", name)?.metadata.finalizers ?? [];
  if (!finalizers.includes(cleanupFinalizer)) return;
  const others = finalizers.filter((each) => each !== cleanupFinalizer);
  await client.patch(definitions, "", name, "merge", { metadata: { finalizers: others } });
}
