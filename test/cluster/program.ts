/** Runs programs that nobody here wrote. */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Invocation {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Told of what the program has written so far, and may end it with `SIGINT`. */
  readonly watching?: (stdout: string, stderr: string, end: () => void) => void;
}

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  /** `killed` when it was ended from outside, whatever it made of that. */
  readonly exit: number | "killed";
}

const timeLimitMs = 30_000;

/** Runs a program to its end; after 30 s it is killed. Nothing of our own environment but PATH reaches it. */
export async function run(invocation: Invocation): Promise<Ended> {
  const { program, args, cwd, env, input, watching } = invocation;
  const child = spawn(program, args, {
    env: { PATH: process.env["PATH"] ?? "", LANG: "C", TZ: "UTC", NO_PROXY: "*", ...env },
    ...(cwd === undefined ? {} : { cwd }),
    stdio: "pipe",
    timeout: timeLimitMs,
    killSignal: "SIGKILL",
  });
  let interrupted = false;
  const end = (): void => {
    interrupted = true;
    child.kill("SIGINT");
  };
  const look = (): void => watching?.(stdout.join(""), stderr.join(""), end);
  const stdout = collect(child.stdout, look);
  const stderr = collect(child.stderr, look);
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const exit = await ended(child);
  return { stdout: stdout.join(""), stderr: stderr.join(""), exit: interrupted ? "killed" : exit };
}

/** Where programs are that were fetched or built for the tests only. */
export const tools = fileURLToPath(new URL("../../.weir/tools/", import.meta.url));

/** Where a program is: the path that an environment variable names, else the first of that name in PATH. */
export function findProgram(name: string, searchPath = process.env["PATH"] ?? ""): string | undefined {
  const candidates = name.includes("/") ? [name] : searchPath.split(delimiter).map((folder) => join(folder, name));
  return candidates.find(isExecutable);
}

/** A current kubectl: the one that was built for the tests, else the first in PATH, whatever its age. */
export const currentKubectl = (): string | undefined =>
  findProgram(process.env["WEIR_KUBECTL"] ?? join(tools, "kubectl")) ??
  (process.env["WEIR_KUBECTL"] === undefined ? findProgram("kubectl") : undefined);

/** How to get it. */
export const kubectlRemedy =
  "let WEIR_KUBECTL name a kubectl, or build one: cd .ci/kubectl && go build -o ../../.weir/tools/kubectl .";

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function collect(stream: NodeJS.ReadableStream, look: () => void): string[] {
  const parts: string[] = [];
  stream.setEncoding("utf8");
  stream.on("data", (part: string) => {
    parts.push(part);
    look();
  });
  return parts;
}

function ended(child: ChildProcess): Promise<number | "killed"> {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? "killed"));
  });
}
