import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type ErrorClass, type ErrorCode, WeirError } from "../../../api/errors.ts";
import { createApi } from "../../../controller/kube/api.ts";
import { createTransport, fenceWrites, type Transport } from "../../../controller/kube/transport.ts";
import { type FakeClock, fakeClock } from "../fakeClock.ts";
import { type Call, type FakeApiServer, openWatch, startFakeApiServer, statusOf } from "./fakeApiServer.ts";

const deployments = { group: "apps", version: "v1", plural: "deployments", kind: "Deployment" };
const podinfo = { resource: deployments, namespace: "demo", name: "podinfo" };
const anObject = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "podinfo", namespace: "demo" } };

/** The error that it fails with. */
async function failureOf(promise: Promise<unknown>): Promise<WeirError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof WeirError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "it did not fail" });
}

describe("the transport", () => {
  let server: FakeApiServer;
  let clock: FakeClock;
  let transport: Transport;
  const exchanges: string[] = [];

  beforeEach(async () => {
    server = await startFakeApiServer();
    clock = fakeClock();
    exchanges.length = 0;
    transport = createTransport(server.cluster, {
      userAgent: "weir-test/1",
      clock,
      onExchange: ({ method, code }) => exchanges.push(`${method} ${code}`),
    });
  });
  afterEach(async () => {
    await transport.close();
    await server.close();
  });

  const asked = async (answer: (call: Call) => void, method: "GET" | "PATCH" = "GET") => {
    const answered = transport.request({ method, path: "/x", ...(method === "GET" ? {} : { body: {} }) });
    answered.catch(() => undefined);
    answer(await server.next());
    return answered;
  };

  it("keeps its connections for one request after the other", async () => {
    for (let count = 0; count < 20; count += 1) await asked((call) => call.reply(200, { kind: "X" }));
    // A second one may be opened when a request follows before the first is marked as free.
    assert.ok(server.connections <= 2, `${server.connections} connections`);
    assert.deepEqual(exchanges, new Array(20).fill("GET 200"));
  });

  const refusals: [number, ErrorCode, ErrorClass][] = [
    [400, "api.invalid", "terminal"],
    [401, "api.forbidden", "retry"],
    [403, "api.forbidden", "terminal"],
    [404, "api.notFound", "terminal"],
    [409, "api.conflict", "conflict"],
    [410, "api.gone", "conflict"],
    [422, "api.invalid", "terminal"],
    [429, "api.unavailable", "retry"],
    [500, "api.unavailable", "retry"],
    [503, "api.unavailable", "retry"],
  ];
  for (const [status, code, errorClass] of refusals) {
    it(`a ${status} is ${code}, to be met by ${errorClass}, in the server's own words`, async () => {
      const error = await failureOf(asked((call) => call.refuse(status, "SomeReason", "the server's words")));
      assert.deepEqual([error.code, error.class], [code, errorClass]);
      assert.equal(error.message, "GET /x: the server's words");
      assert.deepEqual([error.answer?.status, error.answer?.reason], [status, "SomeReason"]);
      assert.deepEqual(exchanges, [`GET ${status}`]);
    });
  }

  it("keeps the causes of a refusal and how long to wait", async () => {
    const causes = [{ field: "spec.replicas", message: "must not be negative", reason: "FieldValueInvalid" }];
    const body = { ...statusOf(429, "Invalid", "no"), details: { causes, retryAfterSeconds: 3 } };
    const error = await failureOf(asked((call) => call.reply(429, body)));
    assert.deepEqual(error.answer?.causes, causes);
    assert.equal(error.retryAfterMs, 3000);
    const header = await failureOf(asked((call) => call.reply(503, {}, { "retry-after": "9" })));
    assert.equal(header.retryAfterMs, 9000);
    assert.match(header.message, /the API server answered 503/);
  });

  it("an answer that is no JSON, or text where JSON was due, is told as it is", async () => {
    const half = (call: Call) => call.raw.writeHead(200, { "content-type": "application/json" }).end("{");
    assert.equal((await failureOf(asked(half))).code, "api.protocol");
    const text = (call: Call) => call.raw.writeHead(404, { "content-type": "text/plain" }).end("404 page not found\n");
    assert.equal((await failureOf(asked(text))).message, "GET /x: 404 page not found");
  });

  it("hangingRequest: gives up in time", async () => {
    const error = failureOf(transport.request({ method: "GET", path: "/x", timeoutMs: 3000 }));
    await server.next();
    await clock.advance(3000);
    assert.deepEqual([(await error).code, (await error).message], ["api.unreachable", "GET /x: no answer within 3 s"]);
  });

  it("stops when the caller does", async () => {
    const caller = new AbortController();
    const error = failureOf(transport.request({ method: "GET", path: "/x", signal: caller.signal }));
    await server.next();
    caller.abort();
    assert.equal((await error).class, "aborted");
    assert.equal(
      (await failureOf(transport.request({ method: "GET", path: "/x", signal: caller.signal }))).code,
      "aborted",
    );
  });

  it("connectionReset: reads are tried once more, writes are not", async () => {
    const read = transport.request({ method: "GET", path: "/x" });
    (await server.next()).raw.socket?.destroy();
    (await server.next()).reply(200, {});
    assert.equal((await read).status, 200);
    const write = failureOf(asked((call) => call.raw.socket?.destroy(), "PATCH"));
    assert.deepEqual([(await write).code, (await write).class], ["api.unreachable", "retry"]);
    assert.equal(server.waiting, 0);
  });

  it("nobody listens: says where", async () => {
    await server.close();
    const error = await failureOf(transport.request({ method: "GET", path: "/x" }));
    assert.equal(error.code, "api.unreachable");
    assert.match(error.message, /ECONNREFUSED/);
    server = await startFakeApiServer();
  });

  it("a stream outlives the deadline of its beginning and fails when its caller leaves", async () => {
    const caller = new AbortController();
    const opened = transport.stream({ path: "/x", signal: caller.signal, timeoutMs: 1000 });
    const watch = openWatch(await server.next());
    const chunks = (await opened)[Symbol.asyncIterator]();
    await clock.advance(3_600_000);
    await watch.write("still here");
    assert.equal((await chunks.next()).value.toString(), "still here");
    caller.abort();
    assert.equal((await failureOf(chunks.next())).code, "aborted");
  });

  it("a stream that is left before it is read harms nobody", async () => {
    const caller = new AbortController();
    const opened = transport.stream({ path: "/x", signal: caller.signal });
    openWatch(await server.next());
    const chunks = await opened;
    caller.abort();
    await clock.advance(0);
    assert.equal((await failureOf(chunks[Symbol.asyncIterator]().next())).code, "aborted");
  });

  it("a fence stops writes, lets reads pass, and shortens what it lets through", async () => {
    let open = false;
    const fenced = fenceWrites(
      transport,
      () => {
        if (!open) throw new WeirError("lease.lost", "aborted", "not the leader");
      },
      2000,
    );
    assert.equal((await failureOf(fenced.request({ method: "PATCH", path: "/x" }))).code, "lease.lost");
    const read = fenced.request({ method: "GET", path: "/x" });
    (await server.expect("GET", "/x")).reply(200, {});
    await read;
    open = true;
    const write = failureOf(fenced.request({ method: "PATCH", path: "/x", body: {}, timeoutMs: 60_000 }));
    await server.expect("PATCH", "/x");
    await clock.advance(2000);
    assert.match((await write).message, /within 2 s/);
  });

  it("a token file is read again after a minute, and at once after a 401", async () => {
    const folder = await mkdtemp(join(tmpdir(), "token-"));
    const path = join(folder, "token");
    const withToken = createTransport({ ...server.cluster, bearer: { kind: "file", path } }, { userAgent: "t", clock });
    const seen = async (status = 200): Promise<string | undefined> => {
      const answered = withToken.request({ method: "GET", path: "/x" }).catch(() => undefined);
      const call = await server.next();
      call.reply(status, {});
      await answered;
      return call.headers.authorization;
    };
    await writeFile(path, "one\n");
    assert.equal(await seen(), "Bearer one");
    await writeFile(path, "two");
    assert.equal(await seen(401), "Bearer one");
    assert.equal(await seen(), "Bearer two");
    await writeFile(path, "three");
    await clock.advance(60_001);
    assert.equal(await seen(), "Bearer three");
    await withToken.close();
    await rm(folder, { recursive: true });
  });

  describe("the api on it", () => {
    const sent = async (run: (api: ReturnType<typeof createApi>) => Promise<unknown>) => {
      const answered = run(createApi(transport));
      const call = await server.next();
      call.reply(200, anObject, { warning: '299 - "first \\"quoted\\"", 299 - "second"' });
      await answered;
      const query = call.query.toString();
      return `${call.method} ${call.path}${query && "?"}${query} ${call.headers["content-type"] ?? ""}`.trim();
    };

    it("says each request as the API server understands it", async () => {
      const path = "/apis/apps/v1/namespaces/demo/deployments";
      assert.equal(await sent((api) => api.get(podinfo)), `GET ${path}/podinfo`);
      assert.equal(await sent((api) => api.create(deployments, anObject)), `POST ${path} application/json`);
      assert.equal(await sent((api) => api.replace(deployments, anObject)), `PUT ${path}/podinfo application/json`);
      assert.equal(
        await sent((api) => api.apply(deployments, anObject, { fieldManager: "weir", force: true, dryRun: true })),
        `PATCH ${path}/podinfo?fieldManager=weir&dryRun=All&force=true application/apply-patch+yaml`,
      );
      assert.equal(
        await sent((api) => api.mergePatch(podinfo, {}, { subresource: "status" })),
        `PATCH ${path}/podinfo/status application/merge-patch+json`,
      );
      assert.equal(
        await sent((api) => api.jsonPatch(podinfo, [])),
        `PATCH ${path}/podinfo application/json-patch+json`,
      );
      assert.equal(await sent((api) => api.delete(podinfo)), `DELETE ${path}/podinfo application/json`);
    });

    it("passes on warnings", async () => {
      const warnings: string[] = [];
      await sent((api) => api.create(deployments, anObject, { onWarning: (text) => warnings.push(text) }));
      assert.deepEqual(warnings, ['first "quoted"', "second"]);
    });

    it("nothing there is no failure for get and delete", async () => {
      const api = createApi(transport);
      const got = api.get(podinfo);
      (await server.next()).refuse(404, "NotFound", "not found");
      assert.equal(await got, undefined);
      const deleted = api.delete(podinfo);
      (await server.next()).refuse(404, "NotFound", "not found");
      assert.equal(await deleted, false);
    });
  });
});
