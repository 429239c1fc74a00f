import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export interface CommandResult {
  /** Standard output and error, as they came. The middle of a very long output is left out. */
  readonly output: string;
  /** Empty when the command succeeded, else such as `exit status 1`. */
  readonly problem: string;
}

export interface CommandOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
  /** Kills the command with all that it started. */
  readonly signal: AbortSignal;
}

const KEPT_OUTPUT_BYTES = 512 * 1024;
const TERM_GRACE_MS = 2000;

/** Runs a command in a process group of its own, so that its end takes along whatever it started. Never rejects. */
export function runCommand(options: CommandOptions): Promise<CommandResult> {
  const output = createOutput();
  const child = spawn(options.program, options.args, {
    env: options.env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.on("data", output.add);
  child.stderr.on("data", output.add);
  return new Promise((resolve) => {
    let reason = "";
    let escalation: NodeJS.Timeout | undefined;
    const finish = (problem: string): void => {
      clearTimeout(limit);
      clearTimeout(escalation);
      options.signal.removeEventListener("abort", stop);
      resolve({ output: output.text(), problem: reason || problem });
    };
    const kill = (why: string): void => {
      reason ||= why;
      signalGroup(child, "SIGTERM");
      escalation ??= setTimeout(() => {
        signalGroup(child, "SIGKILL");
        // A process that left the group may hold the pipes open for ever.
        child.stdout.destroy();
        child.stderr.destroy();
      }, TERM_GRACE_MS);
    };
    const stop = (): void => kill("stopped: the load tester is shutting down");
    const limit = setTimeout(
      () => kill(`killed after ${options.timeoutMs / 1000} s (see -timeout)`),
      options.timeoutMs,
    );
    if (options.signal.aborted) stop();
    options.signal.addEventListener("abort", stop, { once: true });
    child.on("error", (error) => finish(error.message));
    child.on("close", (code, signal) => {
      // What the command left in the background would otherwise outlive its load test.
      if (reason !== "") signalGroup(child, "SIGKILL");
      finish(signal === null ? (code === 0 ? "" : `exit status ${code}`) : `signal: ${signal}`);
    });
  });
}

/** The first folder of PATH that has the program, or undefined. */
export function findProgram(program: string, path: string | undefined): string | undefined {
  for (const folder of (path ?? "").split(delimiter)) {
    const file = join(folder, program);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}

function createOutput() {
  let head: Buffer[] = [];
  let headBytes = 0;
  let tail: Buffer[] = [];
  let tailBytes = 0;
  let left = 0;
  return {
    add(chunk: Buffer): void {
      if (headBytes < KEPT_OUTPUT_BYTES) {
        head.push(chunk);
        headBytes += chunk.length;
        return;
      }
      tail.push(chunk);
      tailBytes += chunk.length;
      while (tailBytes > KEPT_OUTPUT_BYTES && tail.length > 1) {
        const gone = tail.shift()?.length ?? 0;
        tailBytes -= gone;
        left += gone;
      }
    },
    text(): string {
      const gap = left === 0 ? [] : [Buffer.from(`\n(${left} bytes left out)\n`)];
      const text = Buffer.concat([...head, ...gap, ...tail]).toString("utf8");
      head = [];
      tail = [];
      return text;
    },
  };
}
