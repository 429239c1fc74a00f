import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { loadAll } from "js-yaml";
import { ProxyAgent, request } from "undici";
import type { Client, KubeObject } from "../../sandbox/apiserver/types.ts";
import { findPrometheus } from "../../sandbox/metrics/prometheus.ts";
import { type Sandbox, startSandbox } from "../../sandbox/start.ts";

const admin = { username: "admin", groups: ["system:masters", "system:authenticated"] };
const searchPath = process.env["PATH"] ?? "";

/** Resolves with the object once it is as wanted. The test's own deadline ends the wait. */
function until(client: Client, key: string, name: string, is: (object: KubeObject) => boolean): Promise<KubeObject> {
  return new Promise((resolve) => {
    const stop = client.watch(key, ({ type, object }) => {
      if (type === "DELETED" || object.metadata.name !== name || !is(object)) return;
      queueMicrotask(() => stop());
      resolve(object);
    });
  });
}

interface QueryAnswer {
  data: { result: { metric: Record<string, string>; value: [number, string] }[] };
}

async function query(sandbox: Sandbox, promql: string): Promise<QueryAnswer["data"]["result"]> {
  const answer = await request(`${sandbox.metrics.url}/api/v1/query?${new URLSearchParams({ query: promql })}`);
  return ((await answer.body.json()) as QueryAnswer).data.result;
}

