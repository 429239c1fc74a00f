import assert from "node:assert/strict";
import { once } from "node:events";
import { afterEach, beforeEach, describe, it } from "node:test";
import {
  type Incident,
  type ListWatch,
  type ListWatchOptions,
  startListWatch,
} from "../../../controller/kube/listWatch.ts";
import type { Change } from "../../../controller/kube/store.ts";
import { createTransport, type Transport } from "../../../controller/kube/transport.ts";
import { type FakeClock, fakeClock } from "../fakeClock.ts";
import { type Call, type FakeApiServer, openWatch, startFakeApiServer, statusOf } from "./fakeApiServer.ts";

const configMaps = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap" };
const aConfigMap = (name: string, resourceVersion: number, data = {}) => ({
  metadata: { name, namespace: "demo", resourceVersion: String(resourceVersion), managedFields: [{ manager: "x" }] },
  data,
});
const aList = (resourceVersion: number, items: object[], next = "") => ({
  kind: "ConfigMapList",
  apiVersion: "v1",
  metadata: { resourceVersion: String(resourceVersion), continue: next },
  items,
});

describe("a list-watch", () => {
  let server: FakeApiServer;
  let clock: FakeClock;
  let transport: Transport;
  let watching: ListWatch;
  let changes: string[];
  let incidents: Incident[];
  let told: (() => void)[];
  let failuresSeen: number;
  let answered: number;

  beforeEach(async () => {
    server = await startFakeApiServer();
    clock = fakeClock();
    answered = 0;
    const onExchange = (): void => {
      answered += 1;
      for (const resolve of told.splice(0)) resolve();
    };
    transport = createTransport(server.cluster, { userAgent: "test", clock, onExchange });
    changes = [];
    incidents = [];
    told = [];
    failuresSeen = 0;
  });
  afterEach(async () => {
    await watching.stop();
    await transport.close();
    await server.close();
  });

  const start = (options: Partial<ListWatchOptions> = {}): void => {
    watching = startListWatch({
      transport,
      resource: configMaps,
      clock,
      random: () => 0.5,
      onIncident(incident) {
        incidents.push(incident);
        for (const resolve of told.splice(0)) resolve();
      },
      ...options,
    });
    watching.store.onChange((change: Change) => {
      changes.push(`${change.type} ${change.object.metadata.name}@${change.object.metadata.resourceVersion}`);
      for (const resolve of told.splice(0)) resolve();
    });
  };
  const changed = async (count: number): Promise<string[]> => {
    while (changes.length < count) await new Promise<void>((resolve) => told.push(resolve));
    return changes;
  };
  /** Lists `items` at version 10 and answers the watch that follows. */
  const startedWith = async (items: object[], options: Partial<ListWatchOptions> = {}): Promise<Call> => {
    start(options);
    (await server.expect("GET", "/api/v1/configmaps")).reply(200, aList(10, items));
    const watch = await server.expect("GET", "/api/v1/configmaps");
    assert.equal(watch.query.get("watch"), "true");
    return watch;
  };
  /** Waits for the next failure to be told. */
  const failed = async (): Promise<void> => {
    while (incidents.filter((incident) => incident.kind === "failed").length <= failuresSeen) {
      await new Promise<void>((resolve) => told.push(resolve));
    }
    failuresSeen += 1;
  };
  /** The same, and lets the backoff pass. */
  const afterBackoff = async (): Promise<void> => {
    await failed();
    await clock.advance(30_000);
  };

  it("reads all pages, then watches from the version of the list with bookmarks and a limit", async () => {
    start({ pageSize: 1, labelSelector: "app=x" });
    const first = await server.next();
    assert.equal(first.query.get("limit"), "1");
    assert.equal(first.query.get("labelSelector"), "app=x");
    first.reply(200, aList(9, [aConfigMap("a", 3)], "token-1"));
    const second = await server.next();
    assert.equal(second.query.get("continue"), "token-1");
    assert.equal(watching.store.hasSynced, false);
    second.reply(200, aList(9, [aConfigMap("b", 4)]));
    await watching.store.synced;
    const watch = await server.next();
    assert.deepEqual(Object.fromEntries(watch.query), {
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: "9",
      timeoutSeconds: "450",
      labelSelector: "app=x",
    });
    assert.deepEqual(changes, ["added a@3", "added b@4"]);
    assert.equal(watching.store.get("demo/a")?.kind, "ConfigMap");
    assert.equal(watching.store.get("demo/a")?.metadata["managedFields"], undefined);
  });

  it("follows changes and resumes after the last thing it was told, a bookmark included", async () => {
    const watch = openWatch(await startedWith([aConfigMap("a", 3)]));
    watch.send("MODIFIED", aConfigMap("a", 11));
    watch.send("ADDED", aConfigMap("b", 12));
    watch.send("DELETED", aConfigMap("a", 13));
    watch.send("BOOKMARK", { kind: "ConfigMap", apiVersion: "v1", metadata: { resourceVersion: "40" } });
    watch.end();
    const resumed = await server.expect("GET", "/configmaps");
    assert.equal(resumed.query.get("resourceVersion"), "40");
    assert.deepEqual(changes, ["added a@3", "modified a@11", "added b@12", "deleted a@13"]);
    assert.equal(watching.store.lastVersion, "40");
  });

  it("resetMidLine: drops the half line, waits, and resumes without listing", async () => {
    const watch = openWatch(await startedWith([]));
    watch.send("ADDED", aConfigMap("a", 11));
    await changed(1);
    await watch.write('{"type":"ADDED","object":{"metadata":{"name":"half');
    watch.reset();
    await afterBackoff();
    const resumed = await server.next();
    assert.equal(resumed.query.get("resourceVersion"), "11");
    assert.deepEqual(
      incidents.map((incident) => incident.kind),
      ["failed"],
    );
  });

  it("cut again and again: the waits grow only while nothing comes", async () => {
    let call = await startedWith([]);
    for (const [cut, tells] of [true, true, true, false, false].entries()) {
      const watch = openWatch(call);
      if (tells) watch.send("ADDED", aConfigMap(`a${cut}`, 11 + cut));
      if (tells) await changed(cut + 1);
      else await watch.write('{"type"');
      watch.reset();
      await afterBackoff();
      call = await server.next();
    }
    const waits = incidents.map((incident) => incident.kind === "failed" && incident.waitMs);
    assert.deepEqual(waits, [400, 400, 400, 800, 1600]);
  });

  it("splitUtf8: puts characters together that two chunks share", async () => {
    const watch = openWatch(await startedWith([]));
    const line = Buffer.from(`${JSON.stringify({ type: "ADDED", object: aConfigMap("a", 11, { text: "größer" }) })}\n`);
    const middleOfCharacter = line.indexOf(Buffer.from("ö")) + 1;
    await watch.write(line.subarray(0, middleOfCharacter));
    await watch.write(line.subarray(middleOfCharacter));
    await changed(1);
    assert.deepEqual(watching.store.get("demo/a")?.["data"], { text: "größer" });
  });

  it("gone410 as an event: lists again and reports what was deleted in the gap", async () => {
    const watch = openWatch(await startedWith([aConfigMap("a", 3), aConfigMap("b", 4), aConfigMap("c", 5)]));
    await clock.advance(5000);
    watch.send("ERROR", statusOf(410, "Expired", "too old resource version"));
    const relist = await server.next();
    assert.equal(relist.query.get("watch"), null);
    relist.reply(200, aList(50, [aConfigMap("a", 3), aConfigMap("c", 20)]));
    await changed(5);
    assert.deepEqual(changes.slice(3), ["deleted b@4", "modified c@20"]);
  });

  it("gone410 again right after the list: does not spin", async () => {
    const watch = openWatch(await startedWith([]));
    watch.send("ERROR", statusOf(410, "Expired", "too old resource version"));
    await failed();
    assert.equal(server.waiting, 0);
    await clock.advance(30_000);
    assert.equal((await server.next()).query.get("watch"), null);
  });

  it("errorEvent500: is an error, not an object, and the watch resumes at its version", async () => {
    const watch = openWatch(await startedWith([]));
    watch.send("ERROR", statusOf(500, "InternalError", "etcd is away"));
    await afterBackoff();
    assert.equal((await server.next()).query.get("resourceVersion"), "10");
    assert.equal(incidents[0]?.kind === "failed" && incidents[0].error.code, "api.unavailable");
  });

  it("throttle429: waits at least as long as Retry-After says", async () => {
    start();
    (await server.next()).refuse(429, "TooManyRequests", "slow down", { "retry-after": "20" });
    await failed();
    await clock.advance(19_999);
    assert.equal(server.waiting, 0);
    await clock.advance(1);
    await server.next();
  });

  it("quietWatch: gives up on a peer that went away without a word, and resumes", async () => {
    const call = await startedWith([]);
    openWatch(call);
    const closed = once(call.raw, "close");
    while (answered < 2) await new Promise<void>((resolve) => told.push(resolve));
    await clock.advance(455_000);
    await closed;
    await afterBackoff();
    assert.equal((await server.next()).query.get("resourceVersion"), "10");
  });

  it("hangingRequest: a list without an answer is given up and tried again", async () => {
    start();
    await server.next();
    await clock.advance(60_000);
    await afterBackoff();
    (await server.next()).reply(200, aList(10, []));
    await watching.store.synced;
  });

  it("expired page token: starts over and asks for everything at once", async () => {
    start();
    (await server.next()).reply(200, aList(9, [aConfigMap("a", 3)], "token-1"));
    (await server.next()).refuse(410, "Expired", "the provided continue parameter is too old");
    await afterBackoff();
    const all = await server.next();
    assert.equal(all.query.get("limit"), null);
    assert.equal(all.query.get("continue"), null);
    all.reply(200, aList(30, [aConfigMap("b", 4)]));
    await watching.store.synced;
    assert.deepEqual(changes, ["added b@4"]);
  });

  it("a kind that is not served: is synced and empty, asks ever more rarely, and at once when told", async () => {
    start({ notServedRetryMs: 100_000 });
    const notServed = async (): Promise<void> => {
      (await server.next()).raw.writeHead(404, { "content-type": "text/plain" }).end("404 page not found");
    };
    for (let times = 0; times < 10; times += 1) {
      await notServed();
      while (answered <= times) await new Promise<void>((resolve) => told.push(resolve));
      if (times < 9) await clock.advance(400 * 2 ** times);
    }
    await watching.store.synced;
    assert.equal(watching.store.served, false);
    await clock.advance(49_999);
    assert.equal(server.waiting, 0);
    watching.retryNow();
    (await server.next()).reply(200, aList(10, [aConfigMap("a", 3)]));
    await changed(1);
    assert.equal(watching.store.served, true);
    assert.deepEqual(incidents, [{ kind: "notServed" }]);
  });

  it("compares with a fresh list now and then, repairs, and counts what the watch had not told", async () => {
    const watch = openWatch(await startedWith([aConfigMap("a", 3), aConfigMap("b", 4)], { compareAfterMs: 1000 }));
    watch.send("BOOKMARK", { metadata: { resourceVersion: "20" } });
    watch.send("MODIFIED", aConfigMap("b", 21));
    await changed(3);
    await clock.advance(1000);
    watch.end();
    const relist = await server.next();
    relist.reply(200, aList(30, [aConfigMap("a", 15), aConfigMap("b", 21), aConfigMap("late", 25)]));
    await changed(5);
    assert.equal(watching.missed, 1);
    assert.deepEqual(changes.slice(3), ["modified a@15", "added late@25"]);
  });

  it("a listener that throws and an answer that makes no sense stop nothing", async () => {
    start();
    watching.store.onChange(() => {
      throw new Error("listener is broken");
    });
    (await server.next()).reply(200, { kind: "ConfigMapList", metadata: { resourceVersion: "1" }, items: [null, 7] });
    await afterBackoff();
    (await server.next()).reply(200, aList(10, [aConfigMap("a", 3)]));
    const watch = openWatch(await server.next());
    watch.send("ADDED", aConfigMap("b", 11));
    await changed(2);
    await watch.write("no json\n");
    await afterBackoff();
    assert.equal((await server.next()).query.get("resourceVersion"), "11");
    assert.equal(incidents.filter((incident) => incident.kind === "listenerFailed").length, 2);
  });
});
