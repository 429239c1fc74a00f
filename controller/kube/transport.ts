import { readFile } from "node:fs/promises";
import type { Readable } from "node:stream";
// By file: the package's index would bring fetch, mocks, caches and web sockets into every process (10 MB; package-lock.json pins the version).
import send from "undici/lib/api/api-request.js";
import Agent from "undici/lib/dispatcher/agent.js";
import { messageOf, WeirError } from "../../api/errors.ts";
import { readWarnings, refusal } from "./answer.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Bearer, Cluster } from "./config.ts";

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Starts with a slash. */
  readonly path: string;
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** `application/json` unless stated. */
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal;
  /** For the whole exchange; 10 s unless stated. */
  readonly timeoutMs?: number;
}

export interface ApiAnswer {
  readonly status: number;
  /** The JSON as it came: no field is dropped or turned into something else. */
  readonly body: unknown;
  /** Of the API server and of admission webhooks. */
  readonly warnings: readonly string[];
}

/** A running watch: chunks of JSON lines. Ends when the server ends it; fails with a WeirError. */
export type ApiStream = AsyncIterable<Buffer>;

/** The way to one API server. */
export interface Transport {
  /** Fails with a WeirError unless the answer is 2xx. */
  request(request: ApiRequest): Promise<ApiAnswer>;
  /** Opens a GET whose answer goes on. `timeoutMs` bounds the wait for its beginning, the signal its life. */
  stream(request: Omit<ApiRequest, "method" | "body" | "contentType">): Promise<ApiStream>;
  close(): Promise<void>;
}

export interface TransportOptions {
  /** Such as `weir-controller/0.1.0`. */
  readonly userAgent: string;
  readonly clock?: Clock;
  /** Told of every exchange that ended: `code` is the HTTP status or the error code. */
  readonly onExchange?: (exchange: { method: string; code: string; seconds: number }) => void;
}

const DEFAULT_TIMEOUT_MS = 10_000;
// A page of 500 large objects is some 10 MB; anything near this is no answer of an API server.
const LARGEST_BODY_BYTES = 256 * 1024 * 1024;
const TOKEN_LIFE_MS = 60_000;

/** One keep-alive dispatcher for the cluster: a new TLS connection per call costs four times the CPU (spec/npm.md §3). */
export function createTransport(cluster: Cluster, options: TransportOptions): Transport {
  const clock = options.clock ?? systemClock;
  const server = new URL(cluster.server);
  const base = server.pathname === "/" ? "" : server.pathname;
  const dispatcher = new Agent({
    allowH2: false,
    // The API server keeps idle connections for 90 s or more; undici obeys a shorter Keep-Alive hint by itself.
    keepAliveTimeout: 60_000,
    keepAliveMaxTimeout: 80_000,
    bodyTimeout: 0,
    headersTimeout: 0,
    connect: {
      timeout: DEFAULT_TIMEOUT_MS,
      // Finds dead peers under quiet watches.
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      rejectUnauthorized: !cluster.insecure,
      ...(cluster.ca === undefined ? {} : { ca: cluster.ca }),
      ...(cluster.serverName === undefined ? {} : { servername: cluster.serverName }),
      ...(cluster.certificate ?? {}),
    },
  });
  const authorization = createAuthorization(cluster.bearer, clock);

  async function exchange(request: ApiRequest, deadline: Deadline) {
    const bearer = await authorization.header();
    const answer = await send.call(dispatcher, {
      origin: server.origin,
      path: `${base}${request.path}${queryText(request.query)}`,
      method: request.method,
      signal: deadline.signal,
      headers: {
        accept: request.accept ?? "application/json",
        "user-agent": options.userAgent,
        ...(bearer === undefined ? {} : { authorization: bearer }),
        ...(request.body === undefined ? {} : { "content-type": request.contentType ?? "application/json" }),
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    });
    if (answer.statusCode === 401) authorization.forget();
    return answer;
  }

  async function observed<T>(request: ApiRequest, run: (deadline: Deadline) => Promise<T>, ends: boolean): Promise<T> {
    const started = clock.monotonicMs();
    const deadline = startDeadline(clock, request.timeoutMs ?? DEFAULT_TIMEOUT_MS, request.signal);
    let code = "200";
    try {
      return await run(deadline);
    } catch (thrown) {
      const error = failureOf(request, thrown, deadline);
      code = error.answer === undefined ? error.code : String(error.answer.status);
      if (!ends) deadline.end();
      throw error;
    } finally {
      if (ends) deadline.end();
      options.onExchange?.({ method: request.method, code, seconds: (clock.monotonicMs() - started) / 1000 });
    }
  }

  return {
    request: (request) =>
      observed(
        request,
        async (deadline) => {
          const answer = await exchange(request, deadline).catch((error: unknown) => {
            // The server closed an idle connection while we picked it: nothing was processed, and reading is harmless.
            if (request.method !== "GET" || codeOf(error) !== "UND_ERR_SOCKET" || deadline.signal.aborted) throw error;
            return exchange(request, deadline);
          });
          const body = await readBody(request, answer.body, answer.headers["content-type"]);
          if (answer.statusCode >= 300)
            throw refusalOf(request, answer.statusCode, body, answer.headers["retry-after"]);
          return { status: answer.statusCode, body, warnings: readWarnings(answer.headers["warning"]) };
        },
        true,
      ),
    stream: (options) => {
      const request: ApiRequest = { ...options, method: "GET" };
      return observed(
        request,
        async (deadline) => {
          const answer = await exchange(request, deadline);
          if (answer.statusCode >= 300) {
            const body = await readBody(request, answer.body, answer.headers["content-type"]);
            throw refusalOf(request, answer.statusCode, body, answer.headers["retry-after"]);
          }
          deadline.disarm();
          return chunksOf(request, answer.body, deadline);
        },
        false,
      );
    },
    close: () => dispatcher.destroy(),
  };
}

/**
 * The same way, with a gate before every write: `refuse` throws when writing is not allowed (a lost lease), and no
 * write may take longer than `timeoutMs`, so that none lands long after the gate let it pass.
 */
export function fenceWrites(transport: Transport, refuse: () => void, timeoutMs: number): Transport {
  return {
    ...transport,
    async request(request) {
      if (request.method === "GET") return transport.request(request);
      refuse();
      return transport.request({ ...request, timeoutMs: Math.min(request.timeoutMs ?? timeoutMs, timeoutMs) });
    },
  };
}

interface Deadline {
  readonly signal: AbortSignal;
  /** True when time, not the caller, ended it. */
  expired(): boolean;
  /** Stops the time; the caller's signal still counts. */
  disarm(): void;
  end(): void;
}

function startDeadline(clock: Clock, timeoutMs: number, caller: AbortSignal | undefined): Deadline {
  const own = new AbortController();
  let expired = false;
  const giveUp = (): void => own.abort();
  if (caller?.aborted) own.abort();
  caller?.addEventListener("abort", giveUp, { once: true });
  const disarm = clock.setTimer(timeoutMs, () => {
    expired = true;
    own.abort();
  });
  return {
    signal: own.signal,
    expired: () => expired,
    disarm,
    end() {
      disarm();
      caller?.removeEventListener("abort", giveUp);
    },
  };
}

async function* chunksOf(request: ApiRequest, body: Readable, deadline: Deadline): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of body) yield chunk as Buffer;
  } catch (error) {
    throw failureOf(request, error, deadline);
  } finally {
    deadline.end();
    body.destroy();
  }
}

