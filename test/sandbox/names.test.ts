import assert from "node:assert/strict";
import { request as openRequest } from "node:http";
import { afterEach, beforeEach, describe, test } from "node:test";
import { putService } from "../unit/sandbox/fakeClient.ts";
import { type Answer, backends, get, startTrafficBench, type TrafficBench } from "./trafficBench.ts";

let bench: TrafficBench;
beforeEach(async () => {
  bench = await startTrafficBench();
});
afterEach(() => bench.stop());

describe("names", () => {
  const through = (url: string, headers: Record<string, string> = {}): Promise<Answer> =>
    get(bench.network.proxyUrl, { path: url, host: new URL(url).host, headers });

  test("of Services, gateways, aliases and public hosts lead where they do in a cluster", async () => {
    await bench.route([{ backendRefs: backends(1, 0) }]);
    bench.network.alias("istio-system", "prometheus", 9090, { host: "127.0.0.1", port: bench.canary.port });
    for (const [url, expected] of [
      ["http://podinfo-canary.test:9898/", "canary"],
      ["http://podinfo-canary.test.svc:9898/", "canary"],
      ["http://podinfo-canary.test.svc.cluster.local:9898/", "canary"],
      ["http://podinfo-primary:9898/", "primary"],
      ["http://prometheus.istio-system:9090/api", "canary"],
      ["http://prometheus:9090/api", "canary"],
      ["http://www.example.com/", "primary"],
      [`http://127.0.0.1:${bench.canary.port}/`, "canary"],
    ] as const) {
      assert.equal((await through(url)).body, expected, url);
    }
    const named = await get(bench.network.proxyUrl, {
      path: "http://gateway-istio.istio-ingress/",
      host: "www.example.com",
    });
    assert.equal(named.body, "primary");
  });

  test("a bare name is looked up in the caller's namespace", async () => {
    putService(bench.cluster, "other", "podinfo-canary", 9898, [{ ...bench.primary, name: "elsewhere" }]);
    const from = (namespace: string) => ({
      "proxy-authorization": `Basic ${Buffer.from(`${namespace}:`).toString("base64")}`,
    });
    assert.equal((await through("http://podinfo-canary:9898/", from("test"))).body, "canary");
    assert.equal((await through("http://podinfo-canary:9898/", from("other"))).body, "primary");
    assert.equal((await through("http://podinfo-canary:9898/")).status, 502);
  });

  test("anything else is refused, with the reason", async () => {
    for (const url of [
      "http://example.org/",
      "http://podinfo-canary.test:1/",
      "http://169.254.169.254/latest",
      "http://10.0.0.1/",
    ]) {
      const { status, body } = await through(url);
      assert.equal(status, 502);
      assert.match(body, /no such host in the sandbox/);
    }
    assert.equal((await get(bench.network.proxyUrl)).status, 400);
  });

  test("tunnels lead to Services and aliases and nowhere else", async () => {
    bench.network.alias("weir", "webhook", 443, { host: "127.0.0.1", port: bench.canary.port });
    const tunnel = (path: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const { hostname, port } = new URL(bench.network.proxyUrl);
        const asked = openRequest({ hostname, port, method: "CONNECT", path });
        asked.on("error", reject);
        asked.on("connect", (response, socket) => {
          if (response.statusCode !== 200) {
            socket.destroy();
            resolve(`refused with ${response.statusCode}`);
            return;
          }
          socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
          let text = "";
          socket.on("data", (chunk) => (text += chunk));
          socket.on("end", () => resolve(text));
        });
        asked.end();
      });
    assert.match(await tunnel("webhook.weir.svc:443"), /canary/);
    assert.match(await tunnel("podinfo-primary.test:9898"), /primary/);
    assert.equal(await tunnel("example.org:443"), "refused with 502");
    assert.equal(await tunnel("nonsense"), "refused with 502");
  });

  test("calls straight to a Service are counted as a mesh would", async () => {
    await through("http://podinfo-canary.test:9898/");
    const [first] = await bench.series("istio");
    assert.deepEqual(
      [first?.labels["destination_workload"], first?.labels["response_code"], first?.value],
      ["podinfo", "200", 1],
    );
  });

  test("resolve takes turns among ready endpoints, and knows gateways and aliases", async () => {
    await bench.network.settled();
    bench.network.alias("weir", "webhook", 443, { host: "127.0.0.1", port: 1234 });
    assert.deepEqual(bench.network.resolve("test", "podinfo-canary", 9898), {
      host: "127.0.0.1",
      port: bench.canary.port,
    });
    assert.deepEqual(bench.network.resolve("weir", "webhook", 443), { host: "127.0.0.1", port: 1234 });
    assert.equal(
      bench.network.resolve("istio-ingress", "gateway-istio", 80)?.port,
      Number(new URL(bench.gateway()).port),
    );
    assert.equal(bench.network.resolve("test", "nope", 80), undefined);
  });
});
