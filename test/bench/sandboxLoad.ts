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

/** How the watches lie over the objects: each has its part of them, by a label selector, or each has them all. */
export const shapes = ["divided", "all"] as const;
export type Shape = (typeof shapes)[number];

export interface StartFigures {
  readonly startMs: number;
  readonly listMs: number;
  readonly listMegabytes: number;
}

export interface LoadFigures {
  /** Writes a second that the server took from the clients. */
  readonly writesPerSecond: number;
  /** The same up to the moment when the last watch had the last event: what can go on for ever. */
  readonly heldPerSecond: number;
  readonly events: number;
  /** Events that a watch should have had and had not. */
  readonly missedEvents: number;
  /** Watches whose view at the end was not what a list showed. */
  readonly watchesAstray: number;
  /** From the last answer to a write to the last event. */
  readonly lagMs: number;
  /** The most that the process had in memory from the first watch to the last event. */
  readonly memoryMegabytes: number;
  /** Of one processor, which it shares with its clients. */
  readonly processorPercent: number;
}

export interface LoadBench {
  readonly start: StartFigures;
  readonly shapes: Readonly<Record<Shape, LoadFigures>>;
}

const NAMESPACE = "default";
const DEPLOYMENTS = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`;
/** What is left of 6 KB when a Deployment of one container with its managed fields is taken off. */
const PADDING = 3000;
const WRITERS = 24;
const SETTLE_WITHIN_MS = 30_000;

/** Runs a sandbox as a process of its own and looks at it as its clients do, once for each shape. */
export async function measureLoad(load: Load): Promise<LoadBench> {
  const sandbox = await startSandboxProcess();
  const api = new Api(sandbox.kubeconfig);
  try {
    await createDeployments(api, load);
    const { milliseconds, bytes } = await atRest(api);
    const start = { startMs: sandbox.startMs, listMs: milliseconds, listMegabytes: Math.round(bytes / 1e5) / 10 };
    const divided = await measureShape(api, sandbox.child, load, "divided");
    return { start, shapes: { divided, all: await measureShape(api, sandbox.child, load, "all") } };
  } finally {
    api.close();
    sandbox.child.kill("SIGTERM");
    await once(sandbox.child, "close");
  }
}

async function measureShape(api: Api, { pid }: ChildProcess, load: Load, shape: Shape): Promise<LoadFigures> {
  const listing = await atRest(api);
  const views = await openWatches(api, load.watches, listing, shape);
  const used = watchUse(pid);
  const begun = performance.now();
  const writes = await writeSteadily(api, load);
  const written = performance.now();
  const lag = await settled(api, views);
  const { memoryMegabytes, processorPercent } = used.stop();
  for (const view of views) view.close();
  const events = views.reduce((sum, view) => sum + view.events, 0);
  const perSecond = (milliseconds: number) => Math.round((writes * 1000) / milliseconds);
  return {
    writesPerSecond: perSecond(written - begun),
    heldPerSecond: perSecond(written - begun + lag),
    events,
    missedEvents: writes * (shape === "all" ? load.watches : 1) - events,
    watchesAstray: views.filter(isAstray).length,
    lagMs: lag,
    memoryMegabytes,
    processorPercent,
  };
}

async function startSandboxProcess(): Promise<{ child: ChildProcess; startMs: number; kubeconfig: string }> {
  const begun = performance.now();
  const child = spawn(process.execPath, ["weir.mjs", "sandbox", "--json", "--no-prometheus"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout.setEncoding("utf8");
  let said = "";
  while (!said.includes("\n")) said += String((await once(child.stdout, "data"))[0]);
  return { child, startMs: Math.round(performance.now() - begun), kubeconfig: JSON.parse(said).kubeconfig };
}

const MEMORY_EVERY_MS = 100;
const TICKS_PER_SECOND = 100;

/** Resident memory and processor time of a process, from the system. */
function watchUse(pid: number | undefined): { stop(): Pick<LoadFigures, "memoryMegabytes" | "processorPercent"> } {
  let most = 0;
  const look = (): void => {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    most = Math.max(most, Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
  };
  const seconds = (): number => {
    const [, user, system] = /\) (?:\S+ ){11}(\d+) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    return (Number(user) + Number(system)) / TICKS_PER_SECOND;
  };
  const [begun, usedBefore] = [performance.now(), seconds()];
  const timer = setInterval(look, MEMORY_EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      look();
      const processorPercent = Math.round(((seconds() - usedBefore) * 100_000) / (performance.now() - begun));
      return { memoryMegabytes: Math.round(most), processorPercent };
    },
  };
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

function createDeployments(api: Api, { deployments, watches }: Load): Promise<void> {
  return inParallel(deployments, (index) =>
    api.send("POST", DEPLOYMENTS, JSON.stringify(deploymentOf(index, index % watches))),
  );
}

function nameOf(index: number): string {
  return `app-${String(index).padStart(5, "0")}`;
}

function deploymentOf(index: number, part: number): unknown {
  const name = nameOf(index);
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, labels: { ...labels, part: `${part}` } },
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
  /** Of a view of everything, what this watch should show. */
  readonly part: (whole: View) => View;
  expected: View;
  events: number;
  close: () => void;
}

async function openWatches(api: Api, count: number, { view, version }: Listing, shape: Shape): Promise<Watching[]> {
  const views: Watching[] = [];
  await inParallel(count, async (index) => {
    const whole = shape === "all";
    const isMine = (name: string): boolean => Number(name.slice("app-".length)) % count === index;
    const part = (all: View): View => (whole ? all : new Map([...all].filter(([name]) => isMine(name))));
    const versions = new Map(part(view));
    const watching: Watching = { versions, part, expected: versions, events: 0, close: () => undefined };
    views.push(watching);
    const selector = whole ? "" : `&labelSelector=part%3D${index}`;
    const path = `${DEPLOYMENTS}?watch=true&resourceVersion=${version}&timeoutSeconds=600${selector}`;
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

/** Every write changes something, whatever was written before. */
let turns = 0;

/** Patches at the pace asked for, if the server keeps up with it. Answers with the number of writes. */
async function writeSteadily(api: Api, { deployments, writesPerSecond, seconds }: Load): Promise<number> {
  const count = writesPerSecond * seconds;
  const begun = performance.now();
  await inParallel(count, async (index) => {
    const due = begun + (index * 1000) / writesPerSecond;
    const early = due - performance.now();
    if (early > 1) await new Promise((resolve) => setTimeout(resolve, early));
    const name = nameOf((index * 7919) % deployments);
    const body = JSON.stringify({ metadata: { labels: { turn: `${turns + index}` } } });
    await api.send("PATCH", `${DEPLOYMENTS}/${name}`, body, "application/merge-patch+json");
  });
  turns += count;
  return count;
}

/** Waits until every view is as it should be. */
async function settled(api: Api, views: readonly Watching[]): Promise<number> {
  const begun = performance.now();
  const { view: expected, milliseconds } = await atRest(api);
  for (const view of views) view.expected = view.part(expected);
  while (views.some(isAstray)) {
    if (performance.now() - begun > SETTLE_WITHIN_MS) break;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return Math.max(0, Math.round(performance.now() - begun) - milliseconds);
}

/** The list when the controllers have done what there is to do. */
async function atRest(api: Api): Promise<Listing> {
  for (;;) {
    const first = await timedList(api);
    const second = await timedList(api);
    if (sameView(first.view, second.view)) return second;
  }
}

function isAstray({ versions, expected }: Watching): boolean {
  return !sameView(versions, expected);
}

function sameView(seen: View, expected: View): boolean {
  if (seen.size !== expected.size) return false;
  for (const [name, version] of expected) if (seen.get(name) !== version) return false;
  return true;
}
