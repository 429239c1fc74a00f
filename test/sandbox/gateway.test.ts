import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { putService, putSlice } from "../unit/sandbox/fakeClient.ts";
import { backends, GATEWAYS, get, many, ROUTES, startTrafficBench, type TrafficBench } from "./trafficBench.ts";

let bench: TrafficBench;
beforeEach(async () => {
  bench = await startTrafficBench();
});
afterEach(() => bench.stop());

describe("a Gateway", () => {
  test("says that it and its routes are in effect, with the generation it has seen", async () => {
    await bench.route([{ backendRefs: backends(100, 0) }]);
    const status = bench.cluster.read(GATEWAYS, "istio-ingress", "gateway")?.["status"];
    assert.deepEqual(
      status.conditions.map((one: { type: string; status: string }) => `${one.type} ${one.status}`),
      ["Accepted True", "Programmed True"],
    );
    assert.equal(status.listeners[0].attachedRoutes, 1);
    const [parent] = bench.cluster.read(ROUTES, "test", "podinfo")?.["status"].parents ?? [];
    assert.deepEqual(parent.parentRef, { name: "gateway", namespace: "istio-ingress" });
    assert.equal(parent.controllerName, "istio.io/gateway-controller");
    assert.deepEqual(
      parent.conditions.map((one: { type: string; reason: string }) => `${one.type} ${one.reason}`),
      ["Accepted Accepted", "ResolvedRefs ResolvedRefs"],
    );
    await bench.route([{ backendRefs: backends(90, 10) }]);
    const again = bench.cluster.read(ROUTES, "test", "podinfo");
    assert.equal(again?.["status"].parents[0].conditions[0].observedGeneration, again?.metadata.generation);
  });

  test("has a Service named as Istio names it, with the port outside", async () => {
    await bench.network.settled();
    const service = bench.cluster.read("services", "istio-ingress", "gateway-istio");
    assert.deepEqual(
      service?.["spec"].ports.map((port: { port: number }) => port.port),
      [80],
    );
    const { hostname, ports } = (service ?? assert.fail())["status"].loadBalancer.ingress[0];
    assert.equal(`http://127.0.0.1:${ports[0].port}`, bench.gateway());
    assert.equal(hostname, "localhost");
  });

  test("writes nothing when nothing changed", async () => {
    await bench.route([{ backendRefs: backends(100, 0) }]);
    const writes = bench.cluster.writes.length;
    putSlice(bench.cluster, "test", "podinfo-primary", [bench.primary]);
    bench.cluster.put("services", bench.cluster.read("services", "test", "podinfo-primary") ?? assert.fail());
    await bench.network.settled();
    assert.deepEqual(bench.cluster.writes.slice(writes), []);
  });

  test("is closed and forgotten with its object", async () => {
    await bench.network.settled();
    const url = bench.gateway();
    bench.cluster.remove(GATEWAYS, "istio-ingress", "gateway");
    await bench.network.settled();
    assert.equal(bench.gateway(), "");
    await assert.rejects(get(url), /ECONNREFUSED/);
  });

  for (const [name, rules, parent, type, reason] of [
    [
      "a Service that isn't there",
      [{ backendRefs: [{ name: "nope", port: 80 }] }],
      {},
      "ResolvedRefs",
      "BackendNotFound",
    ],
    [
      "a Service elsewhere without a grant",
      [{ backendRefs: [{ name: "x", namespace: "other", port: 80 }] }],
      {},
      "ResolvedRefs",
      "RefNotPermitted",
    ],
    ["a filter that it doesn't have", [{ filters: [{ type: "ExtensionRef" }] }], {}, "Accepted", "UnsupportedValue"],
    [
      "a section that isn't there",
      [{ backendRefs: backends(1, 0) }],
      { sectionName: "nope" },
      "Accepted",
      "NoMatchingParent",
    ],
  ] as const) {
    test(`says what is wrong with ${name}`, async () => {
      await bench.route([...rules], parent);
      const conditions = bench.cluster.read(ROUTES, "test", "podinfo")?.["status"].parents[0].conditions;
      const found = conditions.find((one: { type: string }) => one.type === type);
      assert.deepEqual([found.status, found.reason], ["False", reason]);
      assert.ok((await get(bench.gateway())).status >= 404);
    });
  }
});

