import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Cluster } from "../../../controller/kube/config.ts";

/** A request as it came in, with its answer to write. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
  readonly raw: ServerResponse;
  /** A JSON answer. */
  reply(status: number, body: unknown, headers?: Record<string, string>): void;
  /** A Status answer. */
  refuse(code: number, reason: string, message: string, headers?: Record<string, string>): void;
}

/** An API server that says what the test writes, word for word. */
export interface FakeApiServer {
  readonly cluster: Cluster;
  /** The next request that nobody took yet; waits for it. */
  next(): Promise<Call>;
  /** The same, and it must be that. */
  expect(method: string, pathEnd: string): Promise<Call>;
  /** Requests in line. */
  readonly waiting: number;
  readonly connections: number;
  close(): Promise<void>;
}

export async function startFakeApiServer(): Promise<FakeApiServer> {
  const calls: Call[] = [];
  const takers: ((call: Call) => void)[] = [];
  let connections = 0;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const call = callOf(request, response, Buffer.concat(chunks).toString("utf8"));
    const taker = takers.shift();
    if (taker === undefined) calls.push(call);
    else taker(call);
  });
  server.on("connection", () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  const next = async (): Promise<Call> => calls.shift() ?? new Promise((resolve) => takers.push(resolve));
  return {
    cluster: { server: `http://127.0.0.1:${port}`, insecure: false, bearer: { kind: "none" }, namespace: "default" },
    next,
    async expect(method, pathEnd) {
      const call = await next();
      if (call.method !== method || !call.path.endsWith(pathEnd)) {
        throw new Error(`expected ${method} …${pathEnd}, got ${call.method} ${call.path}?${call.query}`);
      }
      return call;
    },
    get waiting() {
      return calls.length;
    },
    get connections() {
      return connections;
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function callOf(request: IncomingMessage, response: ServerResponse, text: string): Call {
  const url = new URL(request.url ?? "/", "http://api");
  const reply: Call["reply"] = (status, body, headers = {}) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };
  return {
    method: request.method ?? "",
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    body: text === "" ? undefined : JSON.parse(text),
    raw: response,
    reply,
    refuse: (code, reason, message, headers) => reply(code, statusOf(code, reason, message), headers),
  };
}

export function statusOf(code: number, reason: string, message: string): object {
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code };
}

/** A watch that was asked for, to be told line by line. */
export interface FakeWatch {
  send(type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR", object: object): void;
  write(bytes: string | Buffer): Promise<void>;
  /** Ends it as a server does. */
  end(): void;
  /** The connection breaks. */
  reset(): void;
}

export function openWatch(call: Call): FakeWatch {
  call.raw.writeHead(200, { "content-type": "application/json", "transfer-encoding": "chunked" });
  call.raw.flushHeaders();
  return {
    send: (type, object) => void call.raw.write(`${JSON.stringify({ type, object })}\n`),
    write: (bytes) => new Promise((resolve) => call.raw.write(bytes, () => resolve())),
    end: () => void call.raw.end(),
    reset: () => call.raw.socket?.resetAndDestroy(),
  };
}
