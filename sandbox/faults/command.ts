/** `weir sandbox fault`: asks a sandbox that runs for a fault. */
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { parseArgs } from "node:util";
import { load } from "js-yaml";
import { durationMs } from "../node/faults.ts";
import { CATALOG, type FaultName, parseFault } from "./catalog.ts";

const HELP = `weir sandbox fault: breaks something in a sandbox that runs, for a while

usage: weir sandbox fault NAME [--for 10s] [--kubeconfig FILE] [parameters]
       weir sandbox fault --list

  --for DURATION     how long it lasts: 500ms, 10s, 2m (default: 10s, or until it has been met --times)
  --kubeconfig FILE  of the sandbox's administrator (default: $KUBECONFIG)
  --list             every fault with its parameters
  --help             this text

Example: weir sandbox fault fail --code 503 --resource deployments --verb patch --times 3
`;

const ANSWER_WITHIN_MS = 5000;

export async function main(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  try {
    const { positionals, values } = readWords(args);
    if (values["help"] === true) return say(HELP);
    if (values["list"] === true) return say(listOfFaults());
    const [name, ...more] = positionals;
    if (name === undefined || more.length > 0) throw new Error("name one fault (see weir sandbox fault --list)");
    const { for: lasting, kubeconfig, help: _, list: __, ...words } = values;
    const parameters = Object.fromEntries(Object.entries(words).map(([key, value]) => [parameterOf(key), value]));
    const { name: __name, ...fault } = parseFault(name, parameters);
    const forMs = lasting === undefined ? undefined : durationMs(String(lasting));
    if (lasting !== undefined && forMs === undefined) throw new Error(`--for must be a duration such as 10s`);
    const access = readAccess(String(kubeconfig ?? environment["KUBECONFIG"] ?? ""));
    const answer = await ask(access, { name, ...fault, ...(forMs === undefined ? {} : { forMs }) });
    return say(answer.over === true ? `${name}: done\n` : `${name}: for ${(answer.forMs ?? 0) / 1000} s\n`);
  } catch (error) {
    process.stderr.write(`weir sandbox fault: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

function readWords(args: readonly string[]): ReturnType<typeof parseArgs> {
  const text = { type: "string" } as const;
  const parameters = new Set(Object.values(CATALOG).flatMap((entry) => Object.keys(entry.parameters)));
  const flags = Object.fromEntries([...parameters].map((key) => [flagOf(key), text]));
  const switches = { list: { type: "boolean" }, help: { type: "boolean" } } as const;
  const options = { ...flags, for: text, kubeconfig: text, ...switches };
  return parseArgs({ args: [...args], allowPositionals: true, options });
}

/** `retryAfterSeconds` as `retry-after-seconds`. */
function flagOf(parameter: string): string {
  return parameter.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function parameterOf(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function listOfFaults(): string {
  const lines = (Object.keys(CATALOG) as FaultName[]).map((name) => {
    const { what, parameters } = CATALOG[name];
    const flags = Object.entries(parameters).map(([key, { required }]) =>
      required ? `--${flagOf(key)} …` : `[--${flagOf(key)} …]`,
    );
    return `${name.padEnd(17)} ${what}${flags.length === 0 ? "" : `  ${flags.join(" ")}`}`;
  });
  return `${lines.join("\n")}\n`;
}

interface Access {
  readonly server: string;
  readonly ca: string;
  readonly token: string;
}

/** Only what a sandbox writes into its kubeconfigs: one cluster, one user with a token. */
function readAccess(path: string): Access {
  if (path === "") throw new Error("name the sandbox's kubeconfig with --kubeconfig, or set KUBECONFIG");
  const config = load(readFileSync(path, "utf8")) as {
    clusters?: { name: string; cluster: { server: string; "certificate-authority-data": string } }[];
    users?: { user: { token?: string } }[];
  } | null;
  const cluster = config?.clusters?.[0];
  const token = config?.users?.[0]?.user.token;
  // Somebody else's cluster must not even be asked.
  if (cluster?.name !== "weir-sandbox" || token === undefined) {
    throw new Error(`${path} was not written by a sandbox: see what weir sandbox printed as kubeconfig`);
  }
  const ca = Buffer.from(cluster.cluster["certificate-authority-data"], "base64").toString();
  return { server: cluster.cluster.server, ca, token };
}

function ask({ server, ca, token }: Access, fault: unknown): Promise<{ over?: boolean; forMs?: number }> {
  const body = JSON.stringify(fault);
  const headers = {
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const call = request(
      `${server}/sandbox/faults`,
      { method: "POST", ca, headers, signal, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          const document = text.startsWith("{") ? JSON.parse(text) : { message: text.trim() };
          if (response.statusCode === 201) resolve(document);
          else reject(new Error(`${server} answered ${response.statusCode}: ${document.message}`));
        });
      },
    );
    call.on("error", (error) => reject(new Error(`no sandbox answers at ${server}: ${error.message}`)));
    call.end(body);
  });
}
