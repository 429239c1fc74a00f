import { assertNever, messageOf, WeirError } from "../../api/errors.ts";
import type { RawObject, Resource } from "../../api/object.ts";
import { refusal } from "./answer.ts";
import { listPage, METADATA_WATCH, named, pathOf } from "./api.ts";
import { type Clock, pause, systemClock } from "./clock.ts";
import { readJsonLines } from "./jsonLines.ts";
import { compareVersions, createStore, type Indexes, type Store, type StoreWriter } from "./store.ts";
import type { Transport } from "./transport.ts";
import { type Command, type Input, readEvent, startListing, step, type WatchState } from "./watchState.ts";

export interface ListWatchOptions {
  readonly transport: Transport;
  readonly resource: Resource;
  /** One namespace; all of them when absent. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Read metadata of objects only: for kinds of which we need no more than the name and labels. */
  readonly metadataOnly?: boolean;
  readonly indexes?: Indexes;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly pageSize?: number;
  /**
   * The longest wait before asking again for a kind that isn't served; the first ones are as short as any.
   * 5 min unless stated.
   */
  readonly notServedRetryMs?: number;
  /** List again and compare, when a watch ends and the last list is older than this. 10 min unless stated. */
  readonly compareAfterMs?: number;
  /** Told of everything worth a log line or a counter. */
  readonly onIncident?: (incident: Incident) => void;
}

export type Incident =
  | { readonly kind: "failed"; readonly error: WeirError; readonly waitMs: number }
  | { readonly kind: "relisted"; readonly missed: number; readonly total: number }
  | { readonly kind: "notServed" }
  | { readonly kind: "listenerFailed"; readonly message: string };

/** Keeps a store equal to what the API server has. Never gives up; stops when told. */
export interface ListWatch {
  readonly store: Store;
  /** Objects that a comparing list found and the watch had never told: should stay 0. */
  readonly missed: number;
  /** Ends a wait, for instance when a CRD was just installed. */
  retryNow(): void;
  /** Resolves when nothing runs any more. */
  stop(): Promise<void>;
}

const FIRST_BACKOFF_MS = 800;
const LONGEST_BACKOFF_MS = 30_000;
/**
 * A watch that lived so long says that the server is there: the waits begin anew, and one that is cut again and again costs a request
 * or two a second at most. The two minutes of other clients would leave us blind for up to 30 s after a few cuts.
 */
const HEALTHY_AFTER_MS = 1000;
const NOT_SERVED_RETRY_MS = 300_000;
const COMPARE_AFTER_MS = 600_000;
// The API server draws the life of a watch from 5 to 10 minutes as well; ours spreads the load of all our watches.
const SHORTEST_WATCH_SECONDS = 300;
const GRACE_MS = 5000;

export function startListWatch(options: ListWatchOptions): ListWatch {
  const writer = createStore({
    resource: options.resource,
    ...(options.indexes === undefined ? {} : { indexes: options.indexes }),
    onListenerError: (message) => options.onIncident?.({ kind: "listenerFailed", message }),
  });
  const run = new Run(options, writer);
  const ended = run.loop();
  return {
    store: writer.store,
    get missed() {
      return run.missed;
    },
    retryNow: () => run.retryNow(),
    async stop() {
      run.abort();
      await ended;
    },
  };
}

/** The life of one list-watch: carries out what `step` says. */
class Run {
  readonly #options: ListWatchOptions;
  readonly #writer: StoreWriter;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #failures = 0;
  #absent = false;
  #state: WatchState = startListing();
  missed = 0;

  constructor(options: ListWatchOptions, writer: StoreWriter) {
    this.#options = options;
    this.#writer = writer;
    this.#clock = options.clock ?? systemClock;
  }

  abort(): void {
    this.#stop.abort();
    this.#wake.abort();
  }

  retryNow(): void {
    this.#failures = 0;
    this.#wake.abort();
  }

