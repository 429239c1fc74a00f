/** Who may do what, over HTTPS, as users and kubectl meet it. The recorded answers are replayed elsewhere. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Agent, request } from "undici";
import { startApiServer } from "../../sandbox/apiserver/server.ts";
import type { ApiServer, Client, KubeObject } from "../../sandbox/apiserver/types.ts";
import { currentKubectl, kubectlRemedy } from "../cluster/program.ts";
import { skipLoudly } from "../cluster/target.ts";

const rbac = "/apis/rbac.authorization.k8s.io/v1";
const group = "rbac.authorization.k8s.io";
const configMaps = "/api/v1/namespaces/default/configmaps";
const started = Date.parse("2026-01-01T00:00:00Z");

interface Sent {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly token?: string;
}

describe("authorization", () => {
  let server: ApiServer;
  let agent: Agent;
  let admin: Client;
  let now = started;
  before(async () => {
    server = await startApiServer({ log: () => undefined, clock: () => new Date(now) });
    agent = new Agent({ connect: { ca: server.ca } });
    admin = server.as({ username: "admin", groups: ["system:masters"] });
  });
  after(async () => {
    await agent.destroy();
    await server.stop();
  });

  const tokenOf = (user: string): string => JSON.parse(server.kubeconfig(user)).users[0].user.token;
  const send = async (user: string, path: string, { method = "GET", body, headers, token }: Sent = {}) => {
    const answer = await request(`${server.url}${path}`, {
      dispatcher: agent,
      method: method as "GET",
      headers: {
        authorization: `Bearer ${token ?? tokenOf(user)}`,
        "content-type": method === "PATCH" ? "application/apply-patch+yaml" : "application/json",
        ...headers,
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const document = (await answer.body.json()) as { message?: string; [field: string]: unknown };
    return { code: answer.statusCode, message: document.message, document };
  };
  /** Gives a user these rules everywhere. */
  const allow = async (user: string, ...rules: object[]): Promise<void> => {
    const metadata = { name: user };
    await admin.create(`clusterroles.${group}`, { apiVersion: `${group}/v1`, kind: "ClusterRole", metadata, rules });
    await bind(user, user);
  };
  const bind = async (user: string, role: string): Promise<void> => {
    await admin.create(`clusterrolebindings.${group}`, {
      apiVersion: `${group}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: `${user}-${role}` },
      roleRef: { apiGroup: group, kind: "ClusterRole", name: role },
      subjects: [{ kind: "User", name: user, apiGroup: group }],
    });
  };
  const aRole = (verbs: string[]): KubeObject => ({
    apiVersion: `${group}/v1`,
    kind: "Role",
    metadata: { name: `r-${verbs.join("-")}`, namespace: "default" },
    rules: [{ apiGroups: [""], resources: ["configmaps"], verbs }],
  });
  const roles = `${rbac}/namespaces/default/roles`;

  it("gives edit what its parts and view's parts allow, and no more", async () => {
    await bind("eve", "edit");
    const codes: Record<string, number> = {};
    for (const path of ["/api/v1/pods", "/apis/apps/v1/deployments", "/api/v1/secrets", roles, "/api/v1/nodes"]) {
      codes[path] = (await send("eve", path)).code;
    }
    const want = { "/api/v1/pods": 200, "/apis/apps/v1/deployments": 200, "/api/v1/secrets": 200 };
    assert.deepEqual(codes, { ...want, [roles]: 403, "/api/v1/nodes": 403 });
  });

  it("takes rules of new parts into the roles that select them", async () => {
    await admin.create(`clusterroles.${group}`, {
      apiVersion: `${group}/v1`,
      kind: "ClusterRole",
      metadata: { name: "nodes-for-viewers", labels: { [`${group}/aggregate-to-view`]: "true" } },
      rules: [{ apiGroups: [""], resources: ["nodes"], verbs: ["list"] }],
    });
    const reached = new Promise<void>((resolve) => {
      const stop = admin.watch(`clusterroles.${group}`, ({ object }) => {
        if (object.metadata.name !== "admin" || !JSON.stringify(object["rules"]).includes('"nodes"')) return;
        queueMicrotask(() => stop());
        resolve();
      });
    });
    await reached;
    assert.equal((await send("eve", "/api/v1/nodes")).code, 200);
  });

  it("lets nobody grant what they do not hold, unless they may escalate", async () => {
    const writing = { apiGroups: [group], resources: ["roles", "rolebindings"], verbs: ["create", "update"] };
    await allow("max", writing, { apiGroups: [""], resources: ["configmaps"], verbs: ["get"] });
    assert.equal((await send("max", roles, { method: "POST", body: aRole(["get"]) })).code, 201);
    const refused = await send("max", roles, { method: "POST", body: aRole(["get", "delete"]) });
    assert.equal(refused.code, 403);
    assert.equal(
      refused.message,
      'roles.rbac.authorization.k8s.io "r-get-delete" is forbidden: user "max" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["configmaps"], Verbs:["delete"]}',
    );
    await allow("max-too", { apiGroups: [group], resources: ["roles"], verbs: ["create", "escalate"] });
    assert.equal((await send("max-too", roles, { method: "POST", body: aRole(["get", "delete"]) })).code, 201);
  });

  it("lets nobody bind a role that holds more than they do, unless they may bind it", async () => {
    const binding = (role: string, name = role) => ({
      apiVersion: `${group}/v1`,
      kind: "RoleBinding",
      metadata: { name },
      roleRef: { apiGroup: group, kind: "ClusterRole", name: role },
      subjects: [{ kind: "User", name: "joe", apiGroup: group }],
    });
    const path = `${rbac}/namespaces/default/rolebindings`;
    const post = async (user: string, role: string) =>
      (await send(user, path, { method: "POST", body: binding(role) })).code;
    assert.equal(await post("max", "cluster-admin"), 403);
    assert.equal(await post("max", "absent"), 404);
    assert.equal(await post("max", "max"), 201);
    const creation = { apiGroups: [group], resources: ["rolebindings"], verbs: ["create"] };
    await allow("binder", creation, {
      apiGroups: [group],
      resources: ["clusterroles"],
      verbs: ["bind"],
      resourceNames: ["view"],
    });
    assert.equal(await post("binder", "view"), 201);
    assert.equal(await post("binder", "edit"), 403);
  });

  it("asks for create when an apply or a PUT makes an object", async () => {
    await allow("patcher", { apiGroups: [""], resources: ["configmaps"], verbs: ["patch"] });
    const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "made" }, data: {} };
    const apply = () => send("patcher", `${configMaps}/made?fieldManager=test`, { method: "PATCH", body });
    assert.deepEqual([(await apply()).code, admin.get("configmaps", "default", "made")], [403, undefined]);
    await allow("patcher-too", {
      apiGroups: [""],
      resources: ["configmaps"],
      resourceNames: ["made"],
      verbs: ["create"],
    });
    await bind("patcher", "patcher-too");
    assert.equal((await apply()).code, 201);
    assert.equal((await apply()).code, 200);
  });

  it("lets only those be somebody else who may", async () => {
    await allow("actor", { apiGroups: [""], resources: ["users"], resourceNames: ["eve"], verbs: ["impersonate"] });
    const as = (headers: Record<string, string>) => send("actor", "/api/v1/pods", { headers });
    assert.equal((await as({})).code, 403);
    assert.equal((await as({ "impersonate-user": "eve" })).code, 200);
    assert.equal((await as({ "impersonate-user": "admin" })).code, 403);
    assert.equal((await as({ "impersonate-user": "eve", "impersonate-group": "system:masters" })).code, 403);
    // For one kind of request only (constrained impersonation).
    const narrow = { apiGroups: [""], resources: ["pods"], verbs: ["impersonate-on:user-info:list"] };
    const identity = { apiGroups: ["authentication.k8s.io"], resources: ["users"], verbs: ["impersonate:user-info"] };
    await allow("narrow-actor", narrow, identity);
    const headers = { "impersonate-user": "eve" };
    assert.equal((await send("narrow-actor", "/api/v1/pods", { headers })).code, 200);
    assert.equal((await send("narrow-actor", "/api/v1/secrets", { headers })).code, 403);
  });

  it("takes tokens of service accounts until their time or their account is over", async () => {
    const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "bot", namespace: "default" } };
    const path = "/api/v1/namespaces/default/serviceaccounts/bot/token";
    const made = async () => {
      const answer = await send("admin", path, { method: "POST", body: { spec: { expirationSeconds: 600 } } });
      return (answer.document["status"] as { token: string }).token;
    };
    await admin.create("serviceaccounts", account);
    await bind("system:serviceaccount:default:bot", "view");
    const token = await made();
    const get = async (used: string) => (await send("", "/api/v1/pods", { token: used })).code;
    assert.equal(await get(token), 200);
    const [head, claims, signature = ""] = token.split(".");
    const forged = Buffer.from(
      JSON.stringify({ ...JSON.parse(Buffer.from(claims ?? "", "base64url").toString()), sub: "system:admin" }),
    );
    assert.equal(await get(`${head}.${forged.toString("base64url")}.${signature}`), 401);
    now += 601_000;
    assert.equal(await get(token), 401);
    const next = await made();
    assert.equal(await get(next), 200);
    await admin.delete("serviceaccounts", "default", "bot");
    await admin.create("serviceaccounts", account);
    assert.equal(await get(next), 401);
  });

  it("holds clients in the process to the same rules", async () => {
    const eve = server.as({ username: "eve", groups: [] });
    assert.deepEqual(eve.list("pods"), []);
    assert.throws(() => eve.list(`roles.${group}`), { code: 403 });
    assert.throws(() => eve.watch(`roles.${group}`, () => undefined), { code: 403 });
    const secret = { apiVersion: "v1", kind: "Node", metadata: { name: "n" } };
    await assert.rejects(eve.create("nodes", secret), { code: 403 });
  });
});

const kubectl = currentKubectl();
const skip = kubectl === undefined ? skipLoudly("2 tests of kubectl auth", kubectlRemedy) : false;

describe("kubectl auth", { skip }, () => {
  let server: ApiServer;
  let folder: string;
  before(async () => {
    server = await startApiServer({ log: () => undefined });
    folder = await mkdtemp(join(tmpdir(), "weir-can-i-"));
    await writeFile(join(folder, "config"), server.kubeconfig("admin"));
  });
  after(async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });
  const run = (...args: string[]): Promise<{ code: number; out: string }> =>
    new Promise((resolve) => {
      const env = { ...process.env, KUBECONFIG: join(folder, "config"), HOME: folder };
      execFile(kubectl ?? "", args, { env, timeout: 8_000 }, (error, stdout) => {
        resolve({ code: error === null ? 0 : Number(error.code), out: stdout.trim() });
      });
    });

  it("can-i says yes and no, and lists what somebody may", async () => {
    await run("create", "rolebinding", "jane", "--clusterrole=view", "--user=jane");
    const [own, read, write, nodes, list] = await Promise.all([
      run("auth", "can-i", "create", "deployments"),
      run("auth", "can-i", "list", "pods", "--as=jane"),
      run("auth", "can-i", "delete", "deployments.apps", "--as=jane"),
      run("auth", "can-i", "list", "pods", "--as=jane", "-n", "kube-system"),
      run("auth", "can-i", "--list", "--as=jane"),
    ]);
    assert.deepEqual(own, { code: 0, out: "yes" });
    assert.deepEqual(read, { code: 0, out: "yes" });
    assert.deepEqual(write, { code: 1, out: "no" });
    assert.deepEqual(nodes, { code: 1, out: "no" });
    for (const line of [/^configmaps +\[\] +\[\] +\[get list watch\]$/m, /^ +\[\/api\/\*\] +\[\] +\[get\]$/m]) {
      assert.match(list.out, line);
    }
  });

  it("whoami names the user and its groups", async () => {
    const { out } = await run("auth", "whoami", "--as=jane", "--as-group=team-web");
    assert.match(out, /^Username +jane\s+Groups +\[team-web system:authenticated\]$/m);
  });
});