async function readBody(request: ApiRequest, body: Readable, type: string | string[] | undefined): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY_BYTES) throw protocolError(request, "the answer is too large");
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  if (!String(type ?? "").includes("json")) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw protocolError(request, `the answer is not JSON: ${text.slice(0, 100)}`, error);
  }
}

function createAuthorization(bearer: Bearer, clock: Clock) {
  let cached: { readonly header: string; readonly readAt: number } | undefined;
  return {
    async header(): Promise<string | undefined> {
      if (bearer.kind === "none") return undefined;
      if (bearer.kind === "header") return bearer.value;
      if (bearer.kind === "provider") return bearer.header();
      if (cached === undefined || clock.monotonicMs() - cached.readAt > TOKEN_LIFE_MS) {
        cached = { header: `Bearer ${(await readFile(bearer.path, "utf8")).trim()}`, readAt: clock.monotonicMs() };
      }
      return cached.header;
    },
    forget(): void {
      cached = undefined;
    },
  };
}

function failureOf(request: ApiRequest, thrown: unknown, deadline: Deadline): WeirError {
  if (thrown instanceof WeirError) return thrown;
  const what = describe(request);
  if (deadline.expired()) {
    const seconds = (request.timeoutMs ?? DEFAULT_TIMEOUT_MS) / 1000;
    return new WeirError("api.unreachable", "retry", `${what}: no answer within ${seconds} s`, { cause: thrown });
  }
  if (request.signal?.aborted) return new WeirError("aborted", "aborted", `${what}: given up`, { cause: thrown });
  const code = codeOf(thrown);
  const why = messageOf(thrown) || code || "the connection failed";
  return new WeirError("api.unreachable", "retry", `${what}: ${why}`, { cause: thrown });
}

function refusalOf(request: ApiRequest, status: number, body: unknown, retryAfter: string | string[] | undefined) {
  return refusal(describe(request), status, body, typeof retryAfter === "string" ? retryAfter : undefined);
}

function protocolError(request: ApiRequest, why: string, cause?: unknown): WeirError {
  return new WeirError("api.protocol", "retry", `${describe(request)}: ${why}`, { cause });
}

function describe(request: ApiRequest): string {
  return `${request.method} ${request.path}`;
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}

function queryText(query: Query | undefined): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) pairs.append(name, String(value));
  }
  const text = pairs.toString();
  return text === "" ? "" : `?${text}`;
}
