/** Startup, readiness and liveness probes: one check against a container, and the loop that repeats it. */
import { request } from "node:http";
import { connect } from "node:net";
import type { Container, IntOrString, Probe } from "../controllers/kinds.ts";
import type { PodNetwork } from "./podNetwork.ts";

/** Undefined when the check succeeded, otherwise why not. */
export type CheckResult = string | undefined;

export interface ProbeTarget {
  readonly address: string;
  readonly network: PodNetwork;
  readonly container: Container;
}

/** One check, bounded by `timeoutSeconds`. */
export async function check(probe: Probe, target: ProbeTarget): Promise<CheckResult> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  if (probe.httpGet !== undefined) {
    const { path = "/", port, scheme = "HTTP", httpHeaders = [] } = probe.httpGet;
    const number = portNumber(port, target.container);
    if (number === undefined) return `couldn't find port: ${port}`;
    if (scheme === "HTTPS")
      return `Get "https://${target.address}:${number}${path}": http: server gave HTTP response to HTTPS client`;
    const headers = Object.fromEntries(httpHeaders.map(({ name, value }) => [name, value]));
    return httpCheck(target, number, path.startsWith("/") ? path : `/${path}`, headers, timeoutMs);
  }
  const tcp = probe.tcpSocket?.port ?? probe.grpc?.port;
  if (tcp !== undefined) {
    const number = portNumber(tcp, target.container);
    return number === undefined ? `couldn't find port: ${tcp}` : tcpCheck(target, number, timeoutMs);
  }
  return execCheck(probe.exec?.command ?? [], target, timeoutMs);
}

function portNumber(port: IntOrString, container: Container): number | undefined {
  if (typeof port === "number") return port;
  return container.ports?.find(({ name }) => name === port)?.containerPort ?? (Number(port) || undefined);
}

function httpCheck(
  { address, network }: ProbeTarget,
  port: number,
  path: string,
  headers: Record<string, string>,
  timeoutMs: number,
): Promise<CheckResult> {
  const url = `http://${address}:${port}${path}`;
  return new Promise((resolve) => {
    const { host, port: realPort } = network.locate(address, port);
    const call = request(
      {
        host,
        port: realPort,
        path,
        agent: false,
        headers: { "user-agent": "kube-probe/1.36", accept: "*/*", ...headers },
      },
      (response) => {
        const code = response.statusCode ?? 0;
        response.resume();
        resolve(code >= 200 && code < 400 ? undefined : `HTTP probe failed with statuscode: ${code}`);
      },
    );
    call.setTimeout(timeoutMs, () => {
      resolve(`Get "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`);
      call.destroy();
    });
    call.on("error", (error: NodeJS.ErrnoException) => resolve(`Get "${url}": ${dialError(address, port, error)}`));
    call.end();
  });
}

function tcpCheck({ address, network }: ProbeTarget, port: number, timeoutMs: number): Promise<CheckResult> {
  return new Promise((resolve) => {
    const socket = connect({ ...network.locate(address, port), timeout: timeoutMs });
    const end = (result: CheckResult): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once("connect", () => end(undefined));
    socket.once("timeout", () => end(`dial tcp ${address}:${port}: i/o timeout`));
    socket.once("error", (error: NodeJS.ErrnoException) => end(dialError(address, port, error)));
  });
}

function dialError(address: string, port: number, error: NodeJS.ErrnoException): string {
  const why = error.code === "ECONNREFUSED" ? "connect: connection refused" : error.message;
  return `dial tcp ${address}:${port}: ${why}`;
}

/** Commands that fetch a URL of the pod really fetch it; `false` and `exit 1` fail; every other one succeeds. */
async function execCheck(command: readonly string[], target: ProbeTarget, timeoutMs: number): Promise<CheckResult> {
  const line = command.join(" ");
  const local = /(?:https?:\/\/)?(?:localhost|127\.0\.0\.1|0\.0\.0\.0):(\d+)(\/[^\s"']*)?/.exec(line);
  if (local !== null && /\b(podcli|curl|wget)\b/.test(line)) {
    return httpCheck(target, Number(local[1]), local[2] ?? "/", {}, timeoutMs);
  }
  return /(^|\s|;)(false|exit [1-9]\d*)(\s|;|$)/.test(line) ? "command failed with exit code 1" : undefined;
}

export interface ProbeLoop {
  stop(): void;
}

export interface ProbeLoopOptions {
  readonly probe: Probe;
  readonly check: () => Promise<CheckResult>;
  /** Told when enough checks in a row agree, the first time and after each change of mind. */
  readonly decided: (healthy: boolean) => void;
  readonly failed: (why: string) => void;
}

/** Checks after the initial delay and then every period until it is stopped. */
export function startProbe({ probe, check, decided, failed }: ProbeLoopOptions): ProbeLoop {
  let stopped = false;
  let decision: boolean | undefined;
  let inARow = 0;
  let last: boolean | undefined;
  const tick = async (): Promise<void> => {
    const why = await check();
    if (stopped) return;
    const healthy = why === undefined;
    inARow = healthy === last ? inARow + 1 : 1;
    last = healthy;
    if (why !== undefined) failed(why);
    const needed = healthy ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
    if (inARow >= needed && decision !== healthy) {
      decision = healthy;
      decided(healthy);
    }
    if (!stopped) timer = setTimeout(() => void tick(), (probe.periodSeconds ?? 10) * 1000);
  };
  let timer = setTimeout(() => void tick(), (probe.initialDelaySeconds ?? 0) * 1000);
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
