/** The sandbox under load: its start, a long list, and many watches of which none may miss a write. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { load } from "js-yaml";

export interface Load {
  readonly deployments: number;
  readonly watches: number;
  readonly writesPerSecond: number;
  readonly seconds: number;
}

export interface LoadFigures {
  readonly startMs: number;
  readonly listMs: number;
  readonly listMegabytes: number;
  readonly writesPerSecond: number;
  readonly events: number;
  /** Watches whose view at the end was not what a list showed. */
  readonly watchesAstray: number;
  /** From the last answer to a write to the last event. */
  readonly lagMs: number;
  readonly memoryMegabytes: number;
}

const NAMESPACE = "default";
const DEPLOYMENTS = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`;
/** What is left of 6 KB when a Deployment of one container with its managed fields is taken off. */
const PADDING = 3000;
const WRITERS = 24;
const SETTLE_WITHIN_MS = 30_000;

/** Runs a sandbox as a process of its own and looks at it as its clients do. */
export async function measureLoad(load: Load): Promise<LoadFigures> {
  const sandbox = await startSandboxProcess();
  try {
    const api = new Api(sandbox.kubeconfig);
    await createDeployments(api, load.deployments);
    const listing = await atRest(api);
    const views = await openWatches(api, load.watches, listing.view, listing.version);
    const written = await writeSteadily(api, load);
    const memoryMegabytes = memoryOf(sandbox.child);
    const { lag, expected } = await settled(api, views);
    const astray = views.filter((view) => !sameView(view.versions, expected)).length;
    for (const view of views) view.close();
    api.close();
    return {
      startMs: sandbox.startMs,
      listMs: listing.milliseconds,
      listMegabytes: Math.round(listing.bytes / 1e5) / 10,
      writesPerSecond: written,
      events: views.reduce((sum, view) => sum + view.events, 0),
      watchesAstray: astray,
      lagMs: lag,
      memoryMegabytes,
    };
  } finally {
    sandbox.child.kill("SIGTERM");
    await once(sandbox.child, "close");
  }
}

async function startSandboxProcess(): Promise<{ child: ChildProcess; startMs: number; kubeconfig: string }> {
  const begun = performance.now();
  const child = spawn(process.execPath, ["weir.ts", "sandbox", "--json", "--no-prometheus"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout.setEncoding("utf8");
  let said = "";
  while (!said.includes("\n")) said += String((await once(child.stdout, "data"))[0]);
  return { child, startMs: Math.round(performance.now() - begun), kubeconfig: JSON.parse(said).kubeconfig };
}

/** Resident memory, from the system. */
function memoryOf({ pid }: ChildProcess): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
}

class Api {
  readonly #server: URL;
  readonly #ca: string;
  readonly #headers: Record<string, string>;
  readonly #agent: Agent;

  constructor(kubeconfig: string) {
    const config = load(readFileSync(kubeconfig, "utf8")) as {
      clusters: { cluster: { server: string; "certificate-authority-data": string } }[];
      users: { user: { token: string } }[];
    };
    const cluster = config.clusters[0]?.cluster;
    this.#server = new URL(cluster?.server ?? "");
    this.#ca = Buffer.from(cluster?.["certificate-authority-data"] ?? "", "base64").toString();
    this.#headers = { authorization: `Bearer ${config.users[0]?.user.token}`, accept: "application/json" };
    this.#agent = new Agent({ keepAlive: true, maxSockets: WRITERS, ca: this.#ca });
  }

  get(path: string): Promise<Buffer> {
    return this.send("GET", path);
  }

  send(method: string, path: string, body?: string, type = "application/json"): Promise<Buffer> {
    const headers = body === undefined ? this.#headers : { ...this.#headers, "content-type": type };
    return new Promise((resolve, reject) => {
      const call = request(new URL(path, this.#server), { method, headers, agent: this.#agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const answer = Buffer.concat(chunks);
          if ((response.statusCode ?? 500) < 300) resolve(answer);
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${answer.toString("utf8", 0, 300)}`));
        });
      });
      call.on("error", reject);
      call.end(body);
    });
  }

  /** Resolves when the watch has been answered; chunks follow. */
  watch(path: string, onData: (chunk: Buffer) => void): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const options = { headers: this.#headers, agent: false, ca: this.#ca };
      const call = request(new URL(path, this.#server), options, (response) => {
        response.on("data", onData);
        response.on("error", () => undefined);
        resolve(() => call.destroy());
      });
      call.on("error", reject);
      call.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Runs so many tasks, a few at a time. */
async function inParallel(count: number, task: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await task(next - 1);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, worker));
}

function createDeployments(api: Api, count: number): Promise<void> {
  return inParallel(count, (index) => api.send("POST", DEPLOYMENTS, JSON.stringify(deploymentOf(index))));
}

