import { request } from "undici";
import type { ReleaseCluster } from "./cluster.ts";

/** One answer that a client got. */
export interface Reply {
  /** Milliseconds since the epoch at which it was asked for. */
  readonly sentAt: number;
  readonly status: number;
  /** Which version of the application answered, when it said so. */
  readonly version: string | undefined;
  /** The cookies that went with the request. */
  readonly carried: Readonly<Record<string, string>>;
  readonly setCookie: readonly string[];
}

/** One browser: asks again and again, one request at a time, and keeps its cookies as long as they live. */
export interface Browser {
  readonly replies: readonly Reply[];
  /** What it would carry now. */
  cookies(): Readonly<Record<string, string>>;
  /** Resolves with the first reply after which `is` holds. */
  until(what: string, is: (reply: Reply) => boolean): Promise<Reply>;
  stop(): Promise<void>;
}

export interface BrowserOptions {
  readonly host: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly everyMs?: number;
}

const patienceMs = 40_000;

/** Opens a browser on the gateway; it is closed with the cluster. */
export function openBrowser(cluster: ReleaseCluster, options: BrowserOptions): Browser {
  const gateway = cluster.sandbox.network.gateways().find(({ namespace }) => namespace === "istio-ingress");
  if (gateway === undefined) throw new Error("the gateway does not listen");
  const url = new URL(options.path ?? "/", gateway.url).href;
  const jar = new Map<string, { readonly value: string; readonly until: number }>();
  const replies: Reply[] = [];
  const waiting = new Set<(reply: Reply) => void>();
  let stopped = false;
  const cookies = (): Record<string, string> =>
    Object.fromEntries(
      [...jar].filter(([, { until }]) => until > Date.now()).map(([name, { value }]) => [name, value]),
    );
  const browse = async (): Promise<void> => {
    while (!stopped) {
      const reply = await ask(url, options, cookies());
      for (const line of reply.setCookie) keep(jar, line, Date.now());
      replies.push(reply);
      for (const look of waiting) look(reply);
      await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 50));
    }
  };
  const browsing = browse();
  const stop = async (): Promise<void> => {
    stopped = true;
    await browsing;
  };
  const until: Browser["until"] = (what, is) =>
    new Promise((resolve, reject) => {
      const look = (reply: Reply): void => {
        if (is(reply)) end(() => resolve(reply));
      };
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        waiting.delete(look);
        settle();
      };
      const fail = (): void => reject(new Error(`${options.host}: waited ${patienceMs / 1000} s in vain for ${what}`));
      const timer = setTimeout(() => end(fail), patienceMs);
      waiting.add(look);
    });
  cluster.atEnd.push(stop);
  return { replies, cookies, until, stop };
}

async function ask(url: string, options: BrowserOptions, carried: Record<string, string>): Promise<Reply> {
  const sentAt = Date.now();
  const cookie = Object.entries(carried).map(([name, value]) => `${name}=${value}`);
  const { statusCode, headers, body } = await request(url, {
    headers: { ...options.headers, host: options.host, ...(cookie.length > 0 ? { cookie: cookie.join("; ") } : {}) },
  });
  const version = /"version":\s*"([^"]+)"/.exec(await body.text())?.[1];
  return { sentAt, status: statusCode, version, carried, setCookie: [headers["set-cookie"] ?? []].flat() };
}

function keep(jar: Map<string, { value: string; until: number }>, line: string, now: number): void {
  const [pair = "", ...attributes] = line.split("; ");
  const [name = "", value = ""] = pair.split("=");
  const seconds = Number(attributes.find((each) => each.startsWith("Max-Age="))?.slice("Max-Age=".length));
  if (seconds > 0) jar.set(name, { value, until: now + seconds * 1000 });
  else jar.delete(name);
}
