import { assertNever, WeirError } from "../../api/errors.ts";
import { keyOf, type RawObject } from "../../api/object.ts";
import { compareVersions } from "./store.ts";

/*
 *             page, more to come            last page
 *  listing ──────────────────────► listing ───────────► watching ──┐ change, bookmark, end, error
 *     ▲  ▲ 404: not served, try again later                │  ▲    │
 *     │  └──────────────────────────────────┐              │  └────┘
 *     └─ 410 gone, or it is time to compare ─┴──────────────┘
 */

/** Where a list-watch stands. Each state says which request comes next. */
export type WatchState =
  | {
      readonly kind: "listing";
      /** Pages read so far. */
      readonly items: ReadonlyMap<string, RawObject>;
      readonly next: string | undefined;
      /** The history of a page token expired: ask for everything at once. */
      readonly unpaged: boolean;
      /** We watched without a gap up to this version: what the list knows and we don't was missed. */
      readonly compareTo: string | undefined;
    }
  | {
      readonly kind: "watching";
      readonly version: string;
      readonly listedAtMs: number;
    };

/** What the world answered. */
export type Input =
  | { readonly kind: "page"; readonly items: readonly RawObject[]; readonly version: string; readonly next?: string }
  | { readonly kind: "changed" | "deleted"; readonly object: RawObject }
  | { readonly kind: "bookmark"; readonly version: string }
  /** The server ended the watch. `livedMs` since it was opened, `heard` when anything came. */
  | { readonly kind: "ended"; readonly livedMs: number; readonly heard: boolean }
  | { readonly kind: "failed"; readonly error: WeirError; readonly livedMs: number };

/** What to do before the next request. */
export type Command =
  | { readonly kind: "put" | "remove"; readonly object: RawObject }
  /** The list is complete. `compareTo` as in the state. */
  | {
      readonly kind: "replace";
      readonly items: ReadonlyMap<string, RawObject>;
      readonly compareTo: string | undefined;
    }
  | { readonly kind: "advance"; readonly version: string }
  | { readonly kind: "notServed" }
  /** Wait with backoff, not less than `atLeastMs`. */
  | { readonly kind: "backOff"; readonly atLeastMs: number; readonly error: WeirError | undefined };

export interface Step {
  readonly state: WatchState;
  readonly commands: readonly Command[];
}

// A watch that ends at once without a word is a failure in disguise (spec/admission.md §16).
const SHORTEST_WATCH_MS = 1000;

export function startListing(compareTo?: string, unpaged = false): WatchState {
  return { kind: "listing", items: new Map(), next: undefined, unpaged, compareTo };
}

/** The whole protocol, without I/O: state and answer in, state and commands out. */
export function step(state: WatchState, input: Input, nowMs: number, compareAfterMs: number): Step {
  return state.kind === "listing"
    ? stepListing(state, input, nowMs)
    : stepWatching(state, input, nowMs, compareAfterMs);
}

function stepListing(state: WatchState & { kind: "listing" }, input: Input, nowMs: number): Step {
  if (input.kind === "failed") return listFailed(state, input.error);
  if (input.kind !== "page") return { state, commands: [] };
  const items = new Map(state.items);
  for (const object of input.items) items.set(keyOf(object.metadata), object);
  if (input.next !== undefined) return { state: { ...state, items, next: input.next }, commands: [] };
  return {
    state: { kind: "watching", version: input.version, listedAtMs: nowMs },
    commands: [
      { kind: "replace", items, compareTo: state.compareTo },
      { kind: "advance", version: input.version },
    ],
  };
}

function listFailed(state: WatchState & { kind: "listing" }, error: WeirError): Step {
  const wait: Command = { kind: "backOff", atLeastMs: error.retryAfterMs ?? 0, error };
  if (error.code === "api.notFound") return { state: startListing(), commands: [{ kind: "notServed" }, wait] };
  // The pages no longer fit together. Once more, in one piece, and then there is no token that could expire.
  if (error.code === "api.gone") return { state: startListing(undefined, true), commands: [wait] };
  return { state, commands: [wait] };
}

function stepWatching(
  state: WatchState & { kind: "watching" },
  input: Input,
  nowMs: number,
  compareAfterMs: number,
): Step {
  switch (input.kind) {
    case "page":
      return { state, commands: [] };
    case "bookmark":
      return heard(state, input.version, []);
    case "changed":
      return heard(state, input.object.metadata.resourceVersion, [{ kind: "put", object: input.object }]);
    case "deleted":
      return heard(state, input.object.metadata.resourceVersion, [{ kind: "remove", object: input.object }]);
    case "failed":
      return watchFailed(state, input.error, nowMs);
    case "ended": {
      const next = nowMs - state.listedAtMs >= compareAfterMs ? startListing(state.version) : state;
      const suspicious = input.livedMs < SHORTEST_WATCH_MS && !input.heard;
      return { state: next, commands: suspicious ? [{ kind: "backOff", atLeastMs: 0, error: undefined }] : [] };
    }
    default:
      return assertNever(input);
  }
}

function heard(state: WatchState & { kind: "watching" }, version: string | undefined, commands: Command[]): Step {
  // Never backwards: a replay of an older event must not make the next watch start in the past.
  if (version === undefined || compareVersions(state.version, version) === 1) return { state, commands };
  return { state: { ...state, version }, commands: [...commands, { kind: "advance", version }] };
}

function watchFailed(state: WatchState & { kind: "watching" }, error: WeirError, nowMs: number): Step {
  const wait: Command = { kind: "backOff", atLeastMs: error.retryAfterMs ?? 0, error };
  switch (error.code) {
    case "api.gone":
      // Nothing is wrong with the server, our version is just too old: list at once. Unless we come from there.
      return { state: startListing(), commands: nowMs - state.listedAtMs < SHORTEST_WATCH_MS ? [wait] : [] };
    case "api.notFound": // the kind was taken away
    case "api.invalid": // the version makes no sense to this server: it may be a restored one
      return { state: startListing(), commands: [wait] };
    default:
      return { state, commands: [wait] };
  }
}

/** Turns a line of a watch into an input. An ERROR event becomes a failure, for that is what it is. */
export function readEvent(
  line: unknown,
  asNamed: (object: object) => RawObject,
  refuse: (status: object) => WeirError,
): Input {
  const { type, object } = (line ?? {}) as { type?: unknown; object?: unknown };
  if (typeof object !== "object" || object === null) return unreadable(type);
  if (type === "ERROR") return { kind: "failed", error: refuse(object), livedMs: 0 };
  const { metadata } = object as { metadata?: { name?: unknown; resourceVersion?: unknown } };
  const version = metadata?.resourceVersion;
  if (type === "BOOKMARK") return typeof version === "string" ? { kind: "bookmark", version } : unreadable(type);
  if (typeof metadata?.name !== "string") return unreadable(type);
  if (type === "DELETED") return { kind: "deleted", object: asNamed(object) };
  if (type === "ADDED" || type === "MODIFIED") return { kind: "changed", object: asNamed(object) };
  return unreadable(type);
}

function unreadable(type: unknown): Input {
  const error = new WeirError("api.protocol", "retry", `a watch sent an event of type ${String(type)} we can't read`);
  return { kind: "failed", error, livedMs: 0 };
}
