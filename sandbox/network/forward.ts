import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { type Dispatcher, Pool } from "undici";
import type { Directory, Endpoint } from "./directory.ts";
import { changeHeaders, type HeaderList, withHeader } from "./headers.ts";
import type { Backend, HeaderChange } from "./model.ts";
import type { Observe } from "./telemetry.ts";

/** A request whose way is decided. */
export interface Journey {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path and query as sent to the pod. */
  readonly target: string;
  readonly headers: HeaderList;
  readonly backend: Backend;
  readonly mirrors: readonly Backend[];
  readonly responseChanges: readonly HeaderChange[];
  /** For the whole exchange. */
  readonly requestTimeoutMs?: number;
  /** For each attempt. */
  readonly backendTimeoutMs?: number;
  readonly startedAt: number;
  readonly observe: Observe;
}

export interface Forwarder {
  /** Answers the request, whatever happens. */
  send(journey: Journey): void;
  /** A ready endpoint, in turn; `avoid` is used only when nothing else is left. */
  pick(namespace: string, service: string, port: number | string, avoid?: readonly Endpoint[]): Endpoint | undefined;
  stop(): Promise<void>;
}

/** Bodies up to this size are held so that the request can be sent again. */
const REPLAYABLE_BYTES = 64 * 1024;
/** The first attempt and two more: what Istio does by default. Pods go away between a decision and its connection. */
const ATTEMPTS = 3;
/** No request outlives this, whatever the routes say. */
const LONGEST_MS = 300_000;

type Body = { readonly kind: "whole"; readonly bytes: Buffer | null } | { readonly kind: "stream" };

export function createForwarder(directory: Directory): Forwarder {
  const pools = new Map<string, Pool>();
  const turns = new Map<string, number>();

  directory.onGone((ip) => {
    for (const [origin, pool] of pools) {
      if (new URL(origin).hostname !== ip) continue;
      pools.delete(origin);
      // Waits for running requests; errors are theirs.
      pool.close().catch(() => undefined);
    }
  });

  const poolOf = (endpoint: Endpoint): Pool => {
    let pool = pools.get(endpoint.origin);
    if (pool === undefined) {
      pool = new Pool(endpoint.origin, { connections: 256, connect: { timeout: 5000 }, keepAliveTimeout: 4000 });
      pools.set(endpoint.origin, pool);
    }
    return pool;
  };

  const pick: Forwarder["pick"] = (namespace, service, port, avoid = []) => {
    const ready = directory.ready(namespace, service, port);
    const fresh =
      avoid.length === 0 ? ready : ready.filter((one) => !avoid.some((tried) => tried.origin === one.origin));
    const from = fresh.length > 0 ? fresh : ready;
    const key = `${namespace}/${service}`;
    const turn = turns.get(key) ?? 0;
    turns.set(key, turn + 1);
    return from[turn % from.length];
  };

  return {
    pick,
    send: (journey) => {
      const size = Number(journey.request.headers["content-length"] ?? 0);
      const chunked = journey.request.headers["transfer-encoding"] !== undefined;
      if (chunked || size > REPLAYABLE_BYTES) travel(journey, { kind: "stream" }, pick, poolOf);
      else if (size === 0) start(journey, null, pick, poolOf);
      else collect(journey.request, size, (bytes) => start(journey, bytes, pick, poolOf));
    },
    stop: async () => {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
    },
  };
}

function collect(request: IncomingMessage, size: number, done: (bytes: Buffer) => void): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => done(Buffer.concat(chunks, size)));
  // A client that leaves while sending gets no answer.
  request.on("error", () => undefined);
}

type Pick = Forwarder["pick"];
type PoolOf = (endpoint: Endpoint) => Pool;

function start(journey: Journey, bytes: Buffer | null, pick: Pick, poolOf: PoolOf): void {
  for (const mirror of journey.mirrors) sendShadow(journey, mirror, bytes, pick, poolOf);
  travel(journey, { kind: "whole", bytes }, pick, poolOf);
}

