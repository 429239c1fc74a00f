import assert from "node:assert/strict";
import { test } from "node:test";
import { type RawObject, type Resource, WeirError } from "../../../api/index.ts";
import type { ApiRequest, Transport } from "../../../controller/kube/transport.ts";
import { type Caches, createCaches } from "../../../controller/observe/caches.ts";
import { type FakeClock, fakeClock } from "../fakeClock.ts";

const routes = (version: string): Resource => ({
  group: "gateway.networking.k8s.io",
  version,
  plural: "httproutes",
  kind: "HTTPRoute",
});
const refTo = (version: string) => ({ resource: routes(version), namespace: "test", name: "podinfo" });
const aRoute: RawObject = {
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "HTTPRoute",
  metadata: { name: "podinfo", namespace: "test", resourceVersion: "7" },
};

/** An API server that serves the kinds it is given, and whose watches stay silent. */
function serving(kinds: Map<string, readonly RawObject[]>): Transport {
  return {
    async request({ path }: ApiRequest) {
      const items = kinds.get(path.split("/").slice(2).join("/"));
      if (items === undefined) throw new WeirError("api.notFound", "terminal", `${path} is not served`);
      return { status: 200, body: { metadata: { resourceVersion: "9" }, items }, warnings: [] };
    },
    async stream({ signal }) {
      return (async function* () {
        await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
        yield* [];
      })();
    },
    close: async () => undefined,
  };
}

const ours: [string, readonly RawObject[]][] = [
  ["flagger.app/v1beta1/canaries", []],
  ["flagger.app/v1beta1/metrictemplates", []],
];

async function withCaches(
  kinds: Map<string, readonly RawObject[]>,
  look: (caches: Caches, clock: FakeClock) => Promise<void>,
  onChange: (canary: string) => void = () => undefined,
): Promise<void> {
  const clock = fakeClock();
  const caches = createCaches({
    transport: serving(kinds),
    clock,
    refsOf: () => [],
    onChange,
    onIncident: () => undefined,
  });
  try {
    await look(caches, clock);
  } finally {
    await caches.stop();
  }
}

test("a kind whose definition is installed later is listed as soon as a write shows that it is served", async () => {
  const kinds = new Map(ours);
  await withCaches(kinds, async (caches, clock) => {
    caches.ready([refTo("v1")]);
    await clock.advance(3_600_000);
    assert.equal(caches.ready([refTo("v1")]), true);
    assert.equal(caches.get(refTo("v1")), undefined);
    kinds.set("gateway.networking.k8s.io/v1/httproutes", [aRoute]);
    caches.expect(refTo("v1"), aRoute);
    await clock.advance(0);
    assert.equal(caches.get(refTo("v1"))?.metadata.resourceVersion, "7");
    assert.equal(caches.ready([refTo("v1")]), true);
  });
});

test("a canary that asks for a version nobody serves does not blind those that ask for another", async () => {
  const kinds = new Map([...ours, ["gateway.networking.k8s.io/v1/httproutes", [aRoute]] as const]);
  await withCaches(kinds, async (caches, clock) => {
    caches.ready([refTo("v1beta1")]);
    await clock.advance(0);
    caches.ready([refTo("v1")]);
    await clock.advance(0);
    assert.equal(caches.get(refTo("v1"))?.metadata.resourceVersion, "7");
  });
});

test("an object that only another one names wakes who follows it, and nobody else", async () => {
  const woken: string[] = [];
  const kinds = new Map(ours);
  const look = async (caches: Caches, clock: FakeClock): Promise<void> => {
    assert.equal(caches.follow("test/podinfo", [refTo("v1")]), false);
    caches.follow("test/other", [{ ...refTo("v1"), name: "other" }]);
    await clock.advance(3_600_000);
    woken.length = 0;
    kinds.set("gateway.networking.k8s.io/v1/httproutes", [aRoute]);
    caches.expect(refTo("v1"), aRoute);
    await clock.advance(0);
    assert.deepEqual(woken, ["test/podinfo"]);
    assert.equal(caches.follow("test/podinfo", [refTo("v1")]), true);
  };
  await withCaches(kinds, look, (canary) => woken.push(canary));
});
