/** Serves what CustomResourceDefinitions define: watches them, registers their resources, reports in their status. */
import type { Registry } from "../registry.ts";
import { ApiError, type Client, type KubeObject } from "../types.ts";
import type { Condition, Definition, DefinitionNames, DefinitionStatus } from "./definition.ts";
import { isEstablished } from "./definition.ts";
import { cleanupFinalizer, definitionStrategy } from "./definitionStrategy.ts";
import { resourceOf } from "./resource.ts";
import { jsonEqual } from "./schema.ts";

export const definitionsKey = "customresourcedefinitions.apiextensions.k8s.io";

export interface CrdSupportOptions {
  readonly now?: () => Date;
  /** What could not be done in the background, in one line. */
  readonly log?: (text: string) => void;
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
  readonly #served = new Map<string, Definition>();
  readonly #cleaning = new Map<string, () => void>();
  #stopped = false;

  constructor(registry: Registry, client: Client, options: CrdSupportOptions) {
    this.#registry = registry;
    this.#client = client;
    this.#now = options.now ?? (() => new Date());
    this.#log = options.log ?? (() => undefined);
  }

  stop(): void {
    this.#stopped = true;
    for (const end of this.#cleaning.values()) end();
  }

  seen(definition: Definition): void {
    const name = definition.metadata.name ?? "";
    const status = statusOf(definition, this.#conflict(definition), this.#now());
    const accepted = isEstablished({ ...definition, status });
    const before = this.#served.get(name);
    if (accepted && (before === undefined || !jsonEqual(before.spec, definition.spec))) {
      this.#served.set(name, definition);
      this.#registry.add(resourceOf(definition));
    }
    if (definition.metadata.deletionTimestamp !== undefined) this.#clean(definition);
    else if (!jsonEqual(status, definition.status)) this.#background(name, this.#writeStatus(definition, status));
  }

  removed(definition: Definition): void {
    const name = definition.metadata.name ?? "";
    this.#cleaning.get(name)?.();
    this.#cleaning.delete(name);
    if (this.#served.delete(name)) this.#registry.remove(name);
  }

  /** A name of this definition that another definition of its group has already. */
  #conflict(definition: Definition): string | undefined {
    const { group, names } = definition.spec;
    for (const [name, other] of this.#served) {
      if (name === definition.metadata.name || other.spec.group !== group) continue;
      const taken = new Set(wordsOf(other.spec.names));
      const word = wordsOf(names).find((each) => taken.has(each));
      if (word !== undefined) return word;
      if (other.spec.names.kind === names.kind) return names.kind;
    }
    return undefined;
  }

  async #writeStatus(definition: Definition, status: DefinitionStatus): Promise<void> {
    const name = definition.metadata.name ?? "";
    const next = { ...structuredClone(definition), status };
    try {
      await this.#client.update(definitionsKey, next as KubeObject, "status", { fieldManager: "kube-apiserver" });
    } catch (error) {
      // A newer definition is on its way here as an event and will be answered then.
      if (error instanceof ApiError && (error.code === 409 || error.code === 404)) return;
      throw new Error(`status of ${name} could not be written`, { cause: error });
    }
  }

  /** Deletes the objects of a definition that is going; the definition goes when the last of them is gone. */
  #clean(definition: Definition): void {
    const name = definition.metadata.name ?? "";
    if (this.#cleaning.has(name) || !(definition.metadata.finalizers ?? []).includes(cleanupFinalizer)) return;
    if (!this.#served.has(name)) {
      this.#background(name, this.#release(name));
      return;
    }
    const finish = () => {
      if (this.#stopped || this.#client.list(name).length > 0) return;
      this.#cleaning.get(name)?.();
      this.#background(name, this.#release(name));
    };
    this.#cleaning.set(
      name,
      this.#client.watch(name, (event) => {
        if (event.type === "DELETED") finish();
      }),
    );
    const deletions = this.#client
      .list(name)
      .map(({ metadata }) => this.#client.delete(name, metadata.namespace ?? "", metadata.name ?? ""));
    this.#background(name, Promise.all(deletions).then(finish));
  }

  async #release(name: string): Promise<void> {
    const definition = this.#client.get(definitionsKey, "", name);
    const finalizers = definition?.metadata.finalizers ?? [];
    if (definition === undefined || !finalizers.includes(cleanupFinalizer)) return;
    const next = structuredClone(definition);
    next.metadata.finalizers = finalizers.filter((each) => each !== cleanupFinalizer);
    await this.#client.update(definitionsKey, next);
  }

  #background(name: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#log(`definition ${name}: ${error instanceof Error ? error.message : error}`));
  }
}

function wordsOf(names: DefinitionNames): string[] {
  return [names.plural, names.singular ?? names.kind.toLowerCase(), ...(names.shortNames ?? [])];
}

/** The status that tells whether the names were accepted; unchanged conditions keep their times. */
function statusOf(definition: Definition, conflict: string | undefined, now: Date): DefinitionStatus {
  const before = definition.status ?? { conditions: null, acceptedNames: { plural: "", kind: "" }, storedVersions: [] };
  const established = isEstablished(definition);
  const taken = `${JSON.stringify(conflict)} is already in use`;
  const wanted: Condition[] =
    conflict === undefined
      ? [
          { type: "NamesAccepted", status: "True", reason: "NoConflicts", message: "no conflicts found" },
          {
            type: "Established",
            status: "True",
            reason: "InitialNamesAccepted",
            message: "the initial names have been accepted",
          },
        ]
      : [
          { type: "NamesAccepted", status: "False", reason: "NameConflict", message: taken },
          established
            ? {
                type: "Established",
                status: "True",
                reason: "InitialNamesAccepted",
                message: "the initial names have been accepted",
              }
            : { type: "Established", status: "False", reason: "NotAccepted", message: "not all names are accepted" },
        ];
  const time = `${now.toISOString().slice(0, 19)}Z`;
  const known = before.conditions ?? [];
  const conditions = wanted.map((condition) => {
    const same = known.find((each) => each.type === condition.type && each.status === condition.status);
    return {
      type: condition.type,
      status: condition.status,
      lastTransitionTime: same?.lastTransitionTime ?? time,
      reason: condition.reason ?? "",
      message: condition.message ?? "",
    };
  });
  const others = known.filter((each) => !wanted.some((condition) => condition.type === each.type));
  const acceptedNames = conflict === undefined ? structuredClone(definition.spec.names) : before.acceptedNames;
  return { ...before, conditions: [...conditions, ...others], acceptedNames };
}
