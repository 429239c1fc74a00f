import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { corsChange, isPreflight, preflightHeaders } from "./cors.ts";
import { answer, type Forwarder } from "./forward.ts";
import { changeHeaders, passOn, withHeader } from "./headers.ts";
import type { Backend, Entry, Filter, HeaderChange, RequestFacts } from "./model.ts";
import { locationOf, rewritePath } from "./rewrite.ts";
import type { RouteTable } from "./routeTable.ts";
import type { Observe } from "./telemetry.ts";
import type { Wheel } from "./wheel.ts";

export interface EntryPointOptions {
  /** The routes at this moment. */
  readonly routes: () => RouteTable;
  readonly forwarder: Forwarder;
  readonly wheels: (id: string, weights: readonly number[]) => Wheel;
  readonly observe: Observe;
  /** The port that clients believe to speak to; part of redirects. */
  readonly publicPort: number;
}

/** Where traffic comes in: finds the route of each request and sends it on its way. */
export function handleTraffic(
  options: EntryPointOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const startedAt = performance.now();
    const target = originForm(request.url ?? "/");
    if (target === undefined) return answer(response, 400, "the request's target must be a path");
    const facts = factsOf(request, target);
    const entry = options.routes().find(facts);
    const decline = (status: number, flags: string, text: string, backend?: Backend): void => {
      const durationMs = performance.now() - startedAt;
      options.observe({ method: facts.method, status, flags, durationMs, backend, endpoint: undefined });
      answer(response, status, text);
    };
    if (entry === undefined) return decline(404, "NR", "");
    const redirect = entry.rule.filters.find((filter) => filter.kind === "redirect")?.redirect;
    if (redirect !== undefined) {
      const location = locationOf(redirect, entry.match, {
        host: facts.host,
        target,
        port: options.publicPort,
      });
      return answer(response, redirect.statusCode, "", { location });
    }
    const { rule } = entry;
    const cors = rule.filters.find((filter) => filter.kind === "cors")?.cors;
    if (cors !== undefined && isPreflight(facts)) return answer(response, 200, "", preflightHeaders(cors, facts));
    const chosen = options.wheels(
      rule.id,
      rule.backends.map((backend) => backend.weight),
    )();
    const backend = rule.backends[chosen];
    if (backend === undefined) return decline(500, "-", "no backend has a weight");
    if (backend.broken !== undefined) return decline(500, "-", backend.broken, backend);
    depart({ request, response, facts, target, startedAt }, entry, backend, options);
  };
}

/** A request that has come in. */
interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly facts: RequestFacts;
  /** Path and query. */
  readonly target: string;
  readonly startedAt: number;
}

function depart(arrival: Arrival, entry: Entry, backend: Backend, options: EntryPointOptions): void {
  const { request, response, facts, startedAt } = arrival;
  const { rule, match } = entry;
  let { target } = arrival;
  let headers = passOn(request.rawHeaders);
  const responseChanges: HeaderChange[] = [];
  const mirrors: Backend[] = [];
  const apply = (filter: Filter): void => {
    if (filter.kind === "requestHeaders") headers = changeHeaders(headers, filter.change);
    else if (filter.kind === "responseHeaders") responseChanges.push(filter.change);
    else if (filter.kind === "cors") {
      const change = corsChange(filter.cors, facts);
      if (change !== undefined) responseChanges.push(change);
    } else if (filter.kind === "rewrite") {
      target = rewritePath(target, filter.rewrite, match);
      if (filter.rewrite.hostname !== undefined) headers = withHeader(headers, "host", filter.rewrite.hostname);
    } else if (filter.kind === "mirror" && filter.backend.broken === undefined) {
      const turn = options.wheels(`${rule.id} mirror ${filter.backend.service}`, [
        filter.percent,
        100 - filter.percent,
      ]);
      if (turn() === 0) mirrors.push(filter.backend);
    }
  };
  for (const filter of rule.filters) apply(filter);
  for (const filter of backend.filters) apply(filter);
  headers.push("x-forwarded-for", request.socket.remoteAddress ?? "", "x-forwarded-proto", "http");
  options.forwarder.send({
    request,
    response,
    target,
    headers,
    backend,
    mirrors,
    responseChanges,
    ...(rule.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: rule.requestTimeoutMs }),
    ...(rule.backendTimeoutMs === undefined ? {} : { backendTimeoutMs: rule.backendTimeoutMs }),
    startedAt,
    observe: options.observe,
  });
}

/** Some clients send a whole URL, as to a proxy; undefined for what names no path (`*`). */
function originForm(target: string): string | undefined {
  if (target.startsWith("/")) return target;
  const url = URL.parse(target);
  return url?.protocol === "http:" ? `${url.pathname}${url.search}` : undefined;
}

function factsOf(request: IncomingMessage, target: string): RequestFacts {
  const mark = target.indexOf("?");
  const host = (request.headers.host ?? "").toLowerCase();
  const colon = host.lastIndexOf(":");
  return {
    host: colon > host.lastIndexOf("]") ? host.slice(0, colon) : host,
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? "" : target.slice(mark + 1),
    method: request.method ?? "GET",
    headers: request.headers,
  };
}

/** A listening HTTP server on loopback. */
export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens on a port of loopback (0: any) and never dies of a client. Rejects when the port is taken. */
export async function listen(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  port = 0,
  prepare?: (server: Server) => void,
): Promise<Listening> {
  const server = createServer({ keepAliveTimeout: 65_000, requestTimeout: 300_000 }, handler);
  server.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
  });
  prepare?.(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", 1024, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
