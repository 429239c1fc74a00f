import { type Dispatcher, request } from "undici";
import { formatGoDuration } from "../../api/index.ts";
import type { Clock } from "../kube/clock.ts";
import type { Dispatchers } from "./dispatchers.ts";

/** One HTTP exchange with a program that we do not trust: its time, its size and its redirects are limited. */
export interface ExchangeRequest {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  /** For everything: connecting, redirects, the whole body. */
  readonly timeoutMs: number;
  /** More than this of the body is not read. */
  readonly maxBodyBytes: number;
  readonly verifyTls: boolean;
}

export type ExchangeResult =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly headers: Readonly<Record<string, string | string[] | undefined>>;
      readonly body: string;
      /** The body went on. */
      readonly truncated: boolean;
    }
  /** No complete answer. `retriable`: another try may find it mended. */
  | { readonly kind: "broken"; readonly why: string; readonly retriable: boolean }
  /** The caller's signal said stop. */
  | { readonly kind: "aborted" };

export interface Outside {
  readonly dispatchers: Dispatchers;
  readonly clock: Clock;
}

const maxRedirects = 10;

/** Never rejects, and always ends: by an answer, a fault, the deadline or the signal. */
export async function exchange(
  wanted: ExchangeRequest,
  outside: Outside,
  signal: AbortSignal,
): Promise<ExchangeResult> {
  if (signal.aborted) {
    return { kind: "aborted" };
  }
  const deadline = new AbortController();
  const cancel = outside.clock.setTimer(wanted.timeoutMs, () => deadline.abort());
  try {
    return await follow(wanted, outside, AbortSignal.any([signal, deadline.signal]));
  } catch (error) {
    if (signal.aborted) {
      return { kind: "aborted" };
    }
    if (deadline.signal.aborted) {
      return { kind: "broken", why: `no answer within ${formatGoDuration(wanted.timeoutMs)}`, retriable: true };
    }
    return { kind: "broken", why: causeText(error), retriable: !isLasting(error) };
  } finally {
    cancel();
  }
}

async function follow(wanted: ExchangeRequest, outside: Outside, signal: AbortSignal): Promise<ExchangeResult> {
  const dispatcher = wanted.verifyTls ? outside.dispatchers.verified : outside.dispatchers.unverified;
  let step: Step = { url: wanted.url, method: wanted.method, headers: wanted.headers ?? {}, body: wanted.body };
  for (let redirects = 0; ; redirects++) {
    const url = parsed(step.url);
    if (typeof url === "string") {
      return { kind: "broken", why: url, retriable: false };
    }
    const answer = await request(plain(url), {
      dispatcher,
      signal,
      method: step.method,
      headers: withCredentials(url, step.headers),
      ...(step.body === undefined ? {} : { body: step.body }),
    });
    const next = redirected(step, url, answer);
    if (next === undefined) {
      return {
        kind: "answered",
        status: answer.statusCode,
        headers: answer.headers,
        ...(await readBody(answer, wanted)),
      };
    }
    // The body of a redirect is nobody's business, but the connection must be given back.
    answer.body.on("error", () => {}).destroy();
    if (redirects >= maxRedirects) {
      return { kind: "broken", why: `stopped after ${maxRedirects} redirects`, retriable: false };
    }
    step = next;
  }
}

interface Step {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string | undefined;
}

/** Where an answer sends us. 301, 302 and 303 turn a POST into a GET; credentials stay with the host they were meant for. */
function redirected(step: Step, url: URL, answer: Dispatcher.ResponseData): Step | undefined {
  const location = answer.headers["location"];
  if (![301, 302, 303, 307, 308].includes(answer.statusCode) || typeof location !== "string") {
    return undefined;
  }
  const target = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
  const sameHost = target?.host === url.host;
  const keepsBody = answer.statusCode >= 307;
  const dropped = new Set([...(sameHost ? [] : ["authorization", "cookie"]), ...(keepsBody ? [] : ["content-type"])]);
  const headers = Object.fromEntries(Object.entries(step.headers).filter(([name]) => !dropped.has(name.toLowerCase())));
  return {
    url: target?.href ?? location,
    method: keepsBody ? step.method : "GET",
    headers,
    body: keepsBody ? step.body : undefined,
  };
}

function parsed(text: string): URL | string {
  if (!URL.canParse(text)) {
    return `"${text}" is not a URL`;
  }
  const url = new URL(text);
  return url.protocol === "http:" || url.protocol === "https:"
    ? url
    : `unsupported protocol scheme "${url.protocol.slice(0, -1)}"`;
}

function plain(url: URL): URL {
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  return bare;
}

/** User and password of a URL become basic authentication, unless the caller authenticates in another way. */
function withCredentials(url: URL, headers: Step["headers"]): Record<string, string | string[]> {
  const copied = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : [...value]]),
  );
  const given = Object.keys(copied).some((name) => name.toLowerCase() === "authorization");
  if (given || (url.username === "" && url.password === "")) {
    return copied;
  }
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { ...copied, authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

async function readBody(
  answer: Dispatcher.ResponseData,
  limits: ExchangeRequest,
): Promise<{ readonly body: string; readonly truncated: boolean }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    chunks.push(bytes);
    if (size > limits.maxBodyBytes) {
      // Leaving the loop destroys the stream, and with it the connection.
      break;
    }
  }
  const truncated = size > limits.maxBodyBytes;
  return { body: Buffer.concat(chunks).subarray(0, limits.maxBodyBytes).toString("utf8"), truncated };
}

/** OpenSSL wraps its words in addresses of its source. */
const openSslWords = /error:[0-9A-F]+:SSL routines:[^:]*:([^:]+)/;

/** The innermost words: clients wrap what the system said, some of them in an error without a message. */
function causeText(error: unknown): string {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    const first: unknown = inner instanceof AggregateError ? inner.errors[0] : undefined;
    if (first instanceof Error && first.message !== "") {
      return first.message;
    }
    if (inner.cause === undefined) {
      const tls = openSslWords.exec(inner.message)?.[1];
      return tls === undefined ? inner.message || codeOf(inner) || inner.name : `TLS: ${tls}`;
    }
  }
  return String(error);
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}

/** Faults that a second try will find again: the server's certificate is what it is. */
function isLasting(error: unknown): boolean {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    if (/^(ERR_TLS_|CERT_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(VERIFY|GET)_)/.test(codeOf(inner))) {
      return true;
    }
  }
  return false;
}
