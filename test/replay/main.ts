/** Replays every recorded scenario against the sandbox: `npm run replay -- [--json] [SCENARIO …]`. */
import { parseArgs } from "node:util";
import { judge, knownDifferences } from "./knownDifferences.ts";
import { playAll, scenarios } from "./suite.ts";

const atOnce = 8;
const { values, positionals } = parseArgs({ options: { json: { type: "boolean" } }, allowPositionals: true });
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const chosen = scenarios().filter(({ name }) => positionals.length === 0 || positionals.includes(name));
if (chosen.length === 0) throw new Error("there is no recording of that name: name one as in http/table");
const { unlisted, settled, ...counts } = judge(await playAll(chosen, atOnce), knownDifferences());
for (const { scenario, step, about, differences } of unlisted) {
  if (values.json === true) print(JSON.stringify({ scenario, step, about, differences }));
  else print([`${scenario} ${step}: ${about}`, ...differences.map((each) => `    ${each}`)].join("\n"));
}
for (const each of settled)
  print(values.json === true ? JSON.stringify({ settled: each }) : `no longer different: ${each}`);
print(JSON.stringify(counts));
process.exitCode = unlisted.length + settled.length === 0 ? 0 : 1;
