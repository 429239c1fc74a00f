import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createDispatchers, type Dispatchers } from "../../../controller/hooks/dispatchers.ts";

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export type Answer = (call: Call, response: ServerResponse) => void;

/** A program on loopback that answers as it is told, faults included, and remembers its calls. */
export interface FaultyServer {
  readonly url: string;
  readonly calls: readonly Call[];
  readonly dispatchers: Dispatchers;
  /** Resolves once `count` calls have come. */
  called(count: number): Promise<void>;
  close(): Promise<void>;
}

/** Named faults. */
export const faults = {
  hang: () => {},
  reset: (_call, response) => response.socket?.destroy(),
  resetMidBody: (_call, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("half", () => response.socket?.destroy());
  },
  slowBody: (_call, response) => {
    response.writeHead(200);
    response.write("first half");
  },
  endlessBody: (_call, response) => {
    const chunk = "x".repeat(64 * 1024);
    const pour = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.writeHead(400).on("drain", pour);
    pour();
  },
} as const satisfies Record<string, Answer>;

export function says(status: number, body = "", headers: Record<string, string> = {}): Answer {
  return (_call, response) => {
    response.writeHead(status, headers);
    response.end(body);
  };
}

/** The answers are given one per call; the last one stays. */
export async function startFaultyServer(...answers: readonly Answer[]): Promise<FaultyServer> {
  const calls: Call[] = [];
  let waiters: { count: number; resolve: () => void }[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => {
      const call = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body };
      calls.push(call);
      answers[Math.min(calls.length, answers.length) - 1]?.(call, response);
      for (const waiter of waiters.filter(({ count }) => calls.length >= count)) waiter.resolve();
      waiters = waiters.filter(({ count }) => calls.length < count);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const dispatchers = createDispatchers({});
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    dispatchers,
    called: (count) =>
      calls.length >= count ? Promise.resolve() : new Promise((resolve) => waiters.push({ count, resolve })),
    async close() {
      await dispatchers.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
