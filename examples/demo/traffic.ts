import { Agent } from "undici";

/** One answered (or failed) request. */
export interface Hit {
  /** Milliseconds since the epoch at which it was sent. */
  readonly sentAt: number;
  readonly ok: boolean;
  /** HTTP status, or the error's code. */
  readonly outcome: number | string;
  readonly milliseconds: number;
  /** Which version of the application answered, when it said so. */
  readonly version: string | undefined;
}

/** Steady requests to one address until stopped: one every `everyMs`, whether or not the last one was answered. */
export interface Traffic {
  readonly hits: readonly Hit[];
  stop(): Promise<void>;
}

export interface TrafficOptions {
  readonly url: string;
  /** A forward proxy that knows the name in `url`. */
  readonly proxy?: string;
  readonly host: string;
  readonly everyMs: number;
}

export function startTraffic(options: TrafficOptions): Traffic {
  const agent = new Agent({ connections: 16, headersTimeout: 10_000, bodyTimeout: 10_000 });
  const hits: Hit[] = [];
  const open = new Set<Promise<void>>();
  const send = (): void => {
    const sent = hit(agent, options).then((result) => {
      hits.push(result);
      open.delete(sent);
    });
    open.add(sent);
  };
  const timer = setInterval(send, options.everyMs);
  return {
    hits,
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      await agent.close();
    },
  };
}

async function hit(agent: Agent, options: TrafficOptions): Promise<Hit> {
  const sentAt = Date.now();
  const started = performance.now();
  const done = (ok: boolean, outcome: number | string, version?: string): Hit => ({
    sentAt,
    ok,
    outcome,
    milliseconds: performance.now() - started,
    version,
  });
  try {
    const where = options.proxy === undefined ? new URL(options.url) : { origin: options.proxy, path: options.url };
    const { statusCode, body } = await agent.request({
      origin: where.origin,
      path: "path" in where ? where.path : where.pathname,
      method: "GET",
      headers: { host: options.host },
    });
    const version = /"version":\s*"([^"]+)"/.exec(await body.text())?.[1];
    return done(statusCode < 400, statusCode, version);
  } catch (error) {
    return done(false, (error as NodeJS.ErrnoException).code ?? String(error));
  }
}
