import { messageOf } from "../../api/errors.ts";
import { keyOf, type RawObject, type Resource } from "../../api/object.ts";

export interface Change {
  readonly type: "added" | "modified" | "deleted";
  /** The new object; of a deletion the last one seen. */
  readonly object: RawObject;
  /** What was cached before, when something was. */
  readonly old: RawObject | undefined;
}

/** Index name to the values under which an object is found. */
export type Indexes = Readonly<Record<string, (object: RawObject) => readonly string[]>>;

/** What we know of one kind. Read-only: only its list-watch writes. Objects are shared, never change one. */
export interface Store {
  readonly resource: Resource;
  get(key: string): RawObject | undefined;
  list(): RawObject[];
  /** Throws on an index that was not declared: that is a mistake in the program. */
  byIndex(name: string, value: string): RawObject[];
  readonly size: number;
  /** Resolves after the first complete list. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  /** False while the kind is not known to the API server: the store is empty then. */
  readonly served: boolean;
  /** Everything up to this version was seen; empty before the first list. */
  readonly lastVersion: string;
  /** Called in the middle of reading: only note a key. What it throws is reported, nothing else. */
  onChange(listener: (change: Change) => void): () => void;
  /** After an own write: until this version was seen, the key is stale. */
  expect(key: string, resourceVersion: string): void;
  /** True while what we know of the key is older than our own last write to it. */
  isStale(key: string): boolean;
}

/** The writing side, for the list-watch. */
export interface StoreWriter {
  readonly store: Store;
  put(object: RawObject): void;
  remove(object: RawObject): void;
  /** Swaps everything: what is gone is reported as deleted. */
  replace(objects: ReadonlyMap<string, RawObject>): void;
  advance(version: string): void;
  setServed(served: boolean): void;
  markSynced(): void;
}

export interface StoreOptions {
  readonly resource: Resource;
  readonly indexes?: Indexes;
  /** Told when a listener throws. */
  readonly onListenerError?: (message: string) => void;
}

/** How two resourceVersions relate: as integers (guaranteed since v1.35, KEP-5504), else by equality only. */
export function compareVersions(a: string, b: string): -1 | 0 | 1 | undefined {
  if (a === b) return 0;
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return undefined;
  return BigInt(a) < BigInt(b) ? -1 : 1;
}

export function createStore(options: StoreOptions): StoreWriter {
  const indexed = createIndexes(options.indexes ?? {});
  const listeners = new Set<(change: Change) => void>();
  const expected = new Map<string, string>();
  const { promise: synced, resolve: resolveSynced } = Promise.withResolvers<void>();
  const objects = new Map<string, RawObject>();
  let lastVersion = "";
  let hasSynced = false;
  let served = true;

  const tell = (change: Change): void => {
    for (const listener of listeners) {
      try {
        listener(change);
      } catch (error) {
        options.onListenerError?.(messageOf(error));
      }
    }
  };

  const put = (object: RawObject): void => {
    const key = keyOf(object.metadata);
    const old = objects.get(key);
    if (old !== undefined && isSame(old, object)) return;
    objects.set(key, object);
    indexed.change(key, old, object);
    tell({ type: old === undefined ? "added" : "modified", object, old });
  };

  const drop = (key: string, last?: RawObject): void => {
    const old = objects.get(key);
    if (old === undefined) return;
    objects.delete(key);
    indexed.change(key, old, undefined);
    tell({ type: "deleted", object: last ?? old, old });
  };

  const isStale = (key: string): boolean => {
    const wanted = expected.get(key);
    if (wanted === undefined) return false;
    const cached = objects.get(key)?.metadata.resourceVersion ?? "";
    if (isBefore(cached, wanted) && isBefore(lastVersion, wanted)) return true;
    expected.delete(key);
    return false;
  };

  const store: Store = {
    resource: options.resource,
    get: (key) => objects.get(key),
    list: () => [...objects.values()],
    byIndex: (name, value) => indexed.keys(name, value).flatMap((key) => objects.get(key) ?? []),
    get size() {
      return objects.size;
    },
    synced,
    get hasSynced() {
      return hasSynced;
    },
    get served() {
      return served;
    },
    get lastVersion() {
      return lastVersion;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    expect(key, resourceVersion) {
      const known = expected.get(key);
      if (known === undefined || isBefore(known, resourceVersion)) expected.set(key, resourceVersion);
    },
    isStale,
  };

  return {
    store,
    put,
    remove: (object) => drop(keyOf(object.metadata), object),
    replace(next) {
      const gone = [...objects.keys()].filter((key) => !next.has(key));
      for (const key of gone) drop(key);
      for (const object of next.values()) put(object);
    },
    advance(version) {
      if (lastVersion === "" || compareVersions(lastVersion, version) !== 1) lastVersion = version;
    },
    setServed(value) {
      served = value;
      // A kind that went away takes its history along: versions we waited for will never be seen.
      if (!value) expected.clear();
    },
    markSynced() {
      hasSynced = true;
      resolveSynced();
    },
  };
}

function isSame(old: RawObject, object: RawObject): boolean {
  const version = object.metadata.resourceVersion;
  return version !== undefined && version === old.metadata.resourceVersion && object.metadata.uid === old.metadata.uid;
}

/** Unknown is not before: a reader must not wait for ever on versions that can't be compared. */
function isBefore(version: string, wanted: string): boolean {
  return version === "" || compareVersions(version, wanted) === -1;
}

function createIndexes(indexes: Indexes) {
  const found = new Map<string, Map<string, Set<string>>>();
  for (const name of Object.keys(indexes)) found.set(name, new Map());
  return {
    keys(name: string, value: string): readonly string[] {
      const index = found.get(name);
      if (index === undefined) throw new Error(`no index ${name} was declared`);
      return [...(index.get(value) ?? [])];
    },
    change(key: string, old: RawObject | undefined, object: RawObject | undefined): void {
      for (const [name, valuesOf] of Object.entries(indexes)) {
        const index = found.get(name);
        for (const value of valuesIn(valuesOf, old)) {
          const keys = index?.get(value);
          keys?.delete(key);
          if (keys?.size === 0) index?.delete(value);
        }
        for (const value of valuesIn(valuesOf, object)) {
          const keys = index?.get(value);
          if (keys === undefined) index?.set(value, new Set([key]));
          else keys.add(key);
        }
      }
    },
  };
}

/** Objects come from outside: one that an index function can't read is simply not found by it. */
function valuesIn(valuesOf: (object: RawObject) => readonly string[], object: RawObject | undefined) {
  if (object === undefined) return [];
  try {
    return valuesOf(object);
  } catch {
    return [];
  }
}
