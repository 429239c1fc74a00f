import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { keyOf, type RawObject } from "../../../api/object.ts";
import { type Change, compareVersions, createStore, type StoreWriter } from "../../../controller/kube/store.ts";

const pods = { group: "", version: "v1", plural: "pods", kind: "Pod" };
const aPod = (name: string, version: number, app = "x"): RawObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "demo", uid: `uid-${name}`, resourceVersion: String(version), labels: { app } },
});
const asMap = (...objects: RawObject[]) => new Map(objects.map((object) => [keyOf(object.metadata), object]));

describe("the store", () => {
  let writer: StoreWriter;
  let changes: Change[];
  const told = (): string[] => changes.map(({ type, object }) => `${type} ${object.metadata.name}`);

  beforeEach(() => {
    writer = createStore({
      resource: pods,
      indexes: {
        app: (pod) => [pod.metadata.labels?.["app"] ?? ""],
        broken: (pod) => [(pod["spec"] as { node: string }).node],
      },
    });
    changes = [];
    writer.store.onChange((change) => changes.push(change));
  });

  it("tells what changed, with what was there before, and nothing twice", () => {
    writer.put(aPod("a", 1));
    writer.put(aPod("a", 1));
    writer.put(aPod("a", 2));
    writer.remove(aPod("a", 3));
    writer.remove(aPod("a", 3));
    assert.deepEqual(told(), ["added a", "modified a", "deleted a"]);
    assert.equal(changes[1]?.old?.metadata.resourceVersion, "1");
  });

  it("a swap reports what is gone, new and changed, and keeps quiet about the rest", () => {
    writer.replace(asMap(aPod("a", 1), aPod("b", 1), aPod("c", 1)));
    changes = [];
    writer.replace(asMap(aPod("b", 1), aPod("c", 2), aPod("d", 2)));
    assert.deepEqual(told(), ["deleted a", "modified c", "added d"]);
  });

  it("finds by index as objects change and go, and leaves out what an index can't read", () => {
    writer.put(aPod("a", 1));
    writer.put(aPod("b", 1));
    writer.put(aPod("a", 2, "y"));
    const found = (value: string): string[] => writer.store.byIndex("app", value).map((pod) => pod.metadata.name);
    assert.deepEqual([found("x"), found("y")], [["b"], ["a"]]);
    writer.remove(aPod("b", 3));
    assert.deepEqual(found("x"), []);
    assert.deepEqual(writer.store.byIndex("broken", "n"), []);
    assert.throws(() => writer.store.byIndex("undeclared", "x"), /no index undeclared/);
  });

  it("listeners can leave, and one that throws harms nobody", () => {
    const messages: string[] = [];
    const strict = createStore({ resource: pods, onListenerError: (message) => messages.push(message) });
    const seen: string[] = [];
    const leave = strict.store.onChange(() => {
      throw new Error("broken");
    });
    strict.store.onChange(({ object }) => seen.push(object.metadata.name));
    strict.put(aPod("a", 1));
    leave();
    strict.put(aPod("b", 2));
    assert.deepEqual([messages, seen], [["broken"], ["a", "b"]]);
  });

  it("a key is stale until our own write was seen, whatever way it comes to be seen", () => {
    const ways: [string, () => void][] = [
      ["the object arrives", () => writer.put(aPod("a", 100))],
      ["a newer one arrives", () => writer.put(aPod("a", 1000))],
      ["the watch got past it, for the object is gone again", () => writer.advance("100")],
      ["the kind is not served any more", () => writer.setServed(false)],
    ];
    for (const [name, happens] of ways) {
      writer = createStore({ resource: pods });
      writer.put(aPod("a", 99));
      writer.advance("99");
      assert.equal(writer.store.isStale("demo/a"), false);
      writer.store.expect("demo/a", "100");
      writer.store.expect("demo/a", "98");
      assert.equal(writer.store.isStale("demo/a"), true, name);
      assert.equal(writer.store.isStale("demo/b"), false);
      happens();
      assert.equal(writer.store.isStale("demo/a"), false, name);
    }
  });

  it("versions compare as integers of any length, and else only by equality", () => {
    assert.equal(compareVersions("9", "10"), -1);
    assert.equal(compareVersions("9007199254740993", "9007199254740992"), 1);
    assert.equal(compareVersions("x", "x"), 0);
    assert.equal(compareVersions("x", "1"), undefined);
    writer.store.expect("demo/a", "opaque");
    writer.put(aPod("a", 1));
    writer.advance("1");
    assert.equal(writer.store.isStale("demo/a"), false);
  });
});
