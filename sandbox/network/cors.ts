import type { HeaderChange } from "./model.ts";

/** Who may call from other origins, and how. `*` stands for all; in an origin it also stands for a leading part of the host. */
export interface Cors {
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly exposed: readonly string[];
  readonly credentials: boolean;
  readonly maxAgeSeconds: number;
}

interface CorsRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Whether a browser asks beforehand; the gateway answers such a request itself. */
export function isPreflight({ method, headers }: CorsRequest): boolean {
  return method === "OPTIONS" && "origin" in headers && "access-control-request-method" in headers;
}

/** Headers of the answer to a preflight; none when the origin is not allowed. */
export function preflightHeaders(cors: Cors, request: CorsRequest): Record<string, string> {
  const origin = allowedOrigin(cors, request);
  if (origin === undefined) return {};
  return {
    ...originHeaders(cors, origin),
    "access-control-allow-methods": listed(cors.methods, request.headers["access-control-request-method"]),
    "access-control-allow-headers": listed(cors.headers, request.headers["access-control-request-headers"]),
    "access-control-max-age": String(cors.maxAgeSeconds),
  };
}

/** What the answers to other requests get. The application's own words about CORS are replaced. */
export function corsChange(cors: Cors, request: CorsRequest): HeaderChange | undefined {
  const origin = allowedOrigin(cors, request);
  if (origin === undefined) return undefined;
  const exposed = cors.exposed.length === 0 ? {} : { "access-control-expose-headers": cors.exposed.join(", ") };
  return { set: Object.entries({ ...originHeaders(cors, origin), ...exposed }), add: [], remove: [] };
}

function allowedOrigin(cors: Cors, request: CorsRequest): string | undefined {
  const origin = request.headers["origin"];
  if (typeof origin !== "string") return undefined;
  return cors.origins.some((pattern) => originMatches(pattern, origin)) ? origin : undefined;
}

function originMatches(pattern: string, origin: string): boolean {
  const [before, after] = pattern.split("*");
  if (pattern === "*" || pattern === origin) return true;
  return after !== undefined && before !== undefined && origin.startsWith(before) && origin.endsWith(after);
}

function originHeaders(cors: Cors, origin: string): Record<string, string> {
  return {
    "access-control-allow-origin": cors.origins.includes("*") && !cors.credentials ? "*" : origin,
    ...(cors.credentials ? { "access-control-allow-credentials": "true" } : {}),
  };
}

/** `*` repeats what was asked for, which also holds for requests with credentials. */
function listed(allowed: readonly string[], asked: string | string[] | undefined): string {
  return allowed.includes("*") ? String(asked ?? "") : allowed.join(", ");
}
