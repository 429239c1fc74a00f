import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { WeirError } from "../../api/errors.ts";
import { keyOf, type RawObject } from "../../api/object.ts";
import { startListWatch } from "../../controller/kube/listWatch.ts";
import type { ApiRequest, Transport } from "../../controller/kube/transport.ts";
import { fakeClock } from "../unit/fakeClock.ts";

const configMaps = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap" };

type Action =
  | { readonly kind: "write" | "delete"; readonly name: string }
  /** History up to now is forgotten: watches from before are told 410, page tokens expire. */
  | { readonly kind: "compact" }
  | { readonly kind: "bookmark" }
  /** What happens to the watches that are open. */
  | { readonly kind: "watchFault"; readonly fault: "end" | "reset" | "resetMidLine" | "errorEvent500" }
  | { readonly kind: "listFault"; readonly fault: "reset" | "throttle429" }
  /** The kind goes away, with all its objects, or comes. */
  | { readonly kind: "uninstall" | "install" }
  | { readonly kind: "pass"; readonly ms: number };

interface Logged {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: RawObject;
}

/** An API server of one kind, in memory: consistent pages, a history of events, and faults on demand. */
class World {
  readonly objects = new Map<string, RawObject>();
  readonly #log: Logged[] = [];
  readonly #streams = new Set<Stream>();
  #version = 100;
  #oldest = 100;
  #served = true;
  listFault: "reset" | "throttle429" | undefined;

  act(action: Exclude<Action, { kind: "pass" }>): void {
    switch (action.kind) {
      case "write":
        this.#write(action.name);
        break;
      case "delete":
        this.#delete(action.name);
        break;
      case "compact":
        this.#oldest = this.#version;
        break;
      case "bookmark":
        for (const stream of this.#streams)
          stream.say("BOOKMARK", { metadata: { resourceVersion: `${this.#version}` } });
        break;
      case "watchFault":
        for (const stream of this.#streams) stream.fail(action.fault);
        this.#streams.clear();
        break;
      case "listFault":
        this.listFault = action.fault;
        break;
      case "install":
        this.#served = true;
        break;
      case "uninstall":
        for (const name of [...this.objects.keys()]) this.#delete(name);
        this.#served = false;
        this.act({ kind: "watchFault", fault: "end" });
        break;
    }
  }

  #write(name: string): void {
    if (!this.#served) return;
    this.#version += 1;
    const known = this.objects.has(name);
    const metadata = { name, namespace: "demo", uid: name, resourceVersion: `${this.#version}` };
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata };
    this.objects.set(name, object);
    this.#tell({ version: this.#version, type: known ? "MODIFIED" : "ADDED", object });
  }

  #delete(name: string): void {
    const object = this.objects.get(name);
    if (object === undefined) return;
    this.#version += 1;
    this.objects.delete(name);
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: `${this.#version}` } };
    this.#tell({ version: this.#version, type: "DELETED", object: last });
  }

  #tell(event: Logged): void {
    this.#log.push(event);
    for (const stream of this.#streams) stream.say(event.type, event.object);
  }

  readonly transport: Transport = {
    request: async (request) => ({ status: 200, body: this.#list(request), warnings: [] }),
    stream: async (request) => this.#watch(Number(request.query?.["resourceVersion"]), request.signal),
    close: async () => undefined,
  };

  #refuseUnlessServed(): void {
    if (!this.#served) throw new WeirError("api.notFound", "terminal", "404 page not found");
  }

  #list({ query = {} }: ApiRequest): object {
    this.#refuseUnlessServed();
    const fault = this.listFault;
    this.listFault = undefined;
    if (fault === "reset") throw new WeirError("api.unreachable", "retry", "reset");
    if (fault === "throttle429") throw new WeirError("api.unavailable", "retry", "slow down", { retryAfterMs: 3000 });
    const [at = this.#version, from = 0] = String(query["continue"] ?? "")
      .split("/")
      .filter(Boolean)
      .map(Number);
    if (at < this.#oldest) throw new WeirError("api.gone", "conflict", "the continue token is too old");
    const all = [...this.#asOf(at).values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    const end = query["limit"] === undefined ? all.length : from + Number(query["limit"]);
    const more = end < all.length ? { continue: `${at}/${end}` } : {};
    return { metadata: { resourceVersion: `${at}`, ...more }, items: all.slice(from, end) };
  }

  #asOf(version: number): Map<string, RawObject> {
    const objects = new Map<string, RawObject>();
    for (const event of this.#log.filter((one) => one.version <= version)) {
      if (event.type === "DELETED") objects.delete(event.object.metadata.name);
      else objects.set(event.object.metadata.name, event.object);
    }
    return objects;
  }

  #watch(from: number, signal: AbortSignal | undefined): AsyncIterable<Buffer> {
    this.#refuseUnlessServed();
    const stream = new Stream(signal);
    if (from < this.#oldest) {
      stream.say("ERROR", { kind: "Status", code: 410, reason: "Expired" });
      stream.fail("end");
      return stream.read();
    }
    for (const event of this.#log) if (event.version > from) stream.say(event.type, event.object);
    this.#streams.add(stream);
    return stream.read();
  }
}

class Stream {
  readonly #chunks: (Buffer | Error | "end")[] = [];
  #wake: () => void = () => undefined;

  constructor(signal: AbortSignal | undefined) {
    signal?.addEventListener("abort", () => this.#push(new Error("aborted")), { once: true });
  }

  say(type: string, object: object): void {
    this.#push(Buffer.from(`${JSON.stringify({ type, object })}\n`));
  }

  fail(fault: (Action & { kind: "watchFault" })["fault"]): void {
    if (fault === "errorEvent500") this.say("ERROR", { kind: "Status", code: 500 });
    if (fault === "resetMidLine") this.#push(Buffer.from('{"type":"ADDED","object":{"metadata":{"name":"half'));
    this.#push(fault === "end" || fault === "errorEvent500" ? "end" : new Error("reset"));
  }

  #push(chunk: Buffer | Error | "end"): void {
    this.#chunks.push(chunk);
    this.#wake();
  }

  async *read(): AsyncGenerator<Buffer> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk === "end") return;
      if (chunk instanceof Error) throw chunk;
      if (chunk !== undefined) yield chunk;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

const name = fc.constantFrom("a", "b", "c", "d", "e");
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("write" as const), name }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("delete" as const), name }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(0, 500, 20_000, 700_000) }),
  },
  fc.constant<Action>({ kind: "compact" }),
  fc.constant<Action>({ kind: "bookmark" }),
  fc.record({
    kind: fc.constant("watchFault" as const),
    fault: fc.constantFrom("end", "reset", "resetMidLine", "errorEvent500"),
  }),
  fc.record({ kind: fc.constant("listFault" as const), fault: fc.constantFrom("reset", "throttle429") }),
  { weight: 1, arbitrary: fc.constantFrom<Action>({ kind: "uninstall" }, { kind: "install" }) },
);

