import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { createStore, type VersionedStore } from "../../../../sandbox/apiserver/store.ts";
import { ApiError, type KubeObject, type StoreEvent } from "../../../../sandbox/apiserver/types.ts";

const key = "configmaps";

function aConfigMap(name: string, namespace = "demo", value = ""): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data: { value } };
}

function versionOf(object: KubeObject | undefined): string {
  return object?.metadata.resourceVersion ?? "";
}

function watched(store: VersionedStore, namespace: string, revision: number): StoreEvent[] {
  const events: StoreEvent[] = [];
  store.watch(key, namespace, revision, (event) => events.push(event));
  return events;
}

describe("the store", () => {
  it("gives every write the next revision of one counter", () => {
    const store = createStore();
    const first = store.create(key, aConfigMap("a"));
    const other = store.create("secrets", aConfigMap("a"));
    const changed = store.update(key, { ...first, data: { value: "1" } }, versionOf(first));
    assert.equal(Number(versionOf(other)), Number(versionOf(first)) + 1);
    assert.equal(Number(versionOf(changed)), Number(versionOf(first)) + 2);
    assert.equal(store.revision, Number(versionOf(changed)));
  });

  it("refuses a second object of the same name, and writes on old revisions", () => {
    const store = createStore();
    const first = store.create(key, aConfigMap("a"));
    store.update(key, aConfigMap("a", "demo", "1"), versionOf(first));
    const code = (wanted: number) => (error: unknown) => error instanceof ApiError && error.code === wanted;
    assert.throws(() => store.create(key, aConfigMap("a")), code(409));
    assert.throws(() => store.update(key, aConfigMap("a", "demo", "2"), versionOf(first)), code(409));
    assert.throws(() => store.delete(key, "demo", "a", versionOf(first)), code(409));
    assert.throws(() => store.delete(key, "demo", "b"), code(404));
  });

  it("keeps the revision when a write changes nothing", () => {
    const store = createStore();
    const first = store.create(key, aConfigMap("a"));
    const events = watched(store, "", store.revision);
    assert.equal(store.update(key, aConfigMap("a"), versionOf(first)), first);
    assert.deepEqual(events, []);
  });

  it("lists in the order of namespace and name", () => {
    const store = createStore();
    for (const [namespace, name] of [
      ["b", "x"],
      ["a", "z"],
      ["a-b", "y"],
      ["a", "b"],
    ] as const) {
      store.create(key, aConfigMap(name, namespace));
    }
    const names = store.list(key, "").map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    assert.deepEqual(names, ["a-b/y", "a/b", "a/z", "b/x"]);
    assert.deepEqual(
      store.list(key, "a").map(({ metadata }) => metadata.name),
      ["b", "z"],
    );
  });

  it("never lets a reader change what is stored", () => {
    const store = createStore();
    const stored = store.create(key, aConfigMap("a"));
    assert.throws(() => {
      stored["data"].value = "changed";
    }, TypeError);
  });

  it("tells a late watcher what happened since its revision, then what happens", () => {
    const store = createStore();
    const first = store.create(key, aConfigMap("a"));
    store.update(key, aConfigMap("a", "demo", "1"), versionOf(first));
    const events = watched(store, "demo", Number(versionOf(first)));
    store.create(key, aConfigMap("elsewhere", "other"));
    store.delete(key, "demo", "a");
    assert.deepEqual(
      events.map(({ type, object }) => `${type} ${object.metadata.name} ${object["data"].value}`),
      ["MODIFIED a 1", "DELETED a 1"],
    );
    assert.equal(events.at(-1)?.object.metadata.resourceVersion, String(store.revision));
  });

  it("answers 410 when history is gone: by length or by compaction", () => {
    const gone = (error: unknown) => error instanceof ApiError && error.code === 410;
    const short = createStore(4);
    const early = short.create(key, aConfigMap("a"));
    for (let index = 0; index < 20; index += 1) short.create(key, aConfigMap(`b${index}`));
    assert.throws(() => watched(short, "", Number(versionOf(early))), gone);
    assert.throws(() => short.listAt(key, "", Number(versionOf(early))), gone);
    const compacted = createStore();
    compacted.create(key, aConfigMap("a"));
    compacted.compact();
    assert.throws(() => watched(compacted, "", 1), gone);
    assert.deepEqual(watched(compacted, "", compacted.revision), []);
  });

  it("shows every state of the past as it was", () => {
    const action = fc.record({
      name: fc.constantFrom("a", "b", "c"),
      namespace: fc.constantFrom("x", "y"),
      value: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
        const store = createStore();
        const states = new Map<number, KubeObject[]>([[store.revision, []]]);
        for (const { name, namespace, value } of actions) {
          const stored = store.get(key, namespace, name);
          if (stored === undefined) store.create(key, aConfigMap(name, namespace, String(value)));
          else if (value === 0) store.delete(key, namespace, name);
          else store.update(key, aConfigMap(name, namespace, String(value)), versionOf(stored));
          states.set(store.revision, [...store.list(key, "")]);
        }
        for (const [revision, objects] of states) {
          assert.deepEqual(store.listAt(key, "", revision), objects);
          const inX = objects.filter(({ metadata }) => metadata.namespace === "x");
          assert.deepEqual(store.listAt(key, "x", revision), inX);
        }
      }),
    );
  });

  it("lets a watcher that starts anywhere rebuild the present", () => {
    const action = fc.record({ name: fc.constantFrom("a", "b", "c"), value: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), fc.nat(30), (actions, startAt) => {
        const store = createStore();
        let seen: Map<string, KubeObject> | undefined;
        const start = () => {
          const objects = new Map(store.list(key, "").map((object) => [object.metadata.name ?? "", object]));
          store.watch(key, "", store.revision, ({ type, object }) => {
            if (type === "DELETED") objects.delete(object.metadata.name ?? "");
            else objects.set(object.metadata.name ?? "", object);
          });
          return objects;
        };
        for (const [index, { name, value }] of actions.entries()) {
          if (index === startAt) seen = start();
          const stored = store.get(key, "demo", name);
          if (stored === undefined) store.create(key, aConfigMap(name, "demo", String(value)));
          else if (value === 0) store.delete(key, "demo", name);
          else store.update(key, aConfigMap(name, "demo", String(value)), versionOf(stored));
        }
        seen ??= start();
        const byName = [...seen.values()].sort((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
        assert.deepEqual(byName, store.list(key, ""));
      }),
    );
  });
});
