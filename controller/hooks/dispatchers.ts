import { type Dispatcher, EnvHttpProxyAgent } from "undici";

/** How programs outside the cluster's API are reached: hooks, metrics systems. One per process. */
export interface Dispatchers {
  readonly verified: Dispatcher;
  /** Accepts any server certificate, for who asked for that. Goes through the same proxies. */
  readonly unverified: Dispatcher;
  close(): Promise<void>;
}

/** Honours HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the given environment, in either case. A URL that is no URL throws. */
export function createDispatchers(env: Readonly<Record<string, string | undefined>>): Dispatchers {
  const read = (name: string): string => env[name.toLowerCase()] ?? env[name] ?? "";
  // Empty texts keep the agent from looking into the process's own environment.
  const proxies = { httpProxy: read("HTTP_PROXY"), httpsProxy: read("HTTPS_PROXY"), noProxy: read("NO_PROXY") };
  // Every exchange has a deadline of its own, so the agent's timers would only cut long hooks short.
  const timers = { headersTimeout: 0, bodyTimeout: 0 };
  const lax = { rejectUnauthorized: false };
  const verified = new EnvHttpProxyAgent({ ...proxies, ...timers });
  const unverified = new EnvHttpProxyAgent({ ...proxies, ...timers, connect: lax, requestTls: lax });
  return {
    verified,
    unverified,
    async close() {
      await Promise.all([verified.destroy(), unverified.destroy()]);
    },
  };
}
