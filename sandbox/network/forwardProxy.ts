import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { type Listening, listen } from "./entryPoint.ts";
import { answer, type Forwarder } from "./forward.ts";
import { passOn } from "./headers.ts";
import { type Destination, isLoopback } from "./hostNames.ts";
import { pipe } from "./pipe.ts";
import type { Observe } from "./telemetry.ts";

export interface ForwardProxyOptions {
  /** `from` is the namespace that the caller names as the proxy's user (`http://test@127.0.0.1:…`). */
  readonly find: (host: string, port: number, from: string | undefined) => Destination;
  readonly forwarder: Forwarder;
  /** Requests straight to a Service, which in a mesh the sidecars would report. */
  readonly observe: Observe;
}

const CONNECT_TIMEOUT_MS = 5000;

/** The cluster's names for programs outside it: an HTTP forward proxy on loopback. Nothing but the sandbox and loopback is reachable. */
export async function startForwardProxy(options: ForwardProxyOptions): Promise<Listening> {
  return listen(
    (request, response) => forwardRequest(options, request, response),
    0,
    (server) => {
      server.on("connect", (request: IncomingMessage, socket: Duplex, head: Buffer) =>
        tunnel(options, request, socket, head),
      );
    },
  );
}

function forwardRequest(options: ForwardProxyOptions, request: IncomingMessage, response: ServerResponse): void {
  const target = URL.parse(request.url ?? "");
  if (target === null || target.protocol !== "http:") {
    answer(response, 400, "this is a forward proxy: send an absolute http:// URL (set http_proxy)");
    return;
  }
  const port = Number(target.port || 80);
  const found = options.find(target.hostname, port, callerNamespace(request));
  const path = `${target.pathname}${target.search}`;
  switch (found.kind) {
    case "unknown":
      answer(response, 502, found.why);
      break;
    case "address":
      pipe(request, response, found, path);
      break;
    case "service":
      options.forwarder.send({
        request,
        response,
        target: path,
        headers: passOn(request.rawHeaders),
        backend: { namespace: found.namespace, service: found.service, port: found.port, weight: 1, filters: [] },
        mirrors: [],
        responseChanges: [],
        startedAt: performance.now(),
        observe: options.observe,
      });
  }
}

function callerNamespace(request: IncomingMessage): string | undefined {
  const credentials = /^Basic (.+)$/.exec(request.headers["proxy-authorization"] ?? "")?.[1];
  return credentials && Buffer.from(credentials, "base64").toString().split(":")[0];
}

/** `CONNECT`, for TLS to aliases and loopback. A Service's pods speak plain HTTP and are reached by a tunnel as well. */
function tunnel(options: ForwardProxyOptions, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const target = URL.parse(`http://${request.url}`);
  const port = Number(/:(\d+)$/.exec(request.url ?? "")?.[1] ?? 443);
  const found = options.find(target?.hostname ?? "", port, callerNamespace(request));
  const address = found.kind === "service" ? options.forwarder.pick(found.namespace, found.service, found.port) : found;
  if (address === undefined || !("host" in address) || !isLoopback(address.host)) {
    const why = found.kind === "unknown" ? found.why : "no ready endpoint";
    socket.end(`HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n${why}\n`);
    return;
  }
  const upstream = connect({ host: address.host, port: address.port });
  upstream.setTimeout(CONNECT_TIMEOUT_MS, () => upstream.destroy());
  upstream.once("connect", () => {
    upstream.setTimeout(0);
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    upstream.write(head);
    upstream.pipe(socket).pipe(upstream);
  });
  const close = (): void => {
    upstream.destroy();
    socket.destroy();
  };
  upstream.on("error", close).on("close", close);
  socket.on("error", close).on("close", close);
}
