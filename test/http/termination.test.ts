/** Two whole servers, with certificates from files and callers that show theirs: one is told to go down under load. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, type AgentOptions, request as send } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { after, before, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { createAuthority, issueServing } from "../../certs/issue.ts";
import type { Api } from "../../controller/kube/api.ts";
import { createLogger, type Logger } from "../../controller/kube/log.ts";
import { createAuthority as createClients } from "../../sandbox/apiserver/x509.ts";
import type { CanaryCache } from "../../server/canaryCache.ts";
import { readOptions } from "../../server/options.ts";
import { runWebhook } from "../../server/webhook.ts";
import { aCanary, aDeployment, anIndex } from "../unit/mutators/builders.ts";

const name = "weir-server.weir-system.svc";
const callersAtOnce = 6;
let folder: string;
let trust: AgentOptions;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "weir-termination-"));
  const authority = await createAuthority(new Date());
  const { cert, key } = await issueServing(authority, [name], new Date());
  const clients = createClients("clients", new Date());
  const client = clients.issueClient("kube-apiserver", []);
  await writeFile(join(folder, "tls.crt"), cert);
  await writeFile(join(folder, "tls.key"), key);
  await writeFile(join(folder, "clients.crt"), clients.certificate);
  trust = { ca: authority.cert, cert: client.certificate, key: client.key };
});
after(() => rm(folder, { recursive: true }));

interface Running {
  readonly port: number;
  readonly stop: AbortController;
  readonly hurry: AbortController;
  readonly ended: Promise<void>;
}

/** The server as `weir server` runs it, over a view of the cluster that is complete. */
async function startServer(): Promise<Running> {
  const file = (each: string) => join(folder, each);
  const options = readOptions([
    ...["--port", "0", "--metrics-port", "0", "--drain-seconds", "600"],
    ...["--tls-cert-file", file("tls.crt"), "--tls-key-file", file("tls.key")],
    ...["--client-ca-file", file("clients.crt"), "--client-name", "kube-apiserver"],
  ]);
  assert.ok(options);
  const index = anIndex([aCanary()]);
  const cache: CanaryCache = { index: () => index, stores: [], synced: Promise.resolve(), stop: async () => undefined };
  const api = { get: async () => undefined } as Partial<Api> as Api;
  const [stop, hurry] = [new AbortController(), new AbortController()];
  const { promise: port, resolve: listening } = Promise.withResolvers<number>();
  const quiet = createLogger({ level: "error", write: () => undefined });
  const log: Logger = {
    ...quiet,
    info: (message, fields = {}) => void (message === "listening" && listening(Number(fields["port"]))),
  };
  const ended = runWebhook({ options, log, cache, api, signals: { stop: stop.signal, hurry: hurry.signal } });
  return { port: await Promise.race([port, ended.then(() => assert.fail("ended early"))]), stop, hurry, ended };
}

/**
 * The API server's way to call a Service: idle connections first, whatever has become of their endpoint; a new connection goes to
 * the endpoints that it knows of, in turn.
 */
class ServiceAgent extends Agent {
  endpoints: readonly number[];
  readonly open = new Map<number, Set<TLSSocket>>();
  #next = 0;

  constructor(endpoints: readonly number[], identity: AgentOptions = trust) {
    super({ ...identity, keepAlive: true, scheduling: "lifo", maxCachedSessions: 0 });
    this.endpoints = endpoints;
  }

  override createConnection(options: object, ready?: (error: Error | null, stream: Duplex) => void) {
    const port = this.endpoints[this.#next++ % this.endpoints.length] ?? assert.fail("no endpoints");
    const socket = super.createConnection(
      { ...options, port, host: "127.0.0.1", servername: name },
      ready,
    ) as TLSSocket;
    const sockets = this.open.get(port) ?? new Set();
    this.open.set(port, sockets.add(socket));
    socket.once("close", () => sockets.delete(socket));
    return socket;
  }
}

const body = JSON.stringify({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid: "7",
    kind: { group: "apps", version: "v1", kind: "Deployment" },
    name: "podinfo",
    namespace: "demo",
    operation: "UPDATE",
    userInfo: { username: "jane", groups: [] },
    object: aDeployment({ image: "podinfo:6.0.1" }),
    oldObject: aDeployment(),
  },
});

/** Resolves with the port that answered. */
function call(agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = send({ host: name, port: 443, path: "/mutate/deployments", method: "POST", agent }, (answer) => {
      const port = answer.socket.remotePort ?? 0;
      let text = "";
      answer.on("data", (chunk) => (text += chunk));
      answer.once("end", () => {
        const right = answer.statusCode === 200 && JSON.parse(text).response.patchType === "JSONPatch";
        if (right) resolve(port);
        else reject(new Error(`${answer.statusCode} ${text}`));
      });
      answer.once("error", reject);
    });
    asked.setHeader("Content-Type", "application/json");
    asked.once("error", reject).end(body);
  });
}

/** Callers that go on until told to stop, and what they met. */
function startLoad(agent: Agent) {
  const failures: string[] = [];
  const answered = new Map<number, number>();
  let total = 0;
  let over = false;
  let awaited: { readonly at: number; reached(): void } = { at: Number.POSITIVE_INFINITY, reached: () => undefined };
  const caller = async () => {
    while (!over) {
      const port = await call(agent).catch((error: Error) => void failures.push(error.message));
      if (port !== undefined) answered.set(port, (answered.get(port) ?? 0) + 1);
      total += 1;
      if (total >= awaited.at) awaited.reached();
    }
  };
  const ended = Promise.all(Array.from({ length: callersAtOnce }, caller));
  return {
    failures,
    answered: (port: number) => answered.get(port) ?? 0,
    /** Resolves after so many calls more. */
    calls(count: number): Promise<void> {
      const { promise, resolve: reached } = Promise.withResolvers<void>();
      awaited = { at: total + count, reached };
      return promise;
    },
    async stop() {
      over = true;
      await ended;
    },
  };
}

test("one of two servers goes down under load, and no call fails", { timeout: 120_000 }, async () => {
  const [leaving, staying] = [await startServer(), await startServer()];
  const agent = new ServiceAgent([leaving.port, staying.port]);
  const load = startLoad(agent);
  await load.calls(200);
  assert.ok(load.answered(leaving.port) > 0 && load.answered(staying.port) > 0, "both take part");

  leaving.stop.abort();
  const before = load.answered(leaving.port);
  await load.calls(200);
  assert.ok(load.answered(leaving.port) > before + callersAtOnce, "it goes on answering while endpoints name it");

  agent.endpoints = [staying.port];
  await Promise.all([...(agent.open.get(leaving.port) ?? [])].map((socket) => socket.closed || once(socket, "close")));
  await load.calls(100);
  leaving.hurry.abort();
  await leaving.ended;
  await load.calls(100);
  await load.stop();
  assert.deepEqual(load.failures, []);

  const nobody = new ServiceAgent([staying.port], { ca: trust.ca });
  await assert.rejects(call(nobody), "without a certificate nobody may call");
  for (const each of [agent, nobody]) each.destroy();
  staying.stop.abort();
  staying.hurry.abort();
  await staying.ended;
});
