/** `--data DIR`: nothing that was acknowledged is lost, and what runs comes up again. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { load } from "js-yaml";
import { Agent, request } from "undici";
import { createStore } from "../../sandbox/apiserver/store.ts";
import type { Client, KubeObject } from "../../sandbox/apiserver/types.ts";
import { FolderRefused, openFolder } from "../../sandbox/data/folder.ts";
import { openJournal } from "../../sandbox/data/journal.ts";
import { type Sandbox, startSandbox } from "../../sandbox/start.ts";
import { aDeployment, aService, createNamespace } from "./workloadCluster.ts";

const root = mkdtempSync(join(tmpdir(), "weir-data-test-"));
const newFolder = (): string => join(root, randomUUID());
after(() => rmSync(root, { recursive: true, force: true }));

const key = "configmaps";

describe("a store that is kept in a folder", () => {
  const open = async (path: string, longLog?: number) => {
    const folder = await openFolder(path);
    const journal = openJournal(folder, longLog === undefined ? {} : { longLog });
    const store = createStore(undefined, journal);
    const close = async (): Promise<void> => {
      await journal.close();
      await folder.close();
    };
    return { store, close };
  };
  const stateOf = (store: ReturnType<typeof createStore>): unknown => [store.revision, store.list(key, "")];

  it("is the same after every kind of write, and lets watches go on from where they were", async () => {
    const path = newFolder();
    const first = await open(path);
    const created = first.store.create(key, aConfigMap("a"));
    first.store.create(key, aConfigMap("b"));
    first.store.update(key, aConfigMap("a", "1"), created.metadata.resourceVersion ?? "");
    first.store.delete(key, "test", "b");
    first.store.create("nodes", { apiVersion: "v1", kind: "Node", metadata: { name: "n" } });
    first.store.compact();
    const state = stateOf(first.store);
    await first.close();
    const second = await open(path);
    assert.deepEqual(stateOf(second.store), state);
    const heard: string[] = [];
    second.store.watch(key, "", Number(created.metadata.resourceVersion), ({ type, object, old }) =>
      heard.push(`${type} ${object.metadata.name} ${object["data"]?.value} ${old?.metadata.resourceVersion}`),
    );
    assert.deepEqual(heard, ["ADDED b 0 undefined", "MODIFIED a 1 2", "DELETED b 0 3"]);
    assert.throws(() => Object.assign(second.store.get(key, "test", "a")?.metadata ?? {}, { name: "c" }), TypeError);
    await second.close();
  });

  it("writes snapshots in place of long logs, while it goes on writing", async () => {
    const path = newFolder();
    const first = await open(path, 4000);
    for (let round = 0; round < 30; round += 1) {
      for (let index = 0; index < 20; index += 1) {
        const live = first.store.get(key, "test", `m${index}`);
        const next = aConfigMap(`m${index}`, `${round}`);
        if (live === undefined) first.store.create(key, next);
        else if (round % 7 === 6) first.store.delete(key, "test", `m${index}`);
        else first.store.update(key, next, live.metadata.resourceVersion ?? "");
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    const state = stateOf(first.store);
    await first.close();
    const files = readdirSync(path).filter((file) => /^\d/.test(file));
    assert.ok(
      files.some((file) => file.endsWith(".snapshot")),
      files.join(),
    );
    assert.ok(files.length <= 3, files.join());
    const second = await open(path);
    assert.deepEqual(stateOf(second.store), state);
    await second.close();
  });

  it("drops a torn record at the end, and refuses a damaged one before it", async () => {
    const path = newFolder();
    const first = await open(path);
    first.store.create(key, aConfigMap("a"));
    const whole = readFileSync(join(path, "00000001.log")).length;
    first.store.create(key, aConfigMap("b"));
    await first.close();
    const log = join(path, "00000001.log");
    for (const length of [readFileSync(log).length - 1, whole + 30, whole + 3]) {
      truncateSync(log, length);
      const torn = await open(path);
      assert.deepEqual(
        torn.store.list(key, "").map(({ metadata }) => metadata.name),
        ["a"],
      );
      torn.store.create(key, aConfigMap("b"));
      await torn.close();
    }
    const bytes = readFileSync(log);
    bytes[20] = 0x20;
    writeFileSync(log, bytes);
    await assert.rejects(
      open(path),
      (error) => error instanceof FolderRefused && /damaged at byte 0/.test(error.message),
    );
  });

  it("is refused while another one uses it, and in a folder of something else", async () => {
    const path = newFolder();
    const first = await open(path);
    await assert.rejects(openFolder(path), /is in use by another sandbox/);
    await first.close();
    await (await openFolder(path)).close();
    writeFileSync(
      join(path, "sandbox.json"),
      JSON.stringify({ format: "weir-sandbox-data", version: 9, secret: "00" }),
    );
    await assert.rejects(openFolder(path), /is in format 9, and this sandbox reads 1/);
    appendFileSync(join(path, "sandbox.json"), "}");
    await assert.rejects(openFolder(path), /holds something else/);
    await assert.rejects(openFolder(tmpdir()), /holds something else/);
    await assert.rejects(openFolder(join(path, "sandbox.json")), /is no folder/);
  });
});

describe("a sandbox with --data", { timeout: 60_000 }, () => {
  it("brings pods, endpoints and identities up again", async () => {
    const data = newFolder();
    const first = await startSandbox({ data });
    const api = clientOf(first);
    await createNamespace(api, "test");
    await api.create("services", aService("podinfo"));
    await api.create("deployments.apps", aDeployment("podinfo", "ghcr.io/stefanprodan/podinfo:6.0.0", 1));
    await reached(first);
    const before = api.get("services", "test", "podinfo");
    await assert.rejects(startSandbox({ data }), /is in use by another sandbox/);
    const [kubeconfig, revision] = [first.apiServer.kubeconfig("admin"), revisionOf(api)];
    await first.stop();

    const second = await startSandbox({ data });
    const again = clientOf(second);
    try {
      await reached(second);
      assert.deepEqual(again.get("services", "test", "podinfo"), before);
      assert.equal(again.list("pods", "test").length, 1);
      assert.ok(revisionOf(again) > revision);
      const other = await again.create("services", aService("other"));
      assert.notEqual(other["spec"].clusterIP, before?.["spec"].clusterIP);
      const [{ ca, token }, old] = [second.apiServer.kubeconfig("admin"), kubeconfig].map(credentialsOf) as Pair;
      assert.deepEqual({ ca, token }, { ca: old.ca, token: old.token });
    } finally {
      await second.stop();
    }
  });

  it("loses nothing that it acknowledged when it is killed, again and again", async () => {
    const data = newFolder();
    const acknowledged = new Map<string, { version: number; value: string }>();
    let newest = 0;
    for (const round of [1, 2, 3, 4]) {
      const sandbox = await spawnSandbox(data);
      const api = rest(sandbox.kubeconfig);
      const found = await api("GET", CONFIG_MAPS);
      const items = new Map((found.body.items ?? []).map((item) => [item.metadata.name ?? "", item]));
      for (const [name, { version, value }] of acknowledged) {
        const item = items.get(name);
        assert.ok(item !== undefined, `${name} was acknowledged before round ${round}`);
        const kept = Number(item.metadata.resourceVersion);
        assert.ok(kept > version || item["data"].value === value, `${name}: ${value} at ${version}`);
      }
      const created = await api("POST", CONFIG_MAPS, aConfigMap(`round-${round}`, "", "default"));
      assert.ok(versionOf(created.body) > newest, "versions go on rising");
      if (round < 4) newest = Math.max(newest, await burst(api, acknowledged, round, sandbox.child));
      else sandbox.child.kill("SIGTERM");
      await sandbox.ended;
    }
    assert.ok(acknowledged.size >= 60, `${acknowledged.size} objects`);
  });
});

type Pair = [ReturnType<typeof credentialsOf>, ReturnType<typeof credentialsOf>];

const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";

interface Answered {
  readonly code: number;
  readonly body: KubeObject & { items?: KubeObject[] };
}

type Rest = (method: "GET" | "POST" | "PUT", path: string, body?: unknown) => Promise<Answered>;

/** Writes from many clients at once until the process is killed in the middle of it. Answers with the newest version seen. */
async function burst(
  api: Rest,
  acknowledged: Map<string, { version: number; value: string }>,
  round: number,
  child: ChildProcess,
): Promise<number> {
  let newest = 0;
  let count = 0;
  const client = async (number: number): Promise<void> => {
    for (let turn = 0; ; turn += 1) {
      const name = `r${round}-c${number}-${Math.floor(turn / 3)}`;
      const value = `${round}-${turn}`;
      const create = turn % 3 === 0;
      const path = create ? CONFIG_MAPS : `${CONFIG_MAPS}/${name}`;
      const { code, body } = await api(create ? "POST" : "PUT", path, aConfigMap(name, value, "default"));
      assert.ok(code === 200 || code === 201, JSON.stringify(body));
      acknowledged.set(name, { version: versionOf(body), value });
      newest = Math.max(newest, versionOf(body));
      count += 1;
      if (count === 150) child.kill("SIGKILL");
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: 8 }, (_, number) => client(number)));
  for (const end of ends) {
    if (end.status === "rejected" && end.reason instanceof assert.AssertionError) throw end.reason;
  }
  return newest;
}

