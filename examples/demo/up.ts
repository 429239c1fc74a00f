import { parseArgs } from "node:util";
import { messageOf } from "../../api/index.ts";
import { startStack } from "./stack.ts";

const help = `weir up: a cluster in one process with Weir on it, until Ctrl-C

  --provider NAME   provider of canaries that name none (gatewayapi:v1)
  --port N          port of the API server (any free one)
  --json            print one JSON line with the addresses instead of text
  --help            this text
`;

/** Starts everything and stays. Resolves with the exit code when it is told to stop or a process breaks. */
export async function main(args: readonly string[]): Promise<number> {
  const stopped = Promise.withResolvers<undefined>();
  const interruption = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      stopped.resolve(undefined);
      interruption.abort();
    });
  }
  let flags: ReturnType<typeof readFlags>;
  try {
    flags = readFlags(args);
  } catch (error) {
    process.stderr.write(`weir up: ${messageOf(error)} (see weir up --help)\n`);
    return 2;
  }
  if (flags.help === true) {
    process.stdout.write(help);
    return 0;
  }
  try {
    const progress = (what: string): void => void (flags.json === true || process.stdout.write(`starting ${what}\n`));
    const stack = await startStack({
      progress,
      signal: interruption.signal,
      ...(flags.provider === undefined ? {} : { provider: flags.provider }),
      ...(flags.port === undefined ? {} : { port: Number(flags.port) }),
    });
    const { kubeconfig, proxyUrl, metricsUrl, logFolder } = stack;
    process.stdout.write(
      flags.json === true
        ? `${JSON.stringify({ kubeconfig, proxy: proxyUrl, metrics: metricsUrl, logs: logFolder })}\n`
        : welcome(kubeconfig, proxyUrl, metricsUrl, logFolder),
    );
    const broken = await Promise.race([stack.broken, stopped.promise]);
    await stack.stop();
    if (broken === undefined) return 0;
    process.stderr.write(`weir up: ${broken}\n`);
    return 1;
  } catch (error) {
    if (interruption.signal.aborted) return 0;
    process.stderr.write(`weir up: ${messageOf(error)}\n`);
    return 1;
  }
}

function readFlags(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      provider: { type: "string" },
      port: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  }).values;
}

function welcome(kubeconfig: string, proxyUrl: string, metricsUrl: string, logFolder: string): string {
  return `
The cluster is up and Weir runs on it. Ctrl-C ends both.

  logs         ${logFolder}
  metrics      ${metricsUrl}
  cluster DNS  http_proxy=${proxyUrl} curl http://podinfo.test:9898/

Try this in another terminal:

  export KUBECONFIG=${kubeconfig}
  kubectl apply -f examples/gatewayapi
  kubectl -n test wait canary/podinfo --for=condition=promoted
  kubectl -n test set image deployment/podinfo podinfod=stefanprodan/podinfo:6.0.1
  watch kubectl -n test get canaries
  kubectl -n test describe canary podinfo

A release that goes wrong: podinfod=stefanprodan/podinfo:6.0.2-error (or -slow, -crash, -fail-readiness).
Traffic for the analysis comes from the canary's load-test hook.
`;
}
