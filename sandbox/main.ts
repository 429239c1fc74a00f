import { openSync, writeSync } from "node:fs";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import type { Audit } from "./apiserver/audit.ts";
import { main as runFault } from "./faults/command.ts";
import type { GatewayAddress } from "./network/gateways.ts";
import { type Sandbox, type SandboxOptions, startSandbox } from "./start.ts";

const HELP = `weir sandbox: a Kubernetes cluster in one process

usage: weir sandbox [options]
       weir sandbox fault NAME [options]   breaks something in one that runs (see weir sandbox fault --help)

  --port PORT          port of the API server (default: any free one)
  --kubeconfig FILE    where to write the kubeconfig (default: a temporary file)
  --user NAME          write a kubeconfig for this user too, who may do what is bound to the name (RBAC); may be repeated
  --data DIR           keep the state in this folder, for the next start (default: in memory); give --port as well, so that
                       clients find it again
  --nodes N            number of nodes (default: 1)
  --audit-log FILE     append a line of JSON for every write, with what webhooks said for the audit log (audit.k8s.io/v1)
  --no-prometheus      answer metrics queries from the embedded store, even when the program prometheus is installed
  --json               print one line of JSON with the addresses instead of text
  --verbose            log to stderr, as JSON lines
  --help               this text

It runs until SIGINT or SIGTERM and leaves nothing behind but DIR.
`;

interface Flags {
  readonly options: SandboxOptions;
  readonly json: boolean;
  readonly help: boolean;
}

/** Runs a cluster until a signal comes. Resolves with the exit code. */
export async function main(args: string[]): Promise<number> {
  if (args[0] === "fault") return await runFault(args.slice(1), process.env);
  let flags: Flags;
  try {
    flags = readFlags(args, process.env["PATH"] ?? "");
  } catch (error) {
    return fail(`${messageOf(error)} (see weir sandbox --help)`);
  }
  if (flags.help) {
    process.stdout.write(HELP);
    return 0;
  }
  // Of a heap of objects that stay, V8 would let the same amount of garbage grow: a laptop has better uses for that memory.
  setFlagsFromString("--heap-growing-percent=25");
  const signal = untilSignal();
  let sandbox: Sandbox;
  try {
    sandbox = await startSandbox({ ...flags.options, ...(flags.json ? {} : { gatewayOpened: tellGateway }) });
  } catch (error) {
    return fail(explain(error, flags.options));
  }
  await announce(sandbox, flags.json);
  // Nor does the room for new objects have to grow beyond what the start needed: it would take 130 MB, and stay.
  setFlagsFromString("--semi-space-growth-factor=1");
  await signal;
  await sandbox.stop();
  return 0;
}

function readFlags(args: string[], searchPath: string): Flags {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: "string" },
      kubeconfig: { type: "string" },
      user: { type: "string", multiple: true, default: [] },
      data: { type: "string" },
      "audit-log": { type: "string" },
      nodes: { type: "string", default: "1" },
      "no-prometheus": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      verbose: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const port = values.port === undefined ? undefined : Number(values.port);
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw new Error(`--port must be a number from 0 to 65535, not ${values.port}`);
  }
  const nodes = Number(values.nodes);
  if (!(Number.isInteger(nodes) && nodes >= 1 && nodes <= 50)) {
    throw new Error(`--nodes must be a number from 1 to 50, not ${values.nodes}`);
  }
  const options: SandboxOptions = {
    nodes,
    ...(port === undefined ? {} : { port }),
    ...(values.data === undefined ? {} : { data: values.data }),
    ...(values.kubeconfig === undefined ? {} : { kubeconfig: values.kubeconfig }),
    users: values.user,
    ...(values["audit-log"] === undefined ? {} : { audited: auditInto(values["audit-log"]) }),
    ...(values["no-prometheus"] ? {} : { searchPath }),
    ...(values.verbose ? { log: (line) => process.stderr.write(`${JSON.stringify(line)}\n`) } : {}),
  };
  return { options, json: values.json, help: values.help };
}

function auditInto(file: string): Audit {
  const log = openSync(file, "a", 0o600);
  return (event) => void writeSync(log, `${JSON.stringify(event)}\n`);
}

async function announce(sandbox: Sandbox, json: boolean): Promise<void> {
  const { apiServer, network, metrics, kubeconfigPath } = sandbox;
  const traefik = network.gateways().find((gateway) => gateway.name === "traefik");
  if (json) {
    const line = {
      kubeconfig: kubeconfigPath,
      users: sandbox.users,
      apiServer: apiServer.url,
      proxy: network.proxyUrl,
      gateways: network.gateways(),
      metrics: metrics.url,
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
    return;
  }
  process.stdout.write(`The sandbox is up. Ctrl-C ends it.

  kubeconfig   ${kubeconfigPath}
  API server   ${apiServer.url}
  metrics      ${metrics.url} (${await metrics.backend})
  Traefik      ${traefik?.url ?? "-"}
  cluster DNS  http_proxy=${network.proxyUrl}, for http://service.namespace:port/

  export KUBECONFIG=${kubeconfigPath}
  kubectl get nodes

A Gateway of class istio gets a port of its own, which is told here.
`);
}

function tellGateway({ namespace, name, url }: GatewayAddress): void {
  process.stdout.write(`Gateway ${namespace}/${name} listens: curl -H 'Host: www.example.com' ${url}/\n`);
}

/** Resolves at the first SIGINT or SIGTERM. A second one ends the process at once, as people expect of Ctrl-C. */
function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    const first = (): void => {
      resolve();
      for (const name of ["SIGINT", "SIGTERM"] as const) process.removeListener(name, first);
    };
    for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, first);
  });
}

function explain(error: unknown, options: SandboxOptions): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === "EADDRINUSE")
    return `port ${options.port} is in use: choose another with --port, or leave it out for a free one`;
  if (code === "EACCES" && options.port !== undefined)
    return `port ${options.port} may not be opened: choose one above 1023`;
  return messageOf(error);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function fail(message: string): number {
  process.stderr.write(`weir sandbox: ${message}\n`);
  return 1;
}