/** Asks again until the answer is as wanted: scrapes come every 100 ms here. */
async function eventually<T>(ask: () => Promise<T>, is: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (is(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function podinfo(tag: string): KubeObject {
  const labels = { app: "podinfo" };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "podinfo", namespace: "test" },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 2 } },
      template: {
        metadata: { labels },
        spec: {
          containers: [
            {
              name: "podinfod",
              image: `ghcr.io/stefanprodan/podinfo:${tag}`,
              ports: [{ name: "http", containerPort: 9898 }],
              readinessProbe: { httpGet: { path: "/readyz", port: 9898 }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  };
}

function networking(): [string, KubeObject][] {
  const namespace = "test";
  const ports = [{ name: "http", port: 80, targetPort: "http" }];
  const listener = { name: "default", hostname: "*.example.com", port: 80, protocol: "HTTP" };
  const rules = [{ backendRefs: [{ name: "podinfo", port: 80, weight: 1 }] }];
  const apiVersion = "gateway.networking.k8s.io/v1";
  return [
    [
      "services",
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "podinfo", namespace },
        spec: { selector: { app: "podinfo" }, ports },
      },
    ],
    [
      "gateways.gateway.networking.k8s.io",
      {
        apiVersion,
        kind: "Gateway",
        metadata: { name: "gateway", namespace },
        spec: { gatewayClassName: "istio", listeners: [listener] },
      },
    ],
    [
      "httproutes.gateway.networking.k8s.io",
      {
        apiVersion,
        kind: "HTTPRoute",
        metadata: { name: "podinfo", namespace },
        spec: { parentRefs: [{ name: "gateway" }], hostnames: ["www.example.com"], rules },
      },
    ],
  ];
}

describe("a cluster in one process", { timeout: 30_000 }, () => {
  let sandbox: Sandbox;
  let client: Client;
  before(async () => {
    sandbox = await startSandbox({ scrapeIntervalMs: 100 });
    client = sandbox.apiServer.as(admin);
    for (const definition of loadAll(readFileSync("examples/crds/gateway-api.yaml", "utf8")) as KubeObject[]) {
      await client.create("customresourcedefinitions.apiextensions.k8s.io", definition);
    }
    await until(
      client,
      "gatewayclasses.gateway.networking.k8s.io",
      "istio",
      (found) => found["status"]?.conditions[0]?.status === "True",
    );
    await client.create("namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "test" } });
    await client.create("deployments.apps", podinfo("6.0.0"));
    for (const [key, object] of networking()) await client.create(key, object);
    await until(client, "deployments.apps", "podinfo", (found) => found["status"]?.availableReplicas === 2);
    await until(client, "httproutes.gateway.networking.k8s.io", "podinfo", (found) => {
      return found["status"]?.parents?.[0]?.conditions.every((one: { status: string }) => one.status === "True");
    });
  });
  after(() => sandbox.stop());

  const ask = async (path: string): Promise<{ status: number; body: string }> => {
    const url = sandbox.network.gateways().find((gateway) => gateway.name === "gateway")?.url ?? "";
    const answer = await request(`${url}${path}`, { headers: { host: "www.example.com" } });
    return { status: answer.statusCode, body: await answer.body.text() };
  };

  test("starts in well under a second", async () => {
    const before = performance.now();
    const another = await startSandbox();
    const took = performance.now() - before;
    await another.stop();
    assert.ok(took < 700, `${took} ms`);
  });

  test("loses no request while a Deployment rolls over to another image", async () => {
    let rolling = true;
    const statuses = new Map<number, number>();
    const load = Array.from({ length: 8 }, async () => {
      while (rolling) {
        const { status } = await ask("/");
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    });
    const patch = { spec: podinfo("6.0.1")["spec"] };
    const patched = await client.patch("deployments.apps", "test", "podinfo", "merge", patch);
    await until(client, "deployments.apps", "podinfo", ({ status }) => {
      return (
        status.observedGeneration >= (patched.metadata.generation ?? 0) &&
        status.updatedReplicas === 2 &&
        status.replicas === 2
      );
    });
    await eventually(
      async () => client.list("pods", "test").length,
      (pods) => pods === 2,
    );
    rolling = false;
    await Promise.all(load);
    assert.deepEqual([...statuses.keys()], [200]);
    assert.match((await ask("/version")).body, /6\.0\.1/);
  });

  test("shows what was served in its metrics, by workload", async () => {
    await ask("/status/500");
    const promql = 'sum by (response_code) (istio_requests_total{reporter="source",destination_workload="podinfo"})';
    const series = await eventually(
      () => query(sandbox, promql),
      (found) => found.some(({ metric }) => metric["response_code"] === "500"),
    );
    assert.equal(series.find(({ metric }) => metric["response_code"] === "500")?.value[1], "1");
    const pods = await eventually(
      () =>
        query(
          sandbox,
          'sum by (kubernetes_pod_name) (http_request_duration_seconds_count{kubernetes_namespace="test",status="200"})',
        ),
      (found) => found.length >= 2,
    );
    for (const { metric } of pods) assert.match(metric["kubernetes_pod_name"] ?? "", /^podinfo-[0-9a-z]+-[0-9a-z]+$/);
  });

  test("names itself: Services, the API server and Prometheus are found through the proxy", async () => {
    const dispatcher = new ProxyAgent(sandbox.network.proxyUrl);
    const through = (url: string) => request(url, { dispatcher });
    assert.equal((await through("http://podinfo.test/healthz")).statusCode, 200);
    assert.equal((await through("http://prometheus.istio-system:9090/-/healthy")).statusCode, 200);
    assert.equal((await through("http://flagger-prometheus.traefik:9090/-/healthy")).statusCode, 200);
    await dispatcher.close();
    assert.equal(
      sandbox.network.resolve("default", "kubernetes", 443)?.port,
      Number(new URL(sandbox.apiServer.url).port),
    );
  });
});

describe("what a sandbox leaves behind", { timeout: 20_000 }, () => {
  test("is nothing", async () => {
    const sandbox = await startSandbox({ searchPath });
    const { folder, kubeconfigPath } = sandbox;
    assert.ok(existsSync(kubeconfigPath));
    await sandbox.metrics.backend;
    await sandbox.stop();
    assert.deepEqual([existsSync(folder), existsSync(kubeconfigPath)], [false, false]);
    await assert.rejects(request(sandbox.metrics.url), /ECONNREFUSED/);
  });

  test("never somebody else's kubeconfig overwritten, nor anything running after a failed start", async () => {
    const file = join(tmpdir(), `weir-foreign-${process.pid}`);
    await writeFile(file, "my way into production");
    await assert.rejects(startSandbox({ kubeconfig: file }), /was not written by a sandbox/);
    assert.equal(readFileSync(file, "utf8"), "my way into production");
    await rm(file);
  });
});

const skip =
  findPrometheus(searchPath) === undefined &&
  "THE PROGRAM prometheus IS NOT INSTALLED: only the embedded store is tested";

describe("with the program prometheus", { skip, timeout: 20_000 }, () => {
  // Prometheus begins to scrape five seconds after it started, however short the interval.
  test("queries are answered by it, over the same series", async () => {
    const sandbox = await startSandbox({ searchPath, scrapeIntervalMs: 100 });
    try {
      assert.equal(await sandbox.metrics.backend, "prometheus");
      const up = await eventually(
        () => query(sandbox, 'up{job=~"istio|traefik"}'),
        (found) => found.length === 2,
      );
      for (const { metric, value } of up) {
        assert.equal(value[1], "1");
        assert.deepEqual(Object.keys(metric).sort(), ["__name__", "instance", "job"]);
      }
      const topk = await query(sandbox, "topk(1, up)");
      assert.equal(topk.length, 1);
    } finally {
      await sandbox.stop();
    }
  });
});