/** Sends one request to the backend and its answer to the client, over as many attempts as it takes. */
function travel(journey: Journey, body: Body, pick: Pick, poolOf: PoolOf): void {
  const { request, response, backend } = journey;
  const tried: Endpoint[] = [];
  let over = false;
  let current: Dispatcher.DispatchController | undefined;

  const finish = (status: number, flags: string, endpoint: Endpoint | undefined): void => {
    if (over) return;
    over = true;
    clearTimeout(deadline);
    const durationMs = performance.now() - journey.startedAt;
    journey.observe({ method: request.method ?? "GET", status, flags, durationMs, backend, endpoint });
  };
  const refuse = (status: number, flags: string, text: string, endpoint: Endpoint | undefined): void => {
    if (over) return;
    finish(status, flags, endpoint);
    if (response.headersSent) response.destroy();
    else answer(response, status, text);
  };
  const expire = (): void => {
    // Answered first: the abort reports an error at once, which then finds the request over.
    refuse(504, "UT", "upstream request timeout", tried.at(-1));
    current?.abort(new Error("deadline"));
  };
  const deadline = setTimeout(expire, journey.requestTimeoutMs ?? LONGEST_MS);
  response.once("close", () => {
    if (over) return;
    finish(0, "DC", tried.at(-1));
    current?.abort(new Error("client gone"));
  });

  const attempt = (): void => {
    const endpoint = pick(backend.namespace, backend.service, backend.port, tried);
    if (endpoint === undefined) {
      refuse(503, "UH", "no healthy upstream", undefined);
      return;
    }
    tried.push(endpoint);
    const attemptTimer = journey.backendTimeoutMs && setTimeout(expire, journey.backendTimeoutMs);
    const settle = (): void => {
      if (attemptTimer) clearTimeout(attemptTimer);
    };
    let status = 0;
    poolOf(endpoint).dispatch(optionsOf(journey, body), {
      onRequestStart: (controller) => {
        current = controller;
        if (over) controller.abort(new Error("too late"));
      },
      onResponseStart: (_controller, statusCode, headers, message) => {
        if (statusCode < 200 || over) return;
        status = statusCode;
        writeHead(response, statusCode, message, headers, journey.responseChanges);
      },
      onResponseData: (controller, chunk) => {
        if (over || response.write(chunk)) return;
        controller.pause();
        response.once("drain", () => controller.resume());
      },
      onResponseEnd: () => {
        settle();
        if (over) return;
        finish(status, "-", endpoint);
        response.end();
      },
      onResponseError: (_controller, error) => {
        settle();
        if (over) return;
        if (status === 0 && body.kind === "whole" && tried.length < ATTEMPTS) attempt();
        else refuse(503, "UF", `upstream connect error or disconnect/reset before headers: ${error.message}`, endpoint);
      },
    });
  };
  attempt();
}

function optionsOf(journey: Journey, body: Body): Dispatcher.DispatchOptions {
  return {
    path: journey.target,
    method: (journey.request.method ?? "GET") as Dispatcher.HttpMethod,
    headers: journey.headers,
    body: body.kind === "stream" ? journey.request : body.bytes,
    headersTimeout: LONGEST_MS,
    bodyTimeout: LONGEST_MS,
  };
}

function writeHead(
  response: ServerResponse,
  status: number,
  message: string | undefined,
  headers: IncomingHttpHeaders,
  changes: readonly HeaderChange[],
): void {
  let list: HeaderList = [];
  for (const [name, value] of Object.entries(headers)) {
    if (name === "connection" || name === "keep-alive" || name === "transfer-encoding" || value === undefined) continue;
    if (Array.isArray(value)) for (const one of value) list.push(name, one);
    else list.push(name, value);
  }
  for (const change of changes) list = changeHeaders(list, change);
  response.writeHead(status, message, list);
}

/** A copy whose answer nobody reads. Envoy marks the host of such requests. */
function sendShadow(journey: Journey, backend: Backend, bytes: Buffer | null, pick: Pick, poolOf: PoolOf): void {
  const endpoint = pick(backend.namespace, backend.service, backend.port);
  if (endpoint === undefined) return;
  const startedAt = performance.now();
  const host = journey.request.headers.host ?? "";
  let status = 0;
  const report = (flags: string): void => {
    const durationMs = performance.now() - startedAt;
    journey.observe({ method: journey.request.method ?? "GET", status, flags, durationMs, backend, endpoint });
  };
  poolOf(endpoint).dispatch(
    { ...optionsOf(journey, { kind: "whole", bytes }), headers: withHeader(journey.headers, "host", `${host}-shadow`) },
    {
      onRequestStart: () => undefined,
      onResponseStart: (_controller, statusCode) => {
        status = statusCode;
      },
      onResponseData: () => undefined,
      onResponseEnd: () => report("-"),
      onResponseError: () => {
        status = 503;
        report("UF");
      },
    },
  );
}

/** A plain text answer of the proxy itself. */
export function answer(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  const body = text === "" ? "" : `${text}\n`;
  response.writeHead(status, { "content-type": "text/plain", "content-length": Buffer.byteLength(body), ...headers });
  response.end(body);
}
