/** The sandbox under load: its start, a long list, and many watches of which none may miss a write. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Api, inParallel } from "./apiClient.ts";
import { startSandboxProcess, type Use, watchUse } from "./sandboxProcess.ts";
import { isAstray, openWatches, type Shape, sameView, type View, type Watching } from "./views.ts";

export interface Load {
  readonly deployments: number;
  readonly watches: number;
  readonly writesPerSecond: number;
  readonly seconds: number;
}

export interface StartFigures {
  readonly startMs: number;
  readonly listMs: number;
  readonly listMegabytes: number;
}

/** What the sandbox took is told from the first write to the last event. */
export interface LoadFigures extends Use {
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
}

export interface LoadBench {
  readonly start: StartFigures;
  readonly shapes: Readonly<Record<Shape, LoadFigures>>;
}

const NAMESPACE = "default";
const DEPLOYMENTS = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`;
/** What is left of 6 KB when a Deployment of one container with its managed fields is taken off. */
const PADDING = 3000;
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
  const views = await openWatches(api, DEPLOYMENTS, load.watches, listing, shape);
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
