import { parseArgs } from "node:util";
import { messageOf } from "../../api/index.ts";
import { measureAdmission } from "./admission.ts";
import { measureAdmissionMemory } from "./admissionMemory.ts";
import { measureController } from "./controller.ts";
import { measureLoad } from "./sandboxLoad.ts";

/** One line of figures; the first field says what was measured. */
type Line = Readonly<Record<string, string | number>>;
/** What takes minutes says in between what it is about. */
type Bench = (print: (line: Line) => void, say: (what: string) => void) => Promise<void>;

const benches: Readonly<Record<string, Bench>> = {
  admission: measureAdmission,
  admissionMemory: measureAdmissionMemory,
  controller: measureController,
  async sandbox(print) {
    const load = { deployments: 10_000, watches: 200, writesPerSecond: 500, seconds: 5 };
    const { deployments, watches, writesPerSecond: writesAskedPerSecond } = load;
    const { start, shapes } = await measureLoad(load);
    print({ bench: "sandbox", deployments, ...start });
    for (const [watching, figures] of Object.entries(shapes)) {
      print({ bench: "sandbox", deployments, watches, watching, writesAskedPerSecond, ...figures });
    }
  },
};

const help = `npm run bench [-- name…] [--json]: figures, as JSON lines

  ${Object.keys(benches).join(", ")}; all of them when none is named
  --json   nothing but the lines: no word on standard error about what is being measured, unless that is a terminal
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: "boolean" }, help: { type: "boolean" } },
  });
  const unknown = positionals.filter((name) => !Object.hasOwn(benches, name));
  if (values.help === true || unknown.length > 0) {
    (unknown.length > 0 ? process.stderr : process.stdout).write(help);
    return unknown.length > 0 ? 2 : 0;
  }
  for (const [name, bench] of Object.entries(benches)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    const say = (what: string): void => {
      if (values.json !== true || process.stderr.isTTY) process.stderr.write(`${what}\n`);
    };
    say(`measuring ${name}`);
    await bench((line) => void process.stdout.write(`${JSON.stringify(line)}\n`), say);
  }
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
