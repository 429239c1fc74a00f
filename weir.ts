import { readFileSync } from "node:fs";
import { join } from "node:path";

const help = `weir: progressive delivery for Kubernetes

  weir server      the admission webhook
  weir controller  advances, promotes and takes back releases
  weir loadtester  the target of the hooks in the guides: load, acceptance tests, gates
  weir sandbox     a Kubernetes cluster in one process
  weir up          sandbox, server, controller and loadtester together, to try things by hand
  weir doctor      what is wrong with an installation, and what to do
  weir providers   what each provider of traffic can do
  weir demo        a good release and a bad one under real traffic, in about a minute

Each takes --help.
`;

/** Commands are loaded when asked for: a process holds only the rooms it needs. */
const commands: Readonly<
  Record<string, () => Promise<{ main: (args: string[], version: string) => Promise<number> }>>
> = {
  server: () => import("./server/main.ts"),
  controller: () => import("./controller/main.ts"),
  loadtester: () => import("./loadtester/main.ts"),
  sandbox: () => import("./sandbox/main.ts"),
  up: () => import("./examples/demo/up.ts"),
  doctor: () => import("./doctor/main.ts"),
  providers: () => import("./manifests/providers.ts"),
  demo: () => import("./examples/demo/main.ts"),
};

const version = String(JSON.parse(readFileSync(join(import.meta.dirname, "package.json"), "utf8")).version);
// A full disk or a reader that is gone must not end a process: what cannot be said is dropped.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
const [name = "", ...args] = process.argv.slice(2);
const command = commands[name];
if (command !== undefined) {
  // What a command leaves running (watches, after a start that failed or a lease that was lost) must not keep the process alive.
  process.exit(await (await command()).main(args, version));
} else if (name === "--version" || name === "version") {
  process.stdout.write(`${version}\n`);
} else {
  const asked = name === "" || name === "--help" || name === "help";
  (asked ? process.stdout : process.stderr).write(asked ? help : `weir: no command ${JSON.stringify(name)}\n\n${help}`);
  process.exitCode = asked ? 0 : 2;
}
