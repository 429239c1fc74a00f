import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { messageOf, type WeirError } from "../api/index.ts";
import { createLineWriter, createLogger, type Logger } from "./kube/log.ts";
import { type Running, startController } from "./run.ts";
import { help, parseSettings, type Settings } from "./settings.ts";

/** The controller process. Resolves with the exit code when it is told to stop, loses its lease or cannot start. */
export async function main(args: readonly string[], version: string): Promise<number> {
  let settings: Settings | "help" | "version";
  try {
    settings = parseSettings(args, process.env);
  } catch (error) {
    process.stderr.write(`weir controller: ${messageOf(error)}\n`);
    return 2;
  }
  if (typeof settings === "string") {
    process.stdout.write(settings === "help" ? help : `${version}\n`);
    return 0;
  }
  const log = createLogger({ level: settings.logLevel, write: createLineWriter(process.stdout).write });
  const ended = Promise.withResolvers<number>();
  process.once("SIGTERM", () => ended.resolve(0));
  process.once("SIGINT", () => ended.resolve(0));
  const identity = `${hostname()}_${randomUUID()}`;
  const running = await start(settings, version, identity, log, () => ended.resolve(1));
  if (running === undefined) return 1;
  const code = await ended.promise;
  // A lost lease leaves no time to tidy up: somebody else leads already.
  if (code === 0) await running.stop();
  return code;
}

async function start(
  settings: Settings,
  version: string,
  identity: string,
  log: Logger,
  onLost: () => void,
): Promise<Running | undefined> {
  try {
    return await startController({ settings, version, identity, log, env: process.env, onLost });
  } catch (error) {
    log.error("cannot start", { error: messageOf(error), code: (error as Partial<WeirError>).code });
    process.stderr.write(`weir controller: ${messageOf(error)}\n`);
    return undefined;
  }
}
