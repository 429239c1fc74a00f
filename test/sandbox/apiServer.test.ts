import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { Agent, request } from "undici";
import { startApiServer } from "../../sandbox/apiserver/server.ts";
import type { ApiServer, KubeObject, Status } from "../../sandbox/apiserver/types.ts";

const silent = { log: () => undefined };
const configMaps = "/api/v1/namespaces/default/configmaps";

function tokenOf(server: ApiServer, user: string, groups = ["system:masters"]): string {
  const config = JSON.parse(server.kubeconfig(user, groups)) as { users: { user: { token: string } }[] };
  return config.users[0]?.user.token ?? "";
}

function aConfigMap(name: string, data: Record<string, string> = {}): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, data };
}

describe("the API server over HTTPS", () => {
  let server: ApiServer;
  let agent: Agent;
  const close: (() => Promise<void>)[] = [];
  before(async () => {
    server = await startApiServer(silent);
    agent = new Agent({ connect: { ca: server.ca } });
    close.push(
      () => agent.destroy(),
      () => server.stop(),
    );
  });
  after(async () => {
    for (const each of close) await each();
  });

  const send = async (path: string, options: Parameters<typeof request>[1] & { user?: string } = {}) => {
    const { user = "admin", headers, ...rest } = options;
    const authorization = `Bearer ${tokenOf(server, user)}`;
    const all = { authorization, ...(headers as Record<string, string>) };
    const answer = await request(`${server.url}${path}`, { dispatcher: agent, headers: all, ...rest });
    return { code: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
  };

  it("lets nobody in without a token, but tells its version and health", async () => {
    for (const [authorization, code] of Object.entries({ "": 403, "Bearer nonsense": 401, "Basic YTpi": 403 })) {
      assert.equal((await send(configMaps, { headers: { authorization } })).code, code, authorization);
    }
    for (const path of ["/version", "/healthz", "/livez", "/readyz"]) {
      assert.equal((await send(path, { headers: { authorization: "" } })).code, 200);
    }
  });

  it("knows users by client certificate, with their groups", async () => {
    const { certificate, key } = server.clientCertificate("jane", ["team-web"]);
    const own = new Agent({ connect: { ca: server.ca, cert: certificate, key } });
    const answer = await request(`${server.url}/apis/authentication.k8s.io/v1/selfsubjectreviews`, {
      dispatcher: own,
      method: "POST",
      body: JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" }),
    });
    const review = (await answer.body.json()) as { status: { userInfo: unknown } };
    await own.destroy();
    assert.deepEqual(review.status.userInfo, { username: "jane", groups: ["team-web", "system:authenticated"] });
  });

  it("counts requests by user, verb and resource, over the wire and in the process", async () => {
    await send(configMaps, { user: "counted" });
    await send(`${configMaps}/absent`, { user: "counted" });
    server.as({ username: "counted", groups: ["system:masters"] }).list("pods");
    const counts = server.requests()["counted"];
    assert.deepEqual(counts, { "list configmaps": 1, "get configmaps": 1, "list pods": 1 });
  });

  it("shows one world over the wire and in the process", async () => {
    const client = server.as({ username: "inside", groups: ["system:masters"] });
    await client.create("configmaps", aConfigMap("shared", { a: "1" }));
    const { text } = await send(`${configMaps}/shared`);
    assert.deepEqual(JSON.parse(text), client.get("configmaps", "default", "shared"));
    await send(`${configMaps}/shared`, { method: "DELETE" });
    assert.equal(client.get("configmaps", "default", "shared"), undefined);
  });

  it("streams events to a watcher and ends the stream at its timeout", async () => {
    const client = server.as({ username: "inside", groups: ["system:masters"] });
    const authorization = `Bearer ${tokenOf(server, "watcher")}`;
    const path = `${configMaps}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dseen`;
    const answer = await request(`${server.url}${path}`, { dispatcher: agent, headers: { authorization } });
    await client.create("configmaps", aConfigMap("seen"));
    await client.create("configmaps", aConfigMap("unseen"));
    await client.patch("configmaps", "default", "seen", "merge", { data: { a: "1" } });
    await client.delete("configmaps", "default", "seen");
    const lines = (await answer.body.text()).trim().split("\n");
    const types = lines.map((line) => (JSON.parse(line) as { type: string }).type);
    assert.deepEqual(types, ["ADDED", "MODIFIED", "DELETED"]);
  });

  it("repeats a patch without a version until it wins", async () => {
    const client = server.as({ username: "inside", groups: ["system:masters"] });
    await client.create("configmaps", aConfigMap("raced"));
    const writes = Array.from({ length: 20 }, (_, index) =>
      client.patch("configmaps", "default", "raced", "merge", { data: { [`k${index}`]: "v" } }),
    );
    await Promise.all(writes);
    assert.equal(Object.keys(client.get("configmaps", "default", "raced")?.["data"]).length, 20);
  });

  it("survives what no client should send", async () => {
    const json = { "content-type": "application/json" };
    const hostile: [string, string, Record<string, string>, string | undefined][] = [
      ["GET", "//", {}, undefined],
      ["GET", "/api/v1/namespaces/%E0%A4%A/pods", {}, undefined],
      ["GET", `${configMaps}?limit=x&continue=%00`, {}, undefined],
      ["GET", `${configMaps}?labelSelector=${"(".repeat(5_000)}`, {}, undefined],
      ["POST", configMaps, json, "null"],
      ["POST", configMaps, json, "[".repeat(100_000)],
      ["POST", configMaps, json, `{"metadata":${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}}`],
      ["POST", configMaps, json, '{"metadata":{"name":{"toString":1}}}'],
      ["POST", configMaps, json, '{"__proto__":{"polluted":true},"metadata":{"name":"x","labels":[]}}'],
      ["POST", configMaps, { "content-type": "application/yaml" }, "a: &a [*a, *a]"],
      ["POST", configMaps, { "content-type": "application/vnd.kubernetes.protobuf" }, "k8s\0\u0080"],
      ["POST", configMaps, json, JSON.stringify({ metadata: { name: "big" }, data: { a: "x".repeat(3_200_000) } })],
      ["PATCH", `${configMaps}/x`, { "content-type": "application/apply-patch+yaml" }, "- 1"],
      ["PATCH", `${configMaps}/x`, { "content-type": "application/json-patch+json" }, '[{"op":"move"}]'],
      ["DELETE", `${configMaps}/x`, json, '"text"'],
      ["PUT", `${configMaps}/x/status/deeper`, json, "{}"],
    ];
    for (const [method, path, headers, body] of hostile) {
      const { code, text } = await send(path, { method: method as "GET", headers, body: body ?? null });
      assert.ok(code >= 400 && code < 500, `${method} ${path.slice(0, 60)}: ${code} ${text.slice(0, 200)}`);
    }
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    assert.equal((await send("/readyz")).code, 200);
  });

  it("says in a Status why it refuses", async () => {
    const { text } = await send(`${configMaps}/absent`);
    const { kind, reason, message, code } = JSON.parse(text) as Status;
    assert.deepEqual(
      { kind, reason, message, code },
      { kind: "Status", reason: "NotFound", message: 'configmaps "absent" not found', code: 404 },
    );
  });

  it("fails to start on a port that is taken", async () => {
    const port = Number(new URL(server.url).port);
    await assert.rejects(startApiServer({ ...silent, port }), { code: "EADDRINUSE" });
  });
});

describe("an API server that has forgotten", () => {
  it("answers 410 to watches of the past and to pages of it, with a token to go on", async () => {
    const server = await startApiServer({ ...silent, history: 4 });
    const agent = new Agent({ connect: { ca: server.ca } });
    const headers = { authorization: `Bearer ${tokenOf(server, "admin")}` };
    const get = async (query: string) => {
      const answer = await request(`${server.url}${configMaps}?${query}`, { dispatcher: agent, headers });
      return { code: answer.statusCode, document: JSON.parse(await answer.body.text()) };
    };
    const client = server.as({ username: "inside", groups: ["system:masters"] });
    for (let index = 0; index < 4; index += 1) await client.create("configmaps", aConfigMap(`a${index}`));
    const first = await get("limit=2");
    for (let index = 0; index < 20; index += 1) await client.create("configmaps", aConfigMap(`b${index}`));
    const { resourceVersion, continue: token } = first.document.metadata;
    const watch = await get(`watch=true&resourceVersion=${resourceVersion}`);
    assert.equal(watch.code, 200);
    assert.deepEqual([watch.document.type, watch.document.object.code], ["ERROR", 410]);
    const expired = await get(`limit=2&continue=${token}`);
    assert.deepEqual([expired.code, expired.document.reason], [410, "Expired"]);
    const rest = await get(`limit=2&continue=${expired.document.metadata.continue}`);
    const names = rest.document.items.map((item: KubeObject) => item.metadata.name);
    assert.deepEqual(names, ["a2", "a3"]);
    await agent.destroy();
    await server.stop();
  });
});

describe("stopping the API server", () => {
  it("ends open watches at once", async () => {
    const server = await startApiServer(silent);
    const agent = new Agent({ connect: { ca: server.ca } });
    const authorization = `Bearer ${tokenOf(server, "admin")}`;
    const { body } = await request(`${server.url}${configMaps}?watch=true`, {
      dispatcher: agent,
      headers: { authorization },
    });
    const ended = once(body, "close");
    body.on("error", () => undefined).resume();
    await server.stop();
    await ended;
    await agent.destroy();
  });
});