async function spawnSandbox(
  data: string,
): Promise<{ child: ChildProcess; ended: Promise<unknown>; kubeconfig: string }> {
  const words = ["weir.ts", "sandbox", "--json", "--no-prometheus", "--data", data];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"], timeout: 30_000 });
  const ended = once(child, "close");
  let said = "";
  child.stdout.setEncoding("utf8");
  while (!said.includes("\n")) said += String((await once(child.stdout, "data"))[0]);
  return { child, ended, kubeconfig: JSON.parse(said).kubeconfig };
}

function rest(kubeconfig: string): Rest {
  const { server, ca, token } = credentialsOf(readFileSync(kubeconfig, "utf8"));
  const dispatcher = new Agent({ connect: { ca } });
  return async (method, path, body) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await request(`${server}${path}`, { method, dispatcher, headers, ...sent });
    return { code: answer.statusCode, body: (await answer.body.json()) as Answered["body"] };
  };
}

function credentialsOf(kubeconfig: string): { server: string; ca: string; token: string } {
  const config = load(kubeconfig) as {
    clusters: { cluster: { server: string; "certificate-authority-data": string } }[];
    users: { user: { token: string } }[];
  };
  const cluster = config.clusters[0]?.cluster;
  return {
    server: cluster?.server ?? "",
    ca: Buffer.from(cluster?.["certificate-authority-data"] ?? "", "base64").toString(),
    token: config.users[0]?.user.token ?? "",
  };
}

function clientOf(sandbox: Sandbox): Client {
  return sandbox.apiServer.as({ username: "tester", groups: ["system:masters"] });
}

function revisionOf(api: Client): number {
  return Math.max(...api.list("pods").map(versionOf));
}

function versionOf(object: KubeObject): number {
  return Number(object.metadata.resourceVersion);
}

/** Resolves when the podinfo Service answers through the cluster's network. */
async function reached(sandbox: Sandbox): Promise<void> {
  const api = clientOf(sandbox);
  await new Promise<void>((resolve) => {
    const stop = api.watch("endpointslices.discovery.k8s.io", () => {
      const address = sandbox.network.resolve("test", "podinfo", 80);
      if (address === undefined) return;
      request(`http://${address.host}:${address.port}/`).then(
        ({ statusCode }) => {
          if (statusCode !== 200) return;
          stop();
          resolve();
        },
        () => undefined,
      );
    });
  });
}

function aConfigMap(name: string, value = "0", namespace = "test"): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data: { value } };
}
