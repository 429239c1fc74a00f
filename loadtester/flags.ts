import { parseDuration } from "./duration.ts";
import { isLogLevel, type LogLevel } from "./log.ts";

export interface Flags {
  readonly port: number;
  readonly logLevel: LogLevel;
  /** The longest that any task may run. */
  readonly timeoutMs: number;
  /** Only namespaces in which this is found may ask for something. */
  readonly namespacePattern: RegExp | undefined;
}

export const USAGE = `The load tester answers the webhooks of canaries: it runs load tests, acceptance commands and gates.

usage: weir loadtester [flags]

  -port <number>              port to listen on (default 9090)
  -timeout <duration>         longest run of any task, such as 30m (default 1h)
  -log-level <level>          debug, info, warn or error (default debug)
  -namespace-regexp <regexp>  serve only canaries of namespaces in which this is found
  -help                       this text

Flags take one dash or two, and their value after a blank or an equals sign.
`;

const DEFAULTS: Flags = { port: 9090, logLevel: "debug", timeoutMs: 3_600_000, namespacePattern: undefined };

// Flags of the program that people's manifests were written for; they choose an encoding that we don't have.
const IGNORED = new Set(["zap-encoding", "zap-replace-globals"]);

/** What the command line says: flags, a wish for help, or the sentence that says what is wrong. */
export function parseFlags(args: readonly string[]): Flags | "help" | { readonly problem: string } {
  let flags = DEFAULTS;
  for (let index = 0; index < args.length; index += 1) {
    const match = /^--?([a-z][a-z-]*)(?:=(.*))?$/s.exec(args[index] ?? "");
    if (match === null) return { problem: `unexpected argument ${JSON.stringify(args[index])}` };
    const name = match[1] ?? "";
    if (name === "help" || name === "h") return "help";
    let value = match[2];
    if (value === undefined) {
      index += 1;
      value = args[index];
    }
    if (value === undefined) return { problem: `flag -${name} needs a value` };
    if (IGNORED.has(name)) continue;
    const read = readFlag(name, value);
    if (typeof read === "string") return { problem: read };
    flags = { ...flags, ...read };
  }
  return flags;
}

function readFlag(name: string, value: string): Partial<Flags> | string {
  switch (name) {
    case "port": {
      const port = /^\d+$/.test(value) ? Number(value) : Number.NaN;
      return port <= 65_535 ? { port } : `-port ${value}: not a port number`;
    }
    case "timeout": {
      const timeoutMs = parseDuration(value);
      return timeoutMs !== undefined && timeoutMs > 0 ? { timeoutMs } : `-timeout ${value}: not a duration such as 30m`;
    }
    case "log-level":
      return isLogLevel(value) ? { logLevel: value } : `-log-level ${value}: not one of debug, info, warn, error`;
    case "namespace-regexp":
      try {
        return { namespacePattern: value === "" ? undefined : new RegExp(value) };
      } catch {
        return `-namespace-regexp ${value}: not a regular expression`;
      }
    default:
      return `unknown flag -${name}`;
  }
}