describe("traffic", () => {
  test("is split exactly, and a new split takes effect with the write", async () => {
    await bench.route([{ backendRefs: backends(90, 10) }]);
    assert.deepEqual(await many(100, () => get(bench.gateway())), { primary: 90, canary: 10 });
    await bench.route([{ backendRefs: backends(50, 50) }]);
    assert.deepEqual(await many(20, () => get(bench.gateway())), { primary: 10, canary: 10 });
    await bench.route([{ backendRefs: backends(100, 0) }]);
    assert.deepEqual(await many(20, () => get(bench.gateway())), { primary: 20 });
  });

  test("turns with the write itself, even while a status can't be written", async () => {
    await bench.route([{ backendRefs: backends(100, 0) }]);
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    bench.cluster.delayWrites(held);
    const statusWritten = bench.route([{ backendRefs: backends(50, 50) }]);
    await Promise.resolve();
    const route = bench.cluster.read(ROUTES, "test", "podinfo") ?? assert.fail();
    bench.cluster.put(ROUTES, { ...route, spec: { ...route["spec"], rules: [{ backendRefs: backends(0, 100) }] } });
    assert.deepEqual(await many(5, () => get(bench.gateway())), { canary: 5 });
    release();
    await statusWritten;
  });

  test("of insiders goes to the canary", async () => {
    const matches = [{ headers: [{ name: "X-Canary", value: "insider" }] }];
    await bench.route([{ matches, backendRefs: backends(0, 100) }, { backendRefs: backends(100, 0) }]);
    assert.equal((await get(bench.gateway(), { headers: { "x-canary": "insider" } })).body, "canary");
    assert.equal((await get(bench.gateway())).body, "primary");
  });

  test("stays with the canary by cookie, which only the canary hands out", async () => {
    const add = [{ name: "Set-Cookie", value: "sid=AbCd; Max-Age=60" }];
    const filters = [{ type: "ResponseHeaderModifier", responseHeaderModifier: { add } }];
    const matches = [{ headers: [{ type: "RegularExpression", name: "Cookie", value: ".*sid.*AbCd.*" }] }];
    await bench.route([
      { matches, backendRefs: backends(0, 100) },
      { matches: [{ path: { type: "PathPrefix", value: "/" } }], backendRefs: backends(50, 50, { filters }) },
    ]);
    for (let turn = 0; turn < 4; turn++) {
      const { body, headers } = await get(bench.gateway());
      assert.deepEqual(headers["set-cookie"], body === "canary" ? ["sid=AbCd; Max-Age=60"] : undefined);
    }
    assert.deepEqual(await many(6, () => get(bench.gateway(), { headers: { cookie: "a=b; sid=AbCd" } })), {
      canary: 6,
    });
  });

  test("carries bodies both ways, small and large, and changed headers", async () => {
    const set = [{ name: "X-Env", value: "test" }];
    const filters = [{ type: "RequestHeaderModifier", requestHeaderModifier: { set, remove: ["X-Drop"] } }];
    await bench.route([{ filters, backendRefs: backends(1, 0) }]);
    bench.primary.behave = (_request, response) => void response.end(bench.seen.at(-1)?.body);
    for (const body of ["", "small", "x".repeat(300_000)]) {
      const answer = await get(bench.gateway(), { method: "POST", body, headers: { "x-drop": "1", "x-env": "a" } });
      assert.equal(answer.body, body);
      assert.equal(bench.seen.at(-1)?.request.headers["x-env"], "test");
      assert.equal(bench.seen.at(-1)?.request.headers["x-drop"], undefined);
    }
  });

  test("is rewritten and redirected", async () => {
    const path = { type: "ReplacePrefixMatch", replacePrefixMatch: "/new" };
    await bench.route([
      {
        matches: [{ path: { type: "PathPrefix", value: "/old" } }],
        filters: [{ type: "URLRewrite", urlRewrite: { hostname: "inner.local", path } }],
        backendRefs: backends(1, 0),
      },
      {
        matches: [{ path: { type: "PathPrefix", value: "/moved" } }],
        filters: [{ type: "RequestRedirect", requestRedirect: { scheme: "https", statusCode: 301 } }],
      },
    ]);
    await get(bench.gateway(), { path: "/old/x?y=1" });
    assert.deepEqual([bench.seen[0]?.request.url, bench.seen[0]?.request.headers.host], ["/new/x?y=1", "inner.local"]);
    const { status, headers } = await get(bench.gateway(), { path: "/moved/a" });
    assert.deepEqual([status, headers.location], [301, "https://www.example.com/moved/a"]);
  });

  test("from other origins is let in as the route says, and asked for beforehand at the gateway", async () => {
    const cors = { allowOrigins: ["https://*.example.org"], allowMethods: ["*"], allowHeaders: ["x-a"], maxAge: 60 };
    await bench.route([{ filters: [{ type: "CORS", cors }], backendRefs: backends(1, 0) }]);
    const origin = "https://app.example.org";
    const ask = { origin, "access-control-request-method": "PUT" };
    const preflight = await get(bench.gateway(), { method: "OPTIONS", headers: ask });
    assert.deepEqual(
      ["origin", "methods", "headers"].map((name) => preflight.headers[`access-control-allow-${name}`]),
      [origin, "PUT", "x-a"],
    );
    assert.deepEqual(bench.seen, []);
    const real = await get(bench.gateway(), { headers: { origin } });
    assert.deepEqual([real.body, real.headers["access-control-allow-origin"]], ["primary", origin]);
    const foreign = await get(bench.gateway(), { headers: { origin: "https://evil.org" } });
    assert.deepEqual([foreign.body, foreign.headers["access-control-allow-origin"]], ["primary", undefined]);
  });

  test("with a whole URL for a target is understood, without a path it is refused", async () => {
    await bench.route([{ backendRefs: backends(1, 0) }]);
    assert.equal((await get(bench.gateway(), { path: "http://www.example.com/x?y" })).body, "primary");
    assert.equal(bench.seen[0]?.request.url, "/x?y");
    assert.equal((await get(bench.gateway(), { method: "OPTIONS", path: "*" })).status, 400);
  });

  test("is mirrored, and the mirror's answer is nobody's", async () => {
    const backendRef = { name: "podinfo-canary", port: 9898 };
    await bench.route([
      { filters: [{ type: "RequestMirror", requestMirror: { backendRef } }], backendRefs: backends(100, 0) },
    ]);
    const mirrored = new Promise<void>((resolve) => {
      bench.canary.behave = (_request, response) => {
        response.writeHead(500).end();
        resolve();
      };
    });
    const answer = await get(bench.gateway(), { method: "POST", body: "both" });
    await mirrored;
    assert.deepEqual([answer.status, answer.body], [200, "primary"]);
    assert.deepEqual(bench.seen.map((one) => `${one.pod} ${one.body}`).sort(), ["canary both", "primary both"]);
    assert.equal(bench.seen.find((one) => one.pod === "canary")?.request.headers.host, "www.example.com-shadow");
  });

  test("that takes too long is answered with 504", async () => {
    await bench.route([{ backendRefs: backends(1, 0), timeouts: { request: "50ms" } }]);
    bench.primary.behave = () => undefined;
    assert.equal((await get(bench.gateway())).status, 504);
  });

  test("without a route is 404, without a weight 500, without an endpoint 503", async () => {
    await bench.route([{ backendRefs: backends(0, 0) }]);
    assert.equal((await get(bench.gateway(), { host: "other.example.com" })).status, 404);
    assert.equal((await get(bench.gateway())).status, 500);
    await bench.route([{ backendRefs: backends(1, 0) }]);
    putSlice(bench.cluster, "test", "podinfo-primary", [{ ...bench.primary, ready: false }]);
    assert.equal((await get(bench.gateway())).status, 503);
  });
});

