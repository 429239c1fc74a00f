import express, { type Express, type NextFunction, type Request, type Response } from "express";
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { findProgram } from "./command.ts";
import type { Log } from "./log.ts";
import { createRunner, type Runner } from "./runner.ts";
import { canaryOf, type Payload, parsePayload, planTask, type Task } from "./task.ts";

export interface LoadtesterOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The longest that any task may run. */
  readonly timeoutMs: number;
  readonly namespacePattern?: RegExp | undefined;
  readonly log: Log;
}

export interface Loadtester {
  readonly app: Express;
  readonly runner: Runner;
}

const LARGEST_BODY = "1mb";

/** The HTTP side of the load tester: gates, rollback switches, and every other path submits a task. */
export function createLoadtester(options: LoadtesterOptions): Loadtester {
  const { log } = options;
  const env = withStandIns(options.env);
  const meters = createMeters();
  const runner = createRunner({
    env,
    timeoutMs: options.timeoutMs,
    log,
    onEnd: (task, result) => meters.tasks.inc({ type: task.type, result }),
  });
  meters.running(() => runner.running);
  const isAllowed = (payload: Payload): boolean => options.namespacePattern?.test(payload.namespace) ?? true;

  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.all("/healthz", (_, response) => answer(response, 200, "OK"));
  app.all("/metrics", async (_, response) => {
    response.type(meters.registry.contentType).end(await meters.registry.metrics());
  });
  app.all("/gate/approve", (_, response) => answer(response, 200, "OK"));
  app.all("/gate/halt", (_, response) => answer(response, 403, "Forbidden"));
  app.use(express.raw({ type: () => true, limit: LARGEST_BODY }));

  const withPayload =
    (handle: (payload: Payload, response: Response) => void | Promise<void>) =>
    (request: Request, response: Response): void | Promise<void> => {
      const payload = parsePayload(Buffer.isBuffer(request.body) ? request.body.toString("utf8") : "");
      if (payload === undefined) return answer(response, 400, "");
      if (!isAllowed(payload)) return answer(response, 403, "Forbidden");
      return handle(payload, response);
    };

  addSwitch(app, "gate", "", withPayload, log);
  addSwitch(app, "rollback", "rollback.", withPayload, log);
  app.use(withPayload((payload, response) => submit(payload, response, runner, env)));
  app.use((error: Error & { status?: number }, _: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error);
    answer(response, error.status ?? 500, error.status === 413 ? "the request is larger than 1 MiB" : "");
  });
  return { app, runner };
}

async function submit(payload: Payload, response: Response, runner: Runner, env: LoadtesterOptions["env"]) {
  const task = planTask(payload);
  if ("refused" in task) return answer(response, 400, task.refused);
  if (findProgram(task.program, env["PATH"]) === undefined) {
    return answer(response, 400, `${task.program} is not installed where the load tester runs`);
  }
  if (!task.blocking) {
    const started = runner.start(task);
    return started === "full" ? tooMany(response) : answer(response, 202, "");
  }
  const result = await runner.run(task);
  if (result === "full") return tooMany(response);
  if (result.problem === "") return answer(response, 200, task.returnOutput ? result.output : "");
  answer(response, 500, failureText(task, result.output, result.problem));
}

function failureText(task: Task, output: string, problem: string): string {
  return `command ${task.command} failed: ${output}: ${problem}`;
}

function tooMany(response: Response): void {
  answer(response.set("Retry-After", "5"), 429, "too many tasks are running");
}

/** A switch per canary that hooks ask (`check`) and people or scripts turn (`open`, `close`). Closed to begin with. */
function addSwitch(
  app: Express,
  name: "gate" | "rollback",
  prefix: string,
  withPayload: (
    handle: (payload: Payload, response: Response) => void,
  ) => (request: Request, response: Response) => void | Promise<void>,
  log: Log,
): void {
  const open = new Set<string>();
  const keyOf = (payload: Payload): string => `${prefix}${canaryOf(payload)}`;
  app.all(
    `/${name}/check`,
    withPayload((payload, response) => {
      const approved = open.has(keyOf(payload));
      log("info", `${keyOf(payload)} ${name} check: approved ${approved}`);
      answer(response, approved ? 200 : 403, approved ? "Approved" : "Forbidden");
    }),
  );
  for (const turn of ["open", "close"] as const) {
    app.all(
      `/${name}/${turn}`,
      withPayload((payload, response) => {
        if (turn === "open") open.add(keyOf(payload));
        else open.delete(keyOf(payload));
        log("info", `${keyOf(payload)} ${name} ${turn === "open" ? "opened" : "closed"}`);
        answer(response, 202, "");
      }),
    );
  }
}

function answer(response: Response, status: number, text: string): void {
  response.status(status).type("text/plain").end(text);
}

/** Real programs win: ours come last in PATH. */
function withStandIns(env: LoadtesterOptions["env"]): LoadtesterOptions["env"] {
  const path = env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin";
  return { ...env, PATH: `${path}:${new URL("./bin", import.meta.url).pathname}`, WEIR_NODE: process.execPath };
}

function createMeters() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const tasks = new Counter({
    name: "weir_loadtester_tasks_total",
    help: "Tasks that ended, by type and result.",
    labelNames: ["type", "result"],
    registers: [registry],
  });
  return {
    registry,
    tasks,
    running(count: () => number): void {
      new Gauge({
        name: "weir_loadtester_tasks_running",
        help: "Tasks that run now.",
        registers: [registry],
        collect() {
          this.set(count());
        },
      });
    },
  };
}
