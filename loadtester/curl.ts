import { readFileSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request as openHttp, type RequestOptions } from "node:http";
import { request as openHttps } from "node:https";
import { type Fetch, parseCurlFlags, USAGE } from "./curlFlags.ts";
import { proxyFor } from "./proxy.ts";

/* As much of curl as the commands in canaries use: a program of its own, started by bin/curl. Exit codes are curl's. */

const MOST_REDIRECTS = 50;
const EXIT = {
  usage: 2,
  unknownHost: 6,
  noConnection: 7,
  refused: 22,
  timeout: 28,
  redirects: 47,
  broken: 56,
} as const;

class CurlFailure extends Error {
  readonly exitCode: number;
  constructor(exitCode: number, message: string, cause?: unknown) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}

interface Received {
  readonly message: IncomingMessage;
  readonly body: Buffer;
}

function exchange(fetch: Fetch, signal: AbortSignal): Promise<Received> {
  const { url } = fetch;
  const proxy = proxyFor(url, process.env);
  const headers: Record<string, string> = Object.fromEntries(fetch.headers);
  const hasHost = fetch.headers.some(([name]) => name.toLowerCase() === "host");
  if (!hasHost) headers["Host"] = url.host;
  if (fetch.body !== undefined) headers["Content-Length"] = String(Buffer.byteLength(fetch.body));
  if (proxy?.authorization !== undefined) headers["Proxy-Authorization"] = proxy.authorization;
  const path = `${url.pathname}${url.search}`;
  const options: RequestOptions = {
    method: fetch.method,
    headers,
    signal,
    host: proxy?.host ?? url.hostname.replace(/^\[|\]$/g, ""),
    port: proxy?.port ?? (url.port || (url.protocol === "https:" ? 443 : 80)),
    path: proxy === undefined ? path : `${url.origin}${path}`,
    agent: false,
  };
  return new Promise((resolve, reject) => {
    const receive = (message: IncomingMessage): void => {
      const chunks: Buffer[] = [];
      message.on("data", (chunk: Buffer) => chunks.push(chunk));
      message.on("end", () => resolve({ message, body: Buffer.concat(chunks) }));
      message.on("error", reject);
    };
    const outgoing =
      url.protocol === "https:"
        ? openHttps({ ...options, rejectUnauthorized: !fetch.insecure }, receive)
        : openHttp(options, receive);
    outgoing.on("error", reject);
    outgoing.end(fetch.body);
  }).catch((error: NodeJS.ErrnoException) => {
    throw failureOf(error, url, fetch, signal);
  }) as Promise<Received>;
}

function failureOf(error: NodeJS.ErrnoException, url: URL, fetch: Fetch, signal: AbortSignal): CurlFailure {
  const where = `${url.hostname} port ${url.port || (url.protocol === "https:" ? 443 : 80)}`;
  if (signal.aborted) return new CurlFailure(EXIT.timeout, `no answer within ${fetch.maxSeconds} seconds`, error);
  if (error.code === "ENOTFOUND" || error.code === "EAI_AGAIN") {
    return new CurlFailure(EXIT.unknownHost, `could not resolve host: ${url.hostname}`, error);
  }
  if (error.code === "ECONNREFUSED" || error.code === "EHOSTUNREACH" || error.code === "ETIMEDOUT") {
    return new CurlFailure(EXIT.noConnection, `failed to connect to ${where}: ${error.message}`, error);
  }
  return new CurlFailure(EXIT.broken, `${where}: ${error.message}`, error);
}

async function follow(fetch: Fetch, signal: AbortSignal): Promise<Received> {
  let current = fetch;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
    const received = await exchange(current, signal);
    const { statusCode = 0, headers } = received.message;
    const next = fetch.follow && statusCode >= 300 && statusCode < 400 ? headers.location : undefined;
    const url = next === undefined ? null : URL.parse(next, current.url.href);
    if (url === null) return received;
    const keepsMethod = statusCode === 307 || statusCode === 308;
    current = keepsMethod ? { ...current, url } : { ...current, url, method: "GET", body: undefined };
  }
  throw new CurlFailure(EXIT.redirects, `more than ${MOST_REDIRECTS} redirects`);
}

function print(fetch: Fetch, { message, body }: Received): void {
  const status = message.statusCode ?? 0;
  const failed = fetch.fail && status >= 400;
  let head = "";
  if (fetch.includeHeaders) {
    head = `HTTP/${message.httpVersion} ${status} ${message.statusMessage ?? ""}\r\n`;
    for (let index = 0; index < message.rawHeaders.length; index += 2) {
      head += `${message.rawHeaders[index]}: ${message.rawHeaders[index + 1]}\r\n`;
    }
    head += "\r\n";
  }
  if (!failed) {
    const output = Buffer.concat([Buffer.from(head), body]);
    if (fetch.outputFile === undefined || fetch.outputFile === "-") process.stdout.write(output);
    else writeFileSync(fetch.outputFile, output);
  }
  if (fetch.writeOut !== undefined) process.stdout.write(writeOut(fetch.writeOut, status, body.length));
  if (failed) throw new CurlFailure(EXIT.refused, `the requested URL returned error: ${status}`);
}

function writeOut(text: string, status: number, size: number): string {
  return text
    .replace(/%\{(http_code|response_code)\}/g, String(status).padStart(3, "0"))
    .replace(/%\{size_download\}/g, String(size))
    .replace(/%\{\w+\}/g, "")
    .replace(/\\n/g, "\n")
    .replace(/\\t/g, "\t");
}

async function main(args: readonly string[]): Promise<number> {
  const fetch = parseCurlFlags(args, (file) => readFileSync(file === "-" ? 0 : file, "utf8").replace(/[\r\n]/g, ""));
  if ("problem" in fetch) {
    process.stderr.write(`curl: (${EXIT.usage}) ${fetch.problem}\n${USAGE}`);
    return EXIT.usage;
  }
  const limit = new AbortController();
  const timer = fetch.maxSeconds > 0 ? setTimeout(() => limit.abort(), fetch.maxSeconds * 1000) : undefined;
  try {
    print(fetch, await follow(fetch, limit.signal));
    return 0;
  } catch (error) {
    if (!(error instanceof CurlFailure)) throw error;
    if (!fetch.silent || fetch.showError) process.stderr.write(`curl: (${error.exitCode}) ${error.message}\n`);
    if (fetch.writeOut !== undefined && error.exitCode !== EXIT.refused)
      process.stdout.write(writeOut(fetch.writeOut, 0, 0));
    return error.exitCode;
  } finally {
    clearTimeout(timer);
  }
}

process.exitCode = await main(process.argv.slice(2));
