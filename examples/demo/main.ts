import { parseArgs } from "node:util";
import { messageOf } from "../../api/index.ts";
import { type Stack, startStack } from "./stack.ts";
import { tell } from "./story.ts";
import type { Traffic } from "./traffic.ts";
import { jsonView, lineView, screenView, type View } from "./views.ts";
import { startWatcher } from "./watcher.ts";

const help = `weir demo: a good release and a bad one under real traffic, in about a minute

  --json      one JSON object per line; the last one is the summary
  --plain     lines instead of a picture, also in a terminal
  --help      this text

Exit code 1 when anything differs from what should happen.
`;

/** Runs the demo. Resolves with the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  let view: View;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { json: { type: "boolean" }, plain: { type: "boolean" }, help: { type: "boolean" } },
    });
    if (values.help === true) {
      process.stdout.write(help);
      return 0;
    }
    const write = (text: string): void => void process.stdout.write(text);
    view =
      values.json === true
        ? jsonView(write)
        : values.plain !== true && process.stdout.isTTY
          ? screenView(write)
          : lineView(write);
  } catch (error) {
    process.stderr.write(`weir demo: ${messageOf(error)} (see weir demo --help)\n`);
    return 2;
  }
  const interruption = new AbortController();
  const interrupted = Promise.withResolvers<never>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      interrupted.reject(new Error("interrupted"));
      interruption.abort();
    });
  }
  try {
    return await Promise.race([run(view, interruption.signal), interrupted.promise]);
  } catch (error) {
    view.fail(messageOf(error));
    return 1;
  } finally {
    await cleanUp();
  }
}

const undo: (() => Promise<void>)[] = [];

async function cleanUp(): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step().catch(() => undefined);
}

async function run(view: View, signal: AbortSignal): Promise<number> {
  const starting = startStack({ progress: (what) => view.progress(what), signal });
  // Before it is up: an interruption has to wait until a start under way is taken back.
  undo.push(async () => (await starting).stop());
  const stack: Stack = await starting;
  const watcher = startWatcher(stack.cluster, "test", "podinfo");
  undo.push(() => watcher.stop());
  const traffic: Traffic[] = [];
  undo.push(async () => void (await Promise.all(traffic.map((each) => each.stop()))));
  view.follow(watcher, traffic);
  const broken = stack.broken.then((why) => Promise.reject(new Error(why)));
  const outcome = await Promise.race([tell(stack, watcher, view, traffic), broken]);
  const memory: Record<string, number> = {};
  for (const process of stack.processes) memory[process.name] = (await process.rssMb()) ?? 0;
  view.finish(outcome, memory);
  return outcome.problems.length === 0 ? 0 : 1;
}
