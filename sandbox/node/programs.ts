/** What a container does once it runs, by its image and command: serve, sleep, exit. */
import type { RequestListener } from "node:http";
import type { Container } from "../controllers/kinds.ts";
import { durationMs, faultsOf } from "./faults.ts";
import type { ImageName } from "./images.ts";
import { Listener } from "./listener.ts";
import { Podinfo } from "./podinfo/app.ts";
import type { PodNetwork } from "./podNetwork.ts";

export interface Start {
  readonly image: ImageName;
  readonly container: Container;
  readonly env: Readonly<Record<string, string>>;
  readonly hostname: string;
  readonly address: string;
  readonly network: PodNetwork;
  readonly now: () => Date;
  /** How long a stopping server still takes new connections. */
  readonly lameDuckMs: number;
  readonly log: (line: string) => void;
}

/** A started container. */
export interface Running {
  /** The exit code, when it ends by itself or because it was stopped. */
  readonly exited: Promise<number>;
  /** As SIGTERM: finishes what it does. `signal` is the SIGKILL. */
  stop(signal: AbortSignal): void;
  kill(): void;
}

const KILLED = 137;
const PODINFO_HTTP = 9898;
const PODINFO_METRICS = 9797;

/** Starts the container. Resolves when its ports are open; rejects when it can't start. */
export async function startProgram(start: Start): Promise<Running> {
  const words = [...(start.container.command ?? []), ...(start.container.args ?? [])];
  if (/(^|\/|-)podinfo$/.test(start.image.repository)) return startPodinfo(start, words);
  const script = scriptOf(words);
  if (script !== undefined) return startScript(script);
  const ports = declaredPorts(start.container);
  if (ports.length === 0 && SHELLS.test(start.image.repository)) return startScript([]);
  return serve(start, ports.length === 0 && WEB_SERVERS.test(start.image.repository) ? [80] : ports, plain(start));
}

const SHELLS = /(^|\/)(busybox|alpine|bash|debian|ubuntu)$/;
const WEB_SERVERS = /(^|\/)(nginx|httpd|caddy|traefik)$/;

function declaredPorts(container: Container): number[] {
  const ports = (container.ports ?? []).filter(({ protocol = "TCP" }) => protocol === "TCP");
  return [...new Set(ports.map(({ containerPort }) => containerPort))];
}

async function startPodinfo(start: Start, words: readonly string[]): Promise<Running> {
  const faults = faultsOf(start.image.tag, start.env);
  const version = start.image.tag === "" ? "unknown" : start.image.tag;
  const { hostname, env, log } = start;
  const app = new Podinfo({ hostname, version, env, faults, started: start.now(), log });
  const ports = new Set(declaredPorts(start.container));
  ports.add(flag(words, "port") ?? PODINFO_HTTP);
  ports.add(flag(words, "port-metrics") ?? PODINFO_METRICS);
  log(`Starting podinfo ${version} on ${[...ports].join(", ")}`);
  return serve(start, [...ports], app.handle, faults.crashAfterMs);
}

function flag(words: readonly string[], name: string): number | undefined {
  for (const [index, word] of words.entries()) {
    const value =
      word === `--${name}` ? words[index + 1] : word.startsWith(`--${name}=`) ? word.slice(name.length + 3) : "";
    if (value !== undefined && /^\d+$/.test(value)) return Number(value);
  }
  return undefined;
}

function plain({ hostname }: Start): RequestListener {
  const body = Buffer.from(`${hostname}\n`);
  const headers = { "content-type": "text/plain; charset=utf-8", "content-length": body.length };
  return (_request, response) => {
    response.writeHead(200, headers);
    response.end(body);
  };
}

async function serve(
  start: Start,
  ports: readonly number[],
  handle: RequestListener,
  crashAfterMs?: number,
): Promise<Running> {
  const listener = new Listener(start.network);
  await listener.open(start.address, ports, handle);
  const { promise: exited, resolve: exit } = Promise.withResolvers<number>();
  const crash = (): void => {
    start.log("fatal: crashing as asked");
    listener.destroy();
    exit(1);
  };
  const timer = crashAfterMs === undefined ? undefined : setTimeout(crash, crashAfterMs);
  return {
    exited,
    stop(signal) {
      clearTimeout(timer);
      start.log("Shutting down");
      void listener.drain(start.lameDuckMs, signal).then(() => exit(signal.aborted ? KILLED : 0));
    },
    kill() {
      clearTimeout(timer);
      listener.destroy();
      exit(KILLED);
    },
  };
}

/** The simple commands of a shell script that a container may consist of, or undefined when the image runs its own program. */
function scriptOf(words: readonly string[]): string[][] | undefined {
  const [first = ""] = words;
  const program = first.slice(first.lastIndexOf("/") + 1);
  if (["sleep", "true", "false", "exit"].includes(program)) return [[program, ...words.slice(1)]];
  if (program !== "sh" && program !== "bash" && program !== "ash") return undefined;
  const at = words.findIndex((word) => /^-[a-z]*c$/.test(word));
  if (at === -1) return undefined;
  const commands = (words[at + 1] ?? "").split(/;|&&|\n/).map((command) => command.trim().split(/\s+/));
  // Loops never end.
  return commands.some(([word]) => word === "while" || word === "tail") ? [["sleep", "infinity"]] : commands;
}

function startScript(commands: readonly string[][]): Running {
  const { promise: exited, resolve: exit } = Promise.withResolvers<number>();
  let timer: NodeJS.Timeout | undefined;
  const step = (index: number): void => {
    const [word, argument = ""] = commands[index] ?? [];
    if (index >= commands.length) exit(0);
    else if (word === "exit") exit(Number(argument) || 0);
    else if (word === "false") exit(1);
    else if (word !== "sleep") step(index + 1);
    else if (/^inf/.test(argument)) timer = setInterval(() => undefined, 2 ** 30);
    else timer = setTimeout(() => step(index + 1), durationMs(argument) ?? 0);
  };
  step(0);
  const end = (): void => {
    clearTimeout(timer);
    exit(KILLED);
  };
  return { exited, stop: end, kill: end };
}