  async loop(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const wait = this.#state.kind === "listing" ? await this.#list(this.#state) : await this.#watch(this.#state);
      if (wait !== undefined) await this.#backOff(wait);
    }
  }

  async #list(state: WatchState & { kind: "listing" }): Promise<BackOff | undefined> {
    const { transport, resource, pageSize, metadataOnly } = this.#options;
    try {
      const page = await listPage(transport, resource, {
        ...this.#scope(),
        ...(pageSize === undefined ? {} : { pageSize }),
        ...(metadataOnly === undefined ? {} : { metadataOnly }),
        ...(state.next === undefined ? {} : { continueFrom: state.next }),
        unpaged: state.unpaged,
        signal: this.#stop.signal,
      });
      const items = page.items.map(withoutManagedFields);
      const { version, next } = page;
      return this.#feed({ kind: "page", items, version, ...(next === undefined ? {} : { next }) });
    } catch (error) {
      return this.#feed({ kind: "failed", error: asWeirError(error), livedMs: 0 });
    }
  }

  async #watch(state: WatchState & { kind: "watching" }): Promise<BackOff | undefined> {
    let opened: number | undefined;
    const seconds = SHORTEST_WATCH_SECONDS + Math.floor(this.#random() * SHORTEST_WATCH_SECONDS);
    const life = new AbortController();
    const die = (): void => life.abort();
    this.#stop.signal.addEventListener("abort", die, { once: true });
    // The server should have ended it by then: a peer that went away without a word.
    const disarm = this.#clock.setTimer(seconds * 1000 + GRACE_MS, die);
    const sinceOpened = (): number => (opened === undefined ? 0 : this.#clock.monotonicMs() - opened);
    let heard = false;
    try {
      const lines = await this.#open(state.version, seconds, life.signal);
      opened = this.#clock.monotonicMs();
      for await (const line of lines) {
        const input = this.#read(line);
        if (input.kind === "failed") return this.#feed({ ...input, livedMs: sinceOpened() });
        heard = true;
        // Progress, however short the watch lives: it must not be waited for longer and longer.
        this.#failures = 0;
        this.#feed(input);
      }
      return this.#feed({ kind: "ended", livedMs: sinceOpened(), heard });
    } catch (error) {
      return this.#feed({ kind: "failed", error: asWeirError(error), livedMs: sinceOpened() });
    } finally {
      disarm();
      this.#stop.signal.removeEventListener("abort", die);
    }
  }

  async #open(version: string, timeoutSeconds: number, signal: AbortSignal): Promise<AsyncIterable<unknown>> {
    const { transport, resource, metadataOnly } = this.#options;
    const { namespace = "", ...selectors } = this.#scope();
    const chunks = await transport.stream({
      path: pathOf(resource, namespace),
      query: { watch: true, allowWatchBookmarks: true, resourceVersion: version, timeoutSeconds, ...selectors },
      ...(metadataOnly === true ? { accept: METADATA_WATCH } : {}),
      signal,
      timeoutMs: 30_000,
    });
    return readJsonLines(chunks);
  }

  #read(line: unknown): Input {
    const { resource } = this.#options;
    const asNamed = (object: object): RawObject => withoutManagedFields(named(resource, object));
    return readEvent(line, asNamed, (status) => {
      const code = (status as { code?: unknown }).code;
      return refusal(`watch of ${resource.plural}`, typeof code === "number" ? code : 500, status);
    });
  }

  /** Advances the protocol; the answer is a wait that is due before the next request. */
  #feed(input: Input): BackOff | undefined {
    if (this.#stop.signal.aborted) return undefined;
    if (input.kind === "page") this.#absent = false;
    if ("livedMs" in input && input.livedMs >= HEALTHY_AFTER_MS) this.#failures = 0;
    const compareAfterMs = this.#options.compareAfterMs ?? COMPARE_AFTER_MS;
    const { state, commands } = step(this.#state, input, this.#clock.monotonicMs(), compareAfterMs);
    this.#state = state;
    let wait: BackOff | undefined;
    for (const command of commands) {
      if (command.kind === "backOff") wait = command;
      else this.#carryOut(command);
    }
    return wait;
  }

  #carryOut(command: Exclude<Command, BackOff>): void {
    const writer = this.#writer;
    switch (command.kind) {
      case "put":
        writer.put(command.object);
        break;
      case "remove":
        writer.remove(command.object);
        break;
      case "advance":
        writer.advance(command.version);
        break;
      case "notServed":
        if (!this.#absent) this.#options.onIncident?.({ kind: "notServed" });
        this.#absent = true;
        writer.setServed(false);
        writer.replace(new Map());
        writer.markSynced();
        break;
      case "replace":
        if (command.compareTo !== undefined) this.#compare(command.items, command.compareTo);
        writer.setServed(true);
        writer.replace(command.items);
        writer.markSynced();
        break;
      default:
        assertNever(command);
    }
  }

  #compare(items: ReadonlyMap<string, RawObject>, seenUpTo: string): void {
    let missed = 0;
    for (const [key, object] of items) {
      const version = object.metadata.resourceVersion ?? "";
      const cached = this.#writer.store.get(key)?.metadata.resourceVersion ?? "";
      // What is newer than our last event came after the watch ended: late, but not missed.
      if (version !== cached && compareVersions(version, seenUpTo) !== 1) missed += 1;
    }
    this.missed += missed;
    this.#options.onIncident?.({ kind: "relisted", missed, total: items.size });
  }

  async #backOff({ atLeastMs, error }: BackOff): Promise<void> {
    const longest = this.#absent ? (this.#options.notServedRetryMs ?? NOT_SERVED_RETRY_MS) : LONGEST_BACKOFF_MS;
    const ceiling = Math.min(longest, FIRST_BACKOFF_MS * 2 ** Math.min(this.#failures, 20));
    this.#failures += 1;
    const jittered = this.#random() * ceiling;
    const waitMs = Math.max(atLeastMs, jittered);
    if (error !== undefined && !this.#absent) this.#options.onIncident?.({ kind: "failed", error, waitMs });
    if (!this.#wake.signal.aborted) await pause(this.#clock, waitMs, this.#wake.signal);
    if (!this.#stop.signal.aborted) this.#wake = new AbortController();
  }

  #scope() {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    return {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
  }

  #random(): number {
    return (this.#options.random ?? Math.random)();
  }
}

type BackOff = Command & { kind: "backOff" };

/** Half of an object's bytes, of no use to us (spec/npm.md §3). */
function withoutManagedFields(object: RawObject): RawObject {
  if (!("managedFields" in object.metadata)) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function asWeirError(error: unknown): WeirError {
  if (error instanceof WeirError) return error;
  return new WeirError("api.unreachable", "retry", messageOf(error), { cause: error });
}