function deploymentOf(index: number): unknown {
  const name = `app-${String(index).padStart(5, "0")}`;
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, labels },
    spec: {
      // No pods, and paused: what is measured is the API server, not ten thousand rollouts.
      replicas: 0,
      paused: true,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations: { "example.org/padding": String(index % 10).repeat(PADDING) } },
        spec: { containers: [{ name: "app", image: `example.org/app:${index}`, ports: [{ containerPort: 8080 }] }] },
      },
    },
  };
}

type View = Map<string, string>;

interface Listing {
  readonly milliseconds: number;
  readonly bytes: number;
  readonly version: string;
  readonly view: View;
}

/** The time is that of a client that also parses what it gets. */
async function timedList(api: Api): Promise<Listing> {
  const begun = performance.now();
  const bytes = await api.get(DEPLOYMENTS);
  const list = JSON.parse(bytes.toString("utf8")) as {
    metadata: { resourceVersion: string };
    items: { metadata: { name: string; resourceVersion: string } }[];
  };
  const milliseconds = Math.round(performance.now() - begun);
  const view = new Map(list.items.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
  return { milliseconds, bytes: bytes.length, version: list.metadata.resourceVersion, view };
}

interface Watching {
  readonly versions: View;
  events: number;
  close: () => void;
}

async function openWatches(api: Api, count: number, view: View, version: string): Promise<Watching[]> {
  const views: Watching[] = [];
  await inParallel(count, async () => {
    const watching: Watching = { versions: new Map(view), events: 0, close: () => undefined };
    views.push(watching);
    const path = `${DEPLOYMENTS}?watch=true&resourceVersion=${version}&timeoutSeconds=600`;
    watching.close = await api.watch(path, linesInto(watching));
  });
  return views;
}

const HEAD = /^\{"type":"([A-Z]+)","object":\{[^{]*"metadata":\{"name":"([^"]+)".*?"resourceVersion":"(\d+)"/s;
const HEAD_LENGTH = 600;
const LINE_FEED = 0x0a;

/** Reads name and version at the head of each line; parsing all of them would measure the reader. */
function linesInto(watching: Watching): (chunk: Buffer) => void {
  let head = "";
  return (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      const end = chunk.indexOf(LINE_FEED, at);
      const stop = end < 0 ? chunk.length : end;
      if (head.length < HEAD_LENGTH) {
        head += chunk.toString("latin1", at, Math.min(stop, at + HEAD_LENGTH - head.length));
      }
      if (end < 0) return;
      take(watching, head);
      head = "";
      at = end + 1;
    }
  };
}

function take(watching: Watching, head: string): void {
  const [, type, name = "", version = ""] = HEAD.exec(head) ?? [];
  if (type === undefined) throw new Error(`a line of a watch cannot be read: ${head}`);
  watching.events += 1;
  if (type === "DELETED") watching.versions.delete(name);
  else watching.versions.set(name, version);
}

/** Patches at the pace asked for, if the server keeps up with it. Answers with the pace that was reached. */
async function writeSteadily(api: Api, { deployments, writesPerSecond, seconds }: Load): Promise<number> {
  const count = writesPerSecond * seconds;
  const begun = performance.now();
  await inParallel(count, async (index) => {
    const due = begun + (index * 1000) / writesPerSecond;
    const early = due - performance.now();
    if (early > 1) await new Promise((resolve) => setTimeout(resolve, early));
    const name = `app-${String((index * 7919) % deployments).padStart(5, "0")}`;
    const body = JSON.stringify({ metadata: { labels: { turn: String(index) } } });
    await api.send("PATCH", `${DEPLOYMENTS}/${name}`, body, "application/merge-patch+json");
  });
  return Math.round((count * 1000) / (performance.now() - begun));
}

/** Waits until every view is as it should be. */
async function settled(api: Api, views: readonly Watching[]): Promise<{ lag: number; expected: View }> {
  const begun = performance.now();
  const { view: expected, milliseconds } = await atRest(api);
  while (views.some((view) => !sameView(view.versions, expected))) {
    if (performance.now() - begun > SETTLE_WITHIN_MS) break;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { lag: Math.max(0, Math.round(performance.now() - begun) - milliseconds), expected };
}

/** The list when the controllers have done what there is to do. */
async function atRest(api: Api): Promise<Listing> {
  for (;;) {
    const first = await timedList(api);
    const second = await timedList(api);
    if (sameView(first.view, second.view)) return second;
  }
}

function sameView(seen: View, expected: View): boolean {
  if (seen.size !== expected.size) return false;
  for (const [name, version] of expected) if (seen.get(name) !== version) return false;
  return true;
}
