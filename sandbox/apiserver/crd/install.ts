/** Serves what CustomResourceDefinitions define: watches them, registers their resources, reports in their status. */
import type { Registry } from "../registry.ts";
import { ApiError, type Client, type KubeObject } from "../types.ts";
import { deleteAllObjects, releaseDefinition } from "./cleanup.ts";
import { nameConflict, statusOf } from "./conditions.ts";
import type { PostReview } from "./conversion.ts";
import { type Definition, type DefinitionStatus, isEstablished } from "./definition.ts";
import { cleanupFinalizer, definitionStrategy } from "./definitionStrategy.ts";
import { resourceOf } from "./resource.ts";
import { jsonEqual } from "./schema.ts";

const definitionsKey = "customresourcedefinitions.apiextensions.k8s.io";

export interface CrdSupportOptions {
  readonly now?: () => Date;
  /** What could not be done in the background, in one line. */
  readonly log?: (text: string) => void;
  /** Calls conversion webhooks; without it versions differ in apiVersion only. */
  readonly post?: PostReview;
}

/**
 * Starts serving custom resources: a resource is in the registry as soon as its definition is stored, before the
 * conditions that tell so are written. Returns the way to stop.
 */
export function installCrdSupport(registry: Registry, client: Client, options: CrdSupportOptions = {}): () => void {
  const definitions = registry.byKey(definitionsKey);
  if (definitions === undefined)
    throw new Error(`${definitionsKey} must be registered before CRD support is installed`);
  registry.add({ ...definitions, strategy: definitionStrategy(definitions.strategy) });
  const server = new DefinitionServer(registry, client, options);
  const stop = client.watch(definitionsKey, (event) => {
    if (event.type === "DELETED") server.removed(event.object as Definition);
    else server.seen(event.object as Definition);
  });
  return () => {
    stop();
    server.stop();
  };
}

class DefinitionServer {
  readonly #registry: Registry;
  readonly #client: Client;
  readonly #now: () => Date;
  readonly #log: (text: string) => void;
  readonly #post: PostReview | undefined;
  readonly #served = new Map<string, Definition>();
  /** Definitions whose objects are being deleted. */
  readonly #going = new Set<string>();
  readonly #stopped = new AbortController();

  constructor(registry: Registry, client: Client, options: CrdSupportOptions) {
    this.#registry = registry;
    this.#client = client;
    this.#now = options.now ?? (() => new Date());
    this.#log = options.log ?? (() => undefined);
    this.#post = options.post;
  }

  stop(): void {
    this.#stopped.abort();
  }

  seen(definition: Definition): void {
    const name = definition.metadata.name ?? "";
    const status = statusOf(definition, nameConflict(definition, this.#served.values()), this.#now());
    const before = this.#served.get(name);
    const changed = before === undefined || !jsonEqual(before.spec, definition.spec);
    if (changed && isEstablished({ ...definition, status })) {
      this.#served.set(name, definition);
      this.#registry.add(resourceOf(definition, this.#post));
    }
    if (definition.metadata.deletionTimestamp !== undefined) this.#clean(definition);
    else if (!jsonEqual(status, definition.status)) this.#background(name, this.#writeStatus(definition, status));
  }

  removed(definition: Definition): void {
    const name = definition.metadata.name ?? "";
    this.#going.delete(name);
    if (this.#served.delete(name)) this.#registry.remove(name);
  }

  async #writeStatus(definition: Definition, status: DefinitionStatus): Promise<void> {
    const next: KubeObject = { ...structuredClone(definition), status };
    try {
      await this.#client.update(definitionsKey, next, "status", { fieldManager: "kube-apiserver" });
    } catch (error) {
      // A newer definition is on its way here as an event and will be answered then.
      const overtaken = error instanceof ApiError && (error.code === 409 || error.code === 404);
      if (!overtaken) throw error;
    }
  }

  #clean(definition: Definition): void {
    const name = definition.metadata.name ?? "";
    if (this.#going.has(name) || !(definition.metadata.finalizers ?? []).includes(cleanupFinalizer)) return;
    this.#going.add(name);
    const objectsGone = this.#served.has(name)
      ? deleteAllObjects(this.#client, name, this.#stopped.signal)
      : Promise.resolve();
    const released = objectsGone.then(async () => {
      if (!this.#stopped.signal.aborted) await releaseDefinition(this.#client, definitionsKey, name);
    });
    this.#background(name, released);
  }

  #background(name: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#log(`definition ${name}: ${error instanceof Error ? error.message : error}`));
  }
}
