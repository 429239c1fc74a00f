/** Every fault by name: it happens, it is told in the log, and it ends. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, afterEach, before, describe, it } from "node:test";
import { load } from "js-yaml";
import { Agent, type Dispatcher, request } from "undici";
import type { Client, KubeObject, LogLine } from "../../sandbox/apiserver/types.ts";
import { type Fault, FaultProblem } from "../../sandbox/faults/catalog.ts";
import { type Sandbox, startSandbox } from "../../sandbox/start.ts";
import { aDeployment, aService, createNamespace } from "./workloadCluster.ts";

const CONFIG_MAPS = "/api/v1/namespaces/test/configmaps";
const ENDLESS = { ...aDeployment("podinfo", "ghcr.io/stefanprodan/podinfo:6.0.0", 2) };

interface Line {
  readonly type: string;
  readonly object: KubeObject & { code?: number };
}

interface Answer {
  readonly code: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: { message?: string; reason?: string; [field: string]: unknown };
}

describe("faults", { timeout: 120_000 }, () => {
  const log: LogLine[] = [];
  let sandbox: Sandbox;
  let api: Client;
  let agent: Agent;
  const ends: (() => void)[] = [];

  before(async () => {
    sandbox = await startSandbox({
      nodes: 2,
      scrapeIntervalMs: 100,
      log: (line) => log.push(line),
    });
    api = sandbox.apiServer.as({ username: "tester", groups: ["system:masters"] });
    agent = new Agent({ connect: { ca: sandbox.apiServer.ca } });
    await createNamespace(api, "test");
    await api.create("configmaps", aConfigMap("old"));
  });
  afterEach(() => {
    for (const end of ends.splice(0)) end();
    assert.deepEqual(sandbox.faults.running(), [], "every fault has ended");
    log.length = 0;
  });
  after(async () => {
    await agent.close();
    await sandbox.stop();
  });

  const inject = (fault: Fault, forMs?: number): (() => void) => {
    const end = sandbox.faults.inject(fault, forMs);
    ends.push(end);
    return end;
  };
  const tokenOf = (user: string): string => {
    const groups = user === "nobody" ? [] : ["system:masters"];
    const config = load(sandbox.apiServer.kubeconfig(user, groups)) as { users: { user: { token: string } }[] };
    return config.users[0]?.user.token ?? "";
  };
  const send = (method: Dispatcher.HttpMethod, path: string, body?: unknown, user = "admin") =>
    request(`${sandbox.apiServer.url}${path}`, {
      method,
      dispatcher: agent,
      headers: {
        authorization: `Bearer ${tokenOf(user)}`,
        "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json",
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const ask = async (...input: Parameters<typeof send>): Promise<Answer> => {
    const { statusCode, headers, body } = await send(...input);
    return { code: statusCode, headers, body: JSON.parse(await body.text()) };
  };
  const watch = async (version = "0") => {
    const { body } = await send("GET", `${CONFIG_MAPS}?watch=true&resourceVersion=${version}`);
    const lines = createInterface({ input: body })[Symbol.asyncIterator]();
    body.on("error", () => undefined);
    return {
      /** Undefined when the watch has ended, cleanly or not. */
      async next(): Promise<Line | undefined> {
        const { value, done } = await lines.next().catch(() => ({ value: undefined, done: true }));
        return done === true ? undefined : (JSON.parse(value ?? "null") as Line);
      },
      close: () => void body.destroy(),
    };
  };
  const told = (message: string): string[] =>
    log.filter((line) => line.message === message).map((l) => `${l["fault"]}`);
  const write = (name: string): Promise<KubeObject> => api.create("configmaps", aConfigMap(name));

  it("dropWatches breaks what is open, and what is opened while it lasts", async () => {
    const first = await watch();
    assert.equal((await first.next())?.object.metadata.name, "kube-root-ca.crt");
    inject({ name: "dropWatches", resource: "secrets" });
    assert.equal((await first.next())?.object.metadata.name, "old", "another resource is spared");
    const end = inject({ name: "dropWatches", resource: "configmaps" }, 60_000);
    assert.equal(await first.next(), undefined);
    const second = await watch().catch(() => undefined);
    assert.equal(await second?.next(), undefined);
    end();
    const third = await watch();
    assert.notEqual(await third.next(), undefined);
    third.close();
    assert.deepEqual(told("fault begins"), ["dropWatches", "dropWatches"]);
    assert.deepEqual(told("fault ends"), ["dropWatches", "dropWatches"]);
  });

  it("expireHistory ends watches, and going on from an older version is answered with 410", async () => {
    const { resourceVersion } = (await ask("GET", CONFIG_MAPS)).body["metadata"] as { resourceVersion: string };
    const before = await watch(resourceVersion);
    inject({ name: "expireHistory" });
    assert.equal(await before.next(), undefined);
    const after = await watch(resourceVersion);
    const line = await after.next();
    assert.deepEqual([line?.type, line?.object.code], ["ERROR", 410]);
    const fresh = (await ask("GET", CONFIG_MAPS)).body["metadata"] as { resourceVersion: string };
    const again = await watch(fresh.resourceVersion);
    await write("after-expiry");
    assert.equal((await again.next())?.object.metadata.name, "after-expiry");
    again.close();
  });

  it("conflictNext refuses so many updates and patches of a resource, and reads nothing into others", async () => {
    inject({ name: "conflictNext", resource: "ConfigMap", times: 2 });
    assert.equal((await ask("GET", `${CONFIG_MAPS}/old`)).code, 200);
    for (const code of [409, 409, 200]) {
      assert.equal((await ask("PATCH", `${CONFIG_MAPS}/old`, { data: { tried: String(code) } })).code, code);
    }
    assert.deepEqual(sandbox.faults.running(), []);
  });

  for (const [fault, code, reason] of [
    [{ name: "throttle", retryAfterSeconds: 3 }, 429, "TooManyRequests"],
    [{ name: "fail" }, 500, "InternalError"],
    [{ name: "fail", code: 503 }, 503, "ServiceUnavailable"],
  ] as const) {
    it(`${fault.name} answers ${code} to the requests it concerns, until it has been met often enough`, async () => {
      inject({ ...fault, verb: "get", resource: "configmaps", user: "somebody", times: 1 });
      assert.equal((await ask("GET", `${CONFIG_MAPS}/old`)).code, 200, "another user");
      assert.equal((await ask("GET", CONFIG_MAPS, undefined, "somebody")).code, 200, "another verb");
      const met = await ask("GET", `${CONFIG_MAPS}/old`, undefined, "somebody");
      assert.deepEqual([met.code, met.body.reason], [code, reason]);
      assert.equal(met.headers["retry-after"], code === 429 ? "3" : undefined);
      assert.equal((await ask("GET", `${CONFIG_MAPS}/old`, undefined, "somebody")).code, 200);
      assert.deepEqual(told("fault ends"), [fault.name]);
    });
  }

  it("fail ends with its time", async () => {
    inject({ name: "fail" }, 20);
    assert.equal((await ask("GET", CONFIG_MAPS)).code, 500);
    while ((await ask("GET", CONFIG_MAPS)).code === 500);
    assert.deepEqual(told("fault ends"), ["fail"]);
  });

  it("delay holds a request up until its time or the fault is over", async () => {
    const end = inject({ name: "delay", milliseconds: 3_600_000, verb: "get" });
    let answered = false;
    const late = ask("GET", `${CONFIG_MAPS}/old`).then(({ code }) => {
      answered = true;
      return code;
    });
    assert.equal((await ask("GET", CONFIG_MAPS)).code, 200, "lists are not concerned");
    assert.equal(answered, false);
    end();
    assert.equal(await late, 200);
  });

  it("stallWatches sends nothing, does not close, and loses nothing", async () => {
    const version = (await write("before-stall")).metadata.resourceVersion;
    const stalled = await watch(version);
    const end = inject({ name: "stallWatches" });
    const alsoStalled = await watch(version);
    await write("during-stall");
    let heard = 0;
    const first = stalled.next().finally(() => (heard += 1));
    const second = alsoStalled.next().finally(() => (heard += 1));
    assert.equal((await ask("GET", `${CONFIG_MAPS}/during-stall`)).code, 200);
    assert.equal(heard, 0);
    end();
    assert.deepEqual(
      [(await first)?.object.metadata.name, (await second)?.object.metadata.name],
      ["during-stall", "during-stall"],
    );
    stalled.close();
    alsoStalled.close();
  });

  it("freezeController leaves work lying until it ends", async () => {
    const end = inject({ name: "freezeController", controller: "deployment-controller" });
    await api.create("deployments.apps", { ...ENDLESS, metadata: { ...ENDLESS.metadata } });
    await api.create("services", aService("podinfo"));
    await seen(
      api,
      "endpointslices.discovery.k8s.io",
      (slice) => slice.metadata.labels?.["kubernetes.io/service-name"] === "podinfo",
    );
    assert.deepEqual(api.list("replicasets.apps", "test"), []);
    end();
    await seen(api, "deployments.apps", ({ status }) => status?.readyReplicas === 2);
    assert.throws(() => inject({ name: "freezeController", controller: "nobody" }), FaultProblem);
  });

  it("killPod kills the processes, and the kubelet starts them again", async () => {
    const [pod] = api.list("pods", "test");
    const { name = "", uid } = pod?.metadata ?? {};
    inject({ name: "killPod", namespace: "test", pod: name });
    const killed = await seen(api, "pods", ({ metadata, status }) => {
      return metadata.uid === uid && status.containerStatuses[0].restartCount === 1;
    });
    assert.equal(killed["status"].containerStatuses[0].lastState.terminated.exitCode, 137);
    await seen(api, "deployments.apps", ({ status }) => status?.readyReplicas === 2);
    assert.throws(() => inject({ name: "killPod", pod: "nobody" }), /no pod default\/nobody runs here/);
  });

  it("unreachableNode makes a node Unknown and takes its pods out of the endpoints, until it is back", async () => {
    const unready = (slice: KubeObject): number =>
      (slice["endpoints"] ?? []).filter((endpoint: { conditions: { ready: boolean } }) => !endpoint.conditions.ready)
        .length;
    const ofService = ({ metadata }: KubeObject): boolean =>
      metadata.labels?.["kubernetes.io/service-name"] === "podinfo";
    const node = api.list("pods", "test")[0]?.["spec"].nodeName;
    const end = inject({ name: "unreachableNode", node, graceMilliseconds: 1 });
    const silent = await seen(api, "nodes", (each) => each.metadata.name === node && readyOf(each) === "Unknown");
    assert.equal(silent["status"].conditions[0].reason, "NodeStatusUnknown");
    const slice = await seen(api, "endpointslices.discovery.k8s.io", (each) => ofService(each) && unready(each) === 1);
    const gone = slice["endpoints"].find((each: { conditions: { ready: boolean } }) => !each.conditions.ready);
    assert.equal(gone.nodeName, node);
    const asked = request(`http://${gone.addresses[0]}:9898/`);
    await assert.rejects(asked, { code: "UND_ERR_SOCKET" });
    end();
    await seen(
      api,
      "nodes",
      (each) => each.metadata.name === node && readyOf(each) === "True" && each["spec"].taints === undefined,
    );
    await seen(api, "endpointslices.discovery.k8s.io", (each) => ofService(each) && unready(each) === 0);
    assert.equal((await request(`http://${gone.addresses[0]}:9898/`)).statusCode, 200);
  });

  it("loseMetrics and slowMetrics break off queries or let them wait", async () => {
    const query = () => request(`${sandbox.metrics.url}/api/v1/query?query=1`).then(({ statusCode }) => statusCode);
    const end = inject({ name: "loseMetrics" });
    await assert.rejects(query(), { code: "UND_ERR_SOCKET" });
    end();
    assert.equal(await query(), 200);
    const begun = performance.now();
    inject({ name: "slowMetrics", milliseconds: 60 });
    assert.equal(await query(), 200);
    assert.ok(performance.now() - begun >= 55);
  });

  it("cutWebhook lets calls of a webhook find nobody", async () => {
    await api.create("validatingwebhookconfigurations.admissionregistration.k8s.io", aWebhook("guard.example.org"));
    sandbox.network.alias("test", "guard", 443, { host: "127.0.0.1", port: 1 });
    inject({ name: "cutWebhook", webhook: "guard.example.org" });
    const refused = await ask("POST", CONFIG_MAPS, aConfigMap("guarded"));
    assert.equal(refused.code, 500);
    assert.match(
      refused.body.message ?? "",
      /failed calling webhook "guard.example.org": .*connect: connection refused/,
    );
  });

  it("people set them over HTTP, administrators only", async () => {
    const set = await ask("POST", "/sandbox/faults", { name: "fail", resource: "secrets", forMs: 60_000 });
    assert.deepEqual([set.code, set.body["forMs"]], [201, 60_000]);
    assert.equal((await ask("GET", "/api/v1/secrets")).code, 500);
    const { running } = (await ask("GET", "/sandbox/faults")).body as unknown as { running: object[] };
    assert.deepEqual(running, [{ id: set.body["id"], fault: { name: "fail", resource: "secrets" } }]);
    assert.equal((await ask("DELETE", `/sandbox/faults/${set.body["id"]}`)).body["ended"], true);
    assert.equal((await ask("GET", "/api/v1/secrets")).code, 200);
    assert.equal((await ask("POST", "/sandbox/faults", { name: "fail" }, "nobody")).code, 403);
    for (const [body, complaint] of [
      [{ name: "explode" }, /there is no fault "explode": choose one of dropWatches/],
      [{ name: "fail", colour: "red" }, /fail has no parameter colour: it takes verb, resource/],
      [{ name: "delay" }, /delay needs milliseconds/],
      [{ name: "fail", code: 200 }, /code must be from 500 to 504/],
      [[], /must be a JSON object/],
    ] as const) {
      const wrong = await ask("POST", "/sandbox/faults", body);
      assert.deepEqual([wrong.code, complaint.test(wrong.body.message ?? "")], [400, true], JSON.stringify(body));
    }
  });

  it("and from a terminal", async () => {
    const run = async (...args: string[]) => {
      const words = ["weir.ts", "sandbox", "fault", ...args, "--kubeconfig", sandbox.kubeconfigPath];
      const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "pipe"], timeout: 60_000 });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
      const [code] = await once(child, "close");
      return { code, said };
    };
    assert.deepEqual(await run("expireHistory"), { code: 0, said: "expireHistory: done\n" });
    assert.deepEqual(await run("fail", "--resource", "secrets", "--for", "2s", "--times", "1"), {
      code: 0,
      said: "fail: for 2 s\n",
    });
    assert.equal((await ask("GET", "/api/v1/secrets")).code, 500);
    const { said } = await run("--list");
    assert.match(said, /^stallWatches +sends nothing/m);
    const wrong = await run("killPod", "--pod", "nobody");
    assert.equal(wrong.code, 1);
    assert.match(wrong.said, /^weir sandbox fault: .* answered 400: no pod default\/nobody runs here/);
  });
});

function aConfigMap(name: string): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "test" }, data: {} };
}

function aWebhook(name: string): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name: "guard" },
    webhooks: [
      {
        name,
        admissionReviewVersions: ["v1"],
        sideEffects: "None",
        clientConfig: { service: { namespace: "test", name: "guard" } },
        rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }],
      },
    ],
  };
}

function readyOf(node: KubeObject): string | undefined {
  const conditions: { type: string; status: string }[] = node["status"]?.conditions ?? [];
  return conditions.find(({ type }) => type === "Ready")?.status;
}

/** Resolves with the first object of the resource, there or to come, that is as wanted. */
function seen(api: Client, key: string, wanted: (object: KubeObject) => boolean): Promise<KubeObject> {
  return new Promise((resolve, reject) => {
    const giveUp = setTimeout(() => {
      stop();
      reject(new Error(`waited in vain for ${key}: ${wanted}`));
    }, 5000);
    let done = false;
    let stop = (): void => undefined;
    stop = api.watch(key, ({ type, object }) => {
      if (done || type === "DELETED" || !wanted(object)) return;
      done = true;
      clearTimeout(giveUp);
      resolve(object);
      queueMicrotask(() => stop());
    });
  });
}
