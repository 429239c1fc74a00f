import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { request } from "undici";
import { type Metrics, startMetrics } from "../../sandbox/metrics/metrics.ts";
import { type Listening, listen } from "../../sandbox/network/entryPoint.ts";
import { createFakeCluster, type FakeCluster, putService } from "../unit/sandbox/fakeClient.ts";

let page: string;
let pod: Listening;
let scraped: () => void;
let cluster: FakeCluster;
let metrics: Metrics;

before(async () => {
  pod = await listen((_request, response) => {
    if (page === "silence") return;
    response.end(page);
    scraped();
  });
});
after(() => pod.close());

beforeEach(() => {
  page = 'http_requests_total{namespace="inside",code="200"} 7\n';
  scraped = () => undefined;
  cluster = createFakeCluster();
  putService(cluster, "test", "podinfo", 80, [
    { workload: "podinfo", name: "podinfo-6d5f-x1", ip: "127.0.0.1", port: pod.port },
  ]);
});
afterEach(() => metrics.stop());

async function start(
  options: { searchPath?: string; folder?: string; log?: (message: string) => void } = {},
): Promise<void> {
  metrics = await startMetrics({
    client: cluster.client,
    targets: () => [],
    log: () => undefined,
    intervalMs: 20,
    ...options,
  });
}

interface Answer {
  status: string;
  errorType?: string;
  error?: string;
  data?: { resultType: string; result: { metric: Record<string, string>; value: [number, string] }[] };
}

async function ask(promql: string): Promise<Answer> {
  const answer = await request(`${metrics.url}/api/v1/query?${new URLSearchParams({ query: promql })}`);
  return (await answer.body.json()) as Answer;
}

/** Resolves after the second scrape from now on, when the first is surely stored. */
function twoScrapes(): Promise<void> {
  let left = 2;
  return new Promise((resolve) => {
    scraped = () => {
      if (--left === 0) resolve();
    };
  });
}

/** The value of a query with one series, once it has one and it is as wanted. */
async function until(promql: string, wanted: string): Promise<Record<string, string>> {
  for (;;) {
    const [found] = (await ask(promql)).data?.result ?? [];
    if (found?.value[1] === wanted) return found.metric;
    await new Promise(setImmediate);
  }
}

describe("scrapes", { timeout: 10_000 }, () => {
  test("carry the pod's labels; its own are kept beside them", async () => {
    await start();
    const metric = await until("http_requests_total", "7");
    assert.deepEqual(metric, {
      __name__: "http_requests_total",
      app: "podinfo",
      code: "200",
      exported_namespace: "inside",
      instance: `127.0.0.1:${pod.port}`,
      job: "kubernetes-pods",
      kubernetes_namespace: "test",
      kubernetes_pod_name: "podinfo-6d5f-x1",
      namespace: "test",
      pod: "podinfo-6d5f-x1",
      pod_template_hash: "6d5f",
    });
  });

  for (const [name, broken] of [
    ["answers nonsense", "<html>"],
    ["does not answer", "silence"],
  ] as const) {
    test(`a pod that ${name} is down, its series end, and it comes back`, async () => {
      await start();
      await until("up", "1");
      const good = page;
      page = broken;
      await until("up", "0");
      assert.deepEqual((await ask("http_requests_total")).data?.result, []);
      page = good;
      await until("up", "1");
      await until("http_requests_total", "7");
    });
  }

  test("a pod that is gone is not down: nothing is known of it", async () => {
    await start();
    await until("up", "1");
    cluster.remove("pods", "test", "podinfo-6d5f-x1");
    await until("absent(up)", "1");
    assert.deepEqual((await ask("http_requests_total")).data?.result, []);
  });

  test("a pod that wants none gets none", async () => {
    const object = cluster.read("pods", "test", "podinfo-6d5f-x1") ?? assert.fail();
    const annotations = { "prometheus.io/scrape": "false" };
    cluster.put("pods", { ...object, metadata: { ...object.metadata, name: "other", annotations } });
    await start();
    await twoScrapes();
    assert.equal((await until("count(up)", "1"))["pod"], undefined);
  });
});

describe("the HTTP API", () => {
  beforeEach(() => start());

  test("takes queries by GET and by POST", async () => {
    const body = new URLSearchParams({ query: "vector(1)", time: "5" }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const posted = await request(`${metrics.url}/api/v1/query`, { method: "POST", headers, body });
    assert.deepEqual(await posted.body.json(), {
      status: "success",
      data: { resultType: "vector", result: [{ metric: {}, value: [5, "1"] }] },
    });
    assert.equal((await ask("vector(1)")).data?.result[0]?.value[1], "1");
  });

  test("says what is wrong with a query, and where", async () => {
    const answer = await ask("sum(rate(x[1m))");
    assert.deepEqual([answer.status, answer.errorType], ["error", "bad_data"]);
    assert.equal(answer.error, 'invalid parameter "query": 1:14: parse error: unexpected ")", expected "]"');
    const late = await request(`${metrics.url}/api/v1/query?query=1&time=noon`);
    assert.equal(late.statusCode, 400);
    await late.body.dump();
  });

  test("says honestly what it has not", async () => {
    const answer = await request(`${metrics.url}/api/v1/query_range?query=up`);
    assert.equal(answer.statusCode, 404);
    assert.match(((await answer.body.json()) as Answer).error ?? "", /it answers \/api\/v1\/query/);
  });

  test("is healthy", async () => {
    for (const path of ["/-/healthy", "/-/ready"]) {
      const answer = await request(metrics.url + path);
      assert.equal(answer.statusCode, 200);
      await answer.body.dump();
    }
  });

  test("does not read endless bodies", async () => {
    const answer = await request(`${metrics.url}/api/v1/query`, {
      method: "POST",
      body: `query=${"1".repeat(2_000_000)}`,
    });
    assert.equal(answer.statusCode, 413);
    await answer.body.dump();
  });
});

describe("a program prometheus that does not work", () => {
  test("is told about, and the embedded store answers instead", async () => {
    const folder = await mkdtemp(join(tmpdir(), "weir-broken-"));
    await writeFile(join(folder, "prometheus"), "#!/bin/sh\necho 'level=error no space left on device' >&2\nexit 3\n");
    await chmod(join(folder, "prometheus"), 0o755);
    const told: string[] = [];
    const log = (message: string, fields?: unknown): void => void told.push(`${message} ${JSON.stringify(fields)}`);
    await start({ searchPath: folder, folder: join(folder, "data"), log });
    assert.equal((await ask("vector(1)")).data?.result[0]?.value[1], "1");
    assert.equal(await metrics.backend, "embedded");
    assert.match(told.join(), /does not start, the embedded store is used.*ended with 3: level=error no space left/);
    assert.equal(existsSync(join(folder, "data")), false);
    await rm(folder, { recursive: true });
  });
});
