import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { Agent, request } from "undici";
import { createApi } from "../../controller/kube/api.ts";
import { loadKubeConfig } from "../../controller/kube/config.ts";
import { createTransport } from "../../controller/kube/transport.ts";

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `weir sandbox` as a process of its own. */
function run(...args: string[]): { child: ChildProcess; ended: Promise<Ended>; firstLine: Promise<string> } {
  const child = spawn(process.execPath, ["weir.ts", "sandbox", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 20_000,
  });
  let out = "";
  let err = "";
  const firstLine = new Promise<string>((resolve) => {
    child.stdout.on("data", (chunk) => {
      out += chunk;
      if (out.includes("\n")) resolve(out.split("\n")[0] ?? "");
    });
  });
  child.stderr.on("data", (chunk) => (err += chunk));
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, out, err }));
  return { child, ended, firstLine };
}

describe("weir sandbox", { timeout: 30_000 }, () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`says where everything is in one line of JSON, and ends cleanly at ${signal}`, async () => {
      const { child, ended, firstLine } = run("--json", "--no-prometheus");
      const said = JSON.parse(await firstLine);
      assert.deepEqual(Object.keys(said).sort(), ["apiServer", "gateways", "kubeconfig", "metrics", "proxy", "users"]);
      const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
      for (const url of [`${said.apiServer}/readyz`, `${said.metrics}/-/healthy`]) {
        const answer = await request(url, { dispatcher });
        assert.ok(answer.statusCode < 500, `${url}: ${answer.statusCode}`);
        await answer.body.dump();
      }
      await dispatcher.close();
      child.kill(signal);
      const { code, out, err } = await ended;
      assert.deepEqual([code, out.trim().split("\n").length, err], [0, 1, ""]);
      assert.equal(existsSync(dirname(said.kubeconfig)), false);
    });
  }

  test("writes a line for each write into --audit-log, and none for who only looks", async () => {
    const folder = await mkdtemp(join(tmpdir(), "weir-audit-"));
    const file = join(folder, "audit.log");
    const { child, ended, firstLine } = run("--json", "--no-prometheus", "--audit-log", file);
    const { kubeconfig } = JSON.parse(await firstLine);
    const transport = createTransport(await loadKubeConfig({ path: kubeconfig, env: {} }), { userAgent: "kubectl/1" });
    const api = createApi(transport);
    const resource = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap" };
    const metadata = { name: "settings", namespace: "default" };
    await api.list(resource, { namespace: "default" });
    await api.create(resource, { apiVersion: "v1", kind: "ConfigMap", metadata });
    await transport.close();
    child.kill("SIGTERM");
    assert.equal((await ended).code, 0);
    const [line = "", ...others] = (await readFile(file, "utf8")).trim().split("\n");
    await rm(folder, { recursive: true });
    assert.deepEqual(others, []);
    const { auditID, requestReceivedTimestamp, stageTimestamp, user, requestURI, ...event } = JSON.parse(line);
    assert.match(auditID, /^[0-9a-f-]{36}$/);
    for (const time of [requestReceivedTimestamp, stageTimestamp]) assert.match(time, /T\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.equal(user.username, "admin");
    assert.match(requestURI, /^\/api\/v1\/namespaces\/default\/configmaps/);
    assert.deepEqual(event, {
      kind: "Event",
      apiVersion: "audit.k8s.io/v1",
      level: "Metadata",
      stage: "ResponseComplete",
      verb: "create",
      sourceIPs: ["127.0.0.1"],
      userAgent: "kubectl/1",
      objectRef: { resource: "configmaps", namespace: "default", apiVersion: "v1" },
      responseStatus: { metadata: {}, code: 201 },
    });
  });

  test("says in one line that its port is in use", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as AddressInfo;
    const { code, out, err } = await run("--port", String(port), "--no-prometheus").ended;
    holder.close();
    assert.deepEqual([code, out], [1, ""]);
    assert.equal(
      err,
      `weir sandbox: port ${port} is in use: choose another with --port, or leave it out for a free one\n`,
    );
  });

  for (const [args, complaint] of [
    [["--port", "http"], /--port must be a number from 0 to 65535, not http \(see weir sandbox --help\)\n$/],
    [["--nonsense"], /Unknown option '--nonsense'/],
  ] as const) {
    test(`refuses ${args.join(" ")}`, async () => {
      const { code, err } = await run(...args).ended;
      assert.equal(code, 1);
      assert.match(err, complaint);
    });
  }

  test("explains itself", async () => {
    const { code, out } = await run("--help").ended;
    assert.equal(code, 0);
    assert.match(out, /usage: weir sandbox \[options\]/);
  });
});
