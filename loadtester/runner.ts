import { type CommandResult, runCommand } from "./command.ts";
import type { Log } from "./log.ts";
import type { Task } from "./task.ts";

export interface RunnerOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
  readonly log: Log;
  /** Told of every task that ended. */
  readonly onEnd?: (task: Task, result: "succeeded" | "failed", seconds: number) => void;
}

/** Runs tasks. All state is in memory: after a restart nothing runs. */
export interface Runner {
  /** In the background, unless the same command of the same canary is still running. */
  start(task: Task): "started" | "running" | "full";
  /** Waits for its end. */
  run(task: Task): Promise<CommandResult | "full">;
  readonly running: number;
  /** Kills what runs and waits until it is gone. */
  stop(): Promise<void>;
}

// A canary has a handful of hooks. More than this at once is a mistake or an attack, and would only be swapping.
const MOST_TASKS = 200;

export function createRunner(options: RunnerOptions): Runner {
  const { log } = options;
  const stopping = new AbortController();
  const background = new Set<string>();
  const running = new Set<Promise<unknown>>();

  const execute = async (task: Task): Promise<CommandResult> => {
    const startedAt = performance.now();
    const { canary, command } = task;
    const { program, args } = task;
    const { env, timeoutMs } = options;
    const ended = runCommand({ program, args, env, timeoutMs, signal: stopping.signal });
    running.add(ended);
    const result = await ended;
    running.delete(ended);
    const seconds = (performance.now() - startedAt) / 1000;
    const output = task.logOutput || result.problem !== "" ? { output: result.output } : {};
    if (result.problem === "") log("info", `command finished ${command}`, { canary, seconds, ...output });
    else log("error", `command failed ${command}`, { canary, seconds, error: result.problem, ...output });
    options.onEnd?.(task, result.problem === "" ? "succeeded" : "failed", seconds);
    return result;
  };

  const isFull = (): boolean => running.size >= MOST_TASKS || stopping.signal.aborted;

  return {
    start(task) {
      const key = JSON.stringify([task.canary, task.command]);
      if (background.has(key)) {
        log("info", `command skipped ${task.command} is already running`, { canary: task.canary });
        return "running";
      }
      if (isFull()) return "full";
      background.add(key);
      log("info", `task starting ${task.command}`, { canary: task.canary });
      execute(task).then(
        () => background.delete(key),
        (error: unknown) => {
          background.delete(key);
          log("error", "task could not be run", { canary: task.canary, error: String(error) });
        },
      );
      return "started";
    },
    async run(task) {
      if (isFull()) return "full";
      log("info", `running command ${task.type} ${task.command}`, { canary: task.canary });
      return execute(task);
    },
    get running() {
      return running.size;
    },
    async stop() {
      stopping.abort();
      await Promise.all(running);
    },
  };
}