describe("pods that go", () => {
  test("a refused connection is tried elsewhere, and no client sees it", async () => {
    const dead = await bench.startPod("podinfo-primary", "dead");
    dead.server.close();
    putService(bench.cluster, "test", "podinfo-primary", 9898, [{ ...bench.primary, ip: "127.0.0.1" }]);
    bench.cluster.put("endpointslices.discovery.k8s.io", {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { namespace: "test", name: "dead", labels: { "kubernetes.io/service-name": "podinfo-primary" } },
      ports: [{ name: "http", port: dead.port }],
      endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true }, targetRef: { kind: "Pod", name: "dead" } }],
    });
    await bench.route([{ backendRefs: backends(1, 0) }]);
    assert.deepEqual(await many(10, () => get(bench.gateway(), { method: "POST", body: "x" })), { primary: 10 });
  });

  test("a connection that breaks before the answer is tried again; after it began, the client sees it", async () => {
    await bench.route([{ backendRefs: backends(1, 0) }]);
    let broken = 0;
    bench.primary.behave = (request, response) => {
      if (broken++ === 0) request.socket.destroy();
      else response.end("second try");
    };
    assert.equal((await get(bench.gateway())).body, "second try");
    bench.primary.behave = (request, response) => {
      response.writeHead(200, { "content-length": "10" });
      response.write("half", () => request.socket.destroy());
    };
    await assert.rejects(get(bench.gateway()), /aborted/);
  });

  test("a pod that is being deleted gets nothing more, even while its slice still lists it", async () => {
    const pod = bench.cluster.read("pods", "test", "primary") ?? assert.fail();
    bench.cluster.put("pods", { ...pod, metadata: { ...pod.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } });
    await bench.route([{ backendRefs: backends(1, 0) }]);
    assert.equal((await get(bench.gateway())).status, 503);
    assert.deepEqual(bench.seen, []);
  });
});

describe("series", () => {
  test("a gateway counts as source and its pods as destination", async () => {
    await bench.route([{ backendRefs: backends(50, 50) }]);
    bench.canary.behave = (_request, response) => void response.writeHead(503).end("canary");
    await many(10, () => get(bench.gateway()));
    const totals = (await bench.series("istio")).filter(({ labels }) => labels["__name__"] === "istio_requests_total");
    const told = totals.map(
      ({ labels, value }) =>
        `${labels["reporter"]} ${labels["destination_workload"]} ${labels["response_code"]} ${value}`,
    );
    assert.deepEqual(told.sort(), [
      "destination podinfo 503 5",
      "destination podinfo-primary 200 5",
      "source podinfo 503 5",
      "source podinfo-primary 200 5",
    ]);
    const infinite = (await bench.series("istio")).filter(
      ({ labels }) => labels["le"] === "+Inf" && labels["destination_workload"] === "podinfo",
    );
    assert.deepEqual(
      infinite.map(({ value }) => value),
      [5, 5],
    );
  });
});
