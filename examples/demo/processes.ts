import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

const weir = join(import.meta.dirname, "..", "..", "weir.mjs");

export interface ProcessOptions {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Flags of Node itself, such as bounds for its memory. */
  readonly nodeFlags?: readonly string[];
  /** Folder for `<name>.log`. */
  readonly logFolder: string;
  /** The first line of output that says that the process is up. */
  readonly isReady: (line: Readonly<Record<string, unknown>>) => boolean;
  /** Ends the process while it is still starting. */
  readonly signal?: AbortSignal;
}

/** One process of Weir, its output in a file. */
export interface WeirProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** The line that said it was up. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Resolves when it ends for whatever reason. */
  readonly exited: Promise<number | null>;
  /** Resident memory in MB (a million bytes); undefined where the system does not tell. */
  rssMb(): Promise<number | undefined>;
  stop(): Promise<void>;
}

/**
 * Fills the compile cache for commands that are started soon, by asking each for its help: in the first start after a change the
 * type stripper would stay in the process and cost 20 MB. The cache belongs to the flags too.
 */
export async function compileAhead(
  commands: readonly { readonly name: string; readonly nodeFlags: readonly string[] }[],
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(
    commands.map(
      ({ name, nodeFlags }) =>
        new Promise<void>((resolve) => {
          const child = spawn(process.execPath, [...nodeFlags, weir, name, "--help"], { stdio: "ignore", signal });
          child.once("error", () => resolve());
          child.once("close", () => resolve());
        }),
    ),
  );
}

const startTimeoutMs = 30_000;
const stopTimeoutMs = 15_000;

/** Starts `weir <args>` and resolves when it says that it is up; rejects with what it said last when it does not. */
export async function startProcess(options: ProcessOptions): Promise<WeirProcess> {
  options.signal?.throwIfAborted();
  const logFile = join(options.logFolder, `${options.name}.log`);
  const child = spawn(process.execPath, [...(options.nodeFlags ?? []), weir, ...options.args], {
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log = createWriteStream(logFile);
  // A log that cannot be written (a full disk) is no reason to end anything.
  log.on("error", () => undefined);
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
    await exited;
    clearTimeout(late);
  };
  const ready = await untilReady(child, options, exited, logFile).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    name: options.name,
    pid: child.pid ?? 0,
    logFile,
    ready,
    exited,
    rssMb: () => rssMb(child.pid ?? 0),
    stop,
  };
}

function untilReady(
  child: ChildProcess,
  { name, isReady, signal }: ProcessOptions,
  exited: Promise<number | null>,
  logFile: string,
): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const lastWords: string[] = [];
    const settle = (outcome: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      outcome();
    };
    const fail = (why: string): void =>
      settle(() => reject(new Error(`${[`${name} ${why}`, ...lastWords].join(": ")} (log: ${logFile})`)));
    const giveUp = (): void => fail("was interrupted");
    const timer = setTimeout(() => fail(`is not up after ${startTimeoutMs / 1000} s`), startTimeoutMs);
    signal?.addEventListener("abort", giveUp, { once: true });
    void exited.then((code) => fail(`ended with code ${code}`));
    if (child.stdout === null || child.stderr === null) return;
    createInterface({ input: child.stderr }).on("line", (text) => lastWords.splice(0, 1, text));
    createInterface({ input: child.stdout }).on("line", (text) => {
      const line = parse(text);
      if (line !== undefined && isReady(line)) settle(() => resolve(line));
    });
  });
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

async function rssMb(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? undefined : Math.round((Number(kilobytes) * 1024) / 1e6);
}

/** A loopback port that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