describe("a list-watch in any world", () => {
  it("ends up with what the API server has, and its listeners with it", async () => {
    const property = fc.asyncProperty(
      fc.array(action, { maxLength: 60, size: "max" }),
      fc.integer({ min: 1, max: 3 }),
      async (actions, pageSize) => {
        const clock = fakeClock();
        const world = new World();
        const lies: string[] = [];
        const listWatch = startListWatch({
          transport: world.transport,
          resource: configMaps,
          clock,
          pageSize,
          random: () => 0.5,
          notServedRetryMs: 30_000,
          onIncident: (incident) => incident.kind === "listenerFailed" && lies.push(incident.message),
        });
        const mirror = new Map<string, RawObject>();
        listWatch.store.onChange(({ type, object, old }) => {
          const key = keyOf(object.metadata);
          assert.equal(mirror.get(key)?.metadata.resourceVersion, old?.metadata.resourceVersion);
          assert.equal(type === "added", !mirror.has(key));
          if (type === "deleted") mirror.delete(key);
          else mirror.set(key, object);
        });
        for (const one of actions) {
          if (one.kind === "pass") await clock.advance(one.ms);
          else world.act(one);
        }
        world.act({ kind: "install" });
        world.listFault = undefined;
        await clock.advance(120_000);

        const versions = (objects: Iterable<RawObject>): string[] =>
          [...objects].map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`).sort();
        const truth = versions(world.objects.values());
        assert.deepEqual(versions(listWatch.store.list()), truth);
        assert.deepEqual(versions(mirror.values()), truth);
        assert.deepEqual([listWatch.missed, lies], [0, []]);
        const stopped = listWatch.stop();
        await clock.advance(0);
        await stopped;
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });
});
