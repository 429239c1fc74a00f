import assert from "node:assert/strict";
import { request } from "node:http";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { faultsOf } from "../../sandbox/node/faults.ts";
import { Listener } from "../../sandbox/node/listener.ts";
import { Podinfo } from "../../sandbox/node/podinfo/app.ts";
import { createPodNetwork, type PodNetwork } from "../../sandbox/node/podNetwork.ts";

const PORT = 9898;
let network: PodNetwork;
let address: string;
let listener: Listener;

interface Answer {
  code: number;
  body: string;
}

function call(
  path: string,
  options: { method?: string; body?: string; headers?: Record<string, string>; at?: string } = {},
) {
  const { method = "GET", body = "", headers = {}, at = address } = options;
  return new Promise<Answer>((resolve, reject) => {
    const outgoing = request({ ...network.locate(at, PORT), path, method, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve({ code: response.statusCode ?? 0, body: text }));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

async function serve(tag: string, fault = ""): Promise<{ at: string; listener: Listener }> {
  const env = { FAULT: fault, PODINFO_UI_COLOR: "#112233" };
  const app = new Podinfo({
    hostname: "web-1",
    version: tag,
    env,
    faults: faultsOf(tag, env),
    started: new Date(0),
    log: () => undefined,
  });
  const at = await network.allocate();
  const server = new Listener(network);
  await server.open(at, [PORT], app.handle);
  return { at, listener: server };
}

before(async () => {
  network = createPodNetwork();
  ({ at: address, listener } = await serve("6.0.1"));
});
after(async () => {
  listener.destroy();
  await network.close();
});

describe("podinfo", () => {
  const cases: { path: string; method?: string; body?: string; code: number; matches: RegExp }[] = [
    { path: "/", code: 200, matches: /"hostname": "web-1",\n {2}"version": "6\.0\.1"/ },
    { path: "/", code: 200, matches: /"color": "#112233"/ },
    { path: "/api/info", code: 200, matches: /greetings from podinfo v6\.0\.1/ },
    { path: "/version?x=1", code: 200, matches: /"version": "6\.0\.1"/ },
    { path: "/healthz", code: 200, matches: /"OK"/ },
    { path: "/readyz", code: 200, matches: /"OK"/ },
    { path: "/status/503", code: 503, matches: /"status": 503/ },
    { path: "/status/204", code: 204, matches: /^$/ },
    { path: "/status/99", code: 400, matches: /200 to 599/ },
    { path: "/status/abc", code: 400, matches: /200 to 599/ },
    { path: "/delay/0.01", code: 200, matches: /"delay": 0\.01/ },
    { path: "/delay/-1", code: 400, matches: /seconds/ },
    { path: "/delay/99999", code: 400, matches: /seconds/ },
    { path: "/token", method: "POST", body: "anon", code: 200, matches: /"token": "[\w-]+\.[\w-]+"/ },
    { path: "/token", code: 405, matches: /POST/ },
    { path: "/token/validate", code: 401, matches: /invalid/ },
    { path: "/env", code: 200, matches: /PODINFO_UI_COLOR=#112233/ },
    { path: "/headers", code: 200, matches: /"host"/ },
    { path: "/echo", method: "POST", body: "hello", code: 202, matches: /^hello$/ },
    { path: "/nothing/here", code: 404, matches: /not found/ },
  ];
  for (const { path, method = "GET", body = "", code, matches } of cases) {
    it(`${method} ${path} answers ${code}`, async () => {
      const answer = await call(path, { method, body });
      assert.equal(answer.code, code);
      assert.match(answer.body, matches);
    });
  }

  it("knows its own tokens", async () => {
    const { token } = JSON.parse((await call("/token", { method: "POST", body: "anon" })).body) as { token: string };
    const answer = await call("/token/validate", { headers: { authorization: `Bearer ${token}` } });
    assert.match(answer.body, /"token_name": "anon"/);
  });

  it("turns unready and ready on request", async () => {
    await call("/readyz/disable", { method: "POST" });
    assert.equal((await call("/readyz")).code, 503);
    await call("/readyz/enable", { method: "POST" });
    assert.equal((await call("/readyz")).code, 200);
  });

  it("counts requests by method, path and status", async () => {
    const { body } = await call("/metrics");
    assert.match(body, /^http_request_duration_seconds_count\{method="GET",path="root",status="200"\} 2$/m);
    assert.match(
      body,
      /^http_request_duration_seconds_bucket\{method="GET",path="status",status="503",le="\+Inf"\} 1$/m,
    );
    assert.match(body, /^http_requests_total\{status="503"\} [1-9]/m);
    const inBuckets = [...body.matchAll(/path="root",status="200",le="([^"]+)"\} (\d+)/g)].map(([, , count]) =>
      Number(count),
    );
    assert.deepEqual(
      inBuckets,
      inBuckets.toSorted((a, b) => a - b),
      "buckets are cumulative",
    );
  });

  it("survives a body beyond its limit and a broken request", async () => {
    const large = await call("/token", { method: "POST", body: "x".repeat(2_000_000) }).catch(() => ({ code: 400 }));
    assert.equal(large.code, 400);
    const text = await new Promise<string>((resolve) => {
      const socket = connect(network.locate(address, PORT), () => socket.write("nonsense\r\n\r\n"));
      let received = "";
      socket.on("data", (chunk) => (received += chunk));
      socket.on("close", () => resolve(received));
    });
    assert.match(text, /^HTTP\/1\.1 400/);
    assert.equal((await call("/")).code, 200);
  });
});

describe("podinfo with faults", () => {
  it("fails the stated share of requests, evenly, and never a health check", async () => {
    const { at, listener: server } = await serve("6.0.2", "error:0.25");
    const codes: number[] = [];
    for (let index = 0; index < 8; index += 1) codes.push((await call("/", { at })).code);
    assert.deepEqual(codes, [200, 200, 200, 500, 200, 200, 200, 500]);
    for (let index = 0; index < 4; index += 1) assert.equal((await call("/healthz", { at })).code, 200);
    server.destroy();
  });

  it("is slow by the stated delay", async () => {
    const { at, listener: server } = await serve("6.0.2", "delay:60ms");
    const started = performance.now();
    await call("/", { at });
    assert.ok(performance.now() - started >= 55);
    server.destroy();
  });
});

describe("a draining listener", () => {
  it("finishes the request in flight, then closes", async () => {
    const { at, listener: server } = await serve("6.0.1");
    const slow = call("/delay/0.1", { at });
    await call("/", { at });
    await server.drain(0, new AbortController().signal);
    assert.equal((await slow).code, 200);
    await assert.rejects(call("/", { at }), /ECONNREFUSED/);
  });

  it("does not wait for connections that never asked for anything", async () => {
    const { at, listener: server } = await serve("6.0.1");
    const socket = connect(network.locate(at, PORT));
    await new Promise((resolve) => socket.once("connect", resolve));
    await call("/", { at });
    await server.drain(0, new AbortController().signal);
    socket.destroy();
  });

  it("is cut when the grace period ends", async () => {
    const { at, listener: server } = await serve("6.0.1");
    const slow = call("/delay/5", { at });
    await call("/", { at });
    const grace = new AbortController();
    const drained = server.drain(0, grace.signal);
    setImmediate(() => grace.abort());
    await drained;
    await assert.rejects(slow, /socket hang up|ECONNRESET/);
  });
});

describe("addresses of pods", () => {
  it("lead to ports of one address where a machine has no others", async () => {
    const shared = createPodNetwork({ shared: true });
    const [first, second] = [await shared.allocate(), await shared.allocate()];
    const servers = [first, second].map(async (pod) => {
      const server = new Listener(shared);
      await server.open(pod, [PORT], (_request, response) => response.end(pod));
      return server;
    });
    const opened = await Promise.all(servers);
    for (const pod of [first, second]) {
      const at = shared.locate(pod, PORT);
      assert.equal(at.host, "127.0.0.1");
      assert.equal(await (await fetch(`http://${at.host}:${at.port}/`)).text(), pod);
    }
    for (const server of opened) server.destroy();
    shared.release(first);
    assert.deepEqual(shared.locate(first, PORT), { host: first, port: PORT }, "nothing is left of a released address");
    await shared.close();
  });

  it("are loopback addresses that nobody else has, across sandboxes too", async () => {
    const other = createPodNetwork();
    const mine = await Promise.all(Array.from({ length: 300 }, () => network.allocate()));
    const theirs = await Promise.all(Array.from({ length: 300 }, () => other.allocate()));
    const all = [...mine, ...theirs];
    assert.equal(new Set(all).size, 600);
    for (const each of all) assert.match(each, /^127\.[1-9]\d*\.\d+\.\d+$/);
    await other.close();
  });
});
