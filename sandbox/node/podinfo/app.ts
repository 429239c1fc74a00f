/** The behaviour of the podinfo demo application: what its images answer to. */
import { createHmac, randomBytes } from "node:crypto";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Faults } from "../faults.ts";
import { RequestMetrics } from "./metrics.ts";

interface PodinfoOptions {
  readonly hostname: string;
  readonly version: string;
  readonly env: Readonly<Record<string, string>>;
  readonly faults: Faults;
  readonly started: Date;
  readonly log: (line: string) => void;
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Decoded path without query; never empty. */
  readonly path: string;
}

type Route = (call: Call) => void | Promise<void>;

const MOST_BODY_BYTES = 1_000_000;
const LONGEST_DELAY_SECONDS = 300;

/** One running podinfo. `handle` serves all its ports. */
export class Podinfo {
  readonly handle: RequestListener;
  readonly #options: PodinfoOptions;
  readonly #metrics: RequestMetrics;
  readonly #secret = randomBytes(16);
  readonly #routes: ReadonlyMap<string, readonly [name: string, route: Route]>;
  readonly #home: Buffer;
  #ready = true;
  #alive = true;
  #errorDebt = 0;

  constructor(options: PodinfoOptions) {
    this.#options = options;
    this.#metrics = new RequestMetrics(options.started);
    this.#home = Buffer.from(`${JSON.stringify(this.#info(), null, 2)}\n`);
    this.#ready = !options.faults.failReadiness;
    this.#alive = !options.faults.failLiveness;
    this.#routes = this.#makeRoutes();
    this.handle = (request, response) => this.#serve(request, response);
  }

  #makeRoutes(): ReadonlyMap<string, readonly [name: string, route: Route]> {
    const { version } = this.#options;
    const home: Route = ({ response }) => send(response, 200, this.#home);
    return new Map<string, readonly [string, Route]>([
      ["", ["root", home]],
      ["api", ["api_info", home]],
      ["version", ["version", ({ response }) => sendJson(response, 200, { version, commit: "sandbox" })]],
      ["healthz", ["healthz", (call) => this.#health(call)]],
      ["readyz", ["readyz", (call) => this.#readiness(call)]],
      ["metrics", ["metrics", ({ response }) => sendText(response, this.#metrics.render())]],
      ["env", ["env", ({ response }) => sendJson(response, 200, this.#envList())]],
      ["headers", ["headers", ({ request, response }) => sendJson(response, 200, request.headers)]],
      ["echo", ["echo", (call) => echo(call)]],
      ["token", ["token", (call) => this.#token(call)]],
      ["status", ["status", (call) => answerStatus(call)]],
      ["delay", ["delay", (call) => answerLate(call)]],
      ["panic", ["panic", ({ response }) => sendJson(response, 500, { code: 500, message: "panic" })]],
    ]);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const started = performance.now();
    const path = pathOf(request.url ?? "/");
    const slash = path.indexOf("/", 1);
    const first = slash === -1 ? path.slice(1) : path.slice(1, slash);
    const found = this.#routes.get(first);
    const [name, route] = found ?? ["other", notFound];
    response.once("close", () => {
      const seconds = (performance.now() - started) / 1000;
      this.#metrics.observe(request.method ?? "GET", name, response.statusCode, seconds);
    });
    const call = { request, response, path };
    const spared = name === "healthz" || name === "readyz" || name === "metrics";
    const { errorShare, delayMs } = this.#options.faults;
    if (spared || (errorShare === 0 && delayMs === 0)) void run(route, call);
    else void this.#misbehave(route, call, errorShare, delayMs);
  }

  /** Errors come evenly: a share of 0.25 fails every fourth request, so that short measurements are exact. */
  async #misbehave(route: Route, call: Call, errorShare: number, delayMs: number): Promise<void> {
    if (delayMs > 0) await sleep(delayMs, call.response);
    this.#errorDebt += errorShare;
    if (this.#errorDebt >= 1) {
      this.#errorDebt -= 1;
      sendJson(call.response, 500, { code: 500, message: "injected fault" });
      return;
    }
    await run(route, call);
  }

  #info(): Record<string, string> {
    const { env, hostname, version } = this.#options;
    return {
      hostname,
      version,
      revision: "sandbox",
      color: env["PODINFO_UI_COLOR"] ?? "#34577c",
      logo: env["PODINFO_UI_LOGO"] ?? "",
      message: env["PODINFO_UI_MESSAGE"] ?? `greetings from podinfo v${version}`,
      goos: process.platform,
      goarch: process.arch,
      runtime: "sandbox",
      num_goroutine: "1",
      num_cpu: "1",
    };
  }

  #envList(): string[] {
    return Object.entries(this.#options.env).map(([name, value]) => `${name}=${value}`);
  }

  #health({ response }: Call): void {
    if (this.#alive) sendJson(response, 200, { status: "OK" });
    else sendJson(response, 503, { status: "unhealthy" });
  }

  #readiness({ path, response }: Call): void {
    const asked = path !== "/readyz";
    if (asked) {
      this.#ready = path === "/readyz/enable";
      this.#options.log(`readiness ${this.#ready ? "enabled" : "disabled"}`);
    }
    if (this.#ready || asked) sendJson(response, asked ? 202 : 200, { status: "OK" });
    else sendJson(response, 503, { status: "unready" });
  }

  async #token(call: Call): Promise<void> {
    const { path, request, response } = call;
    if (path === "/token/validate") return this.#validate(call);
    if (request.method !== "POST") return sendJson(response, 405, { code: 405, message: "use POST" });
    const body = await bodyOf(request);
    const user = body.toString("utf8") || "anonymous";
    const expires = new Date(Date.now() + 60_000).toISOString();
    const claims = Buffer.from(JSON.stringify({ sub: user, exp: expires })).toString("base64url");
    sendJson(response, 200, { token: `${claims}.${this.#sign(claims)}`, expires_at: expires });
  }

  #validate({ request, response }: Call): void {
    const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
    const [claims = "", signature = ""] = token.split(".");
    if (claims === "" || this.#sign(claims) !== signature) {
      sendJson(response, 401, { code: 401, message: "invalid authorization token" });
      return;
    }
    const { sub, exp } = JSON.parse(Buffer.from(claims, "base64url").toString("utf8")) as { sub: string; exp: string };
    sendJson(response, 200, { token_name: sub, expires_at: exp });
  }

  #sign(claims: string): string {
    return createHmac("sha256", this.#secret).update(claims).digest("base64url");
  }
}

async function run(route: Route, call: Call): Promise<void> {
  try {
    await route(call);
  } catch {
    // Only the client's own doing gets here: a body that is too large or breaks off.
    if (!call.response.headersSent)
      sendJson(call.response, 400, { code: 400, message: "the request body can't be read" });
    else call.response.destroy();
  }
}

function notFound({ response }: Call): void {
  sendJson(response, 404, { code: 404, message: "page not found" });
}

async function echo({ request, response }: Call): Promise<void> {
  const body = await bodyOf(request);
  send(response, 202, body, request.headers["content-type"] ?? "application/octet-stream");
}

function answerStatus({ path, response }: Call): void {
  const code = Number(path.slice("/status/".length));
  if (!Number.isInteger(code) || code < 200 || code > 599) {
    sendJson(response, 400, { code: 400, message: "use a status from 200 to 599" });
    return;
  }
  if (code === 204 || code === 304) {
    response.writeHead(code).end();
    return;
  }
  sendJson(response, code, { status: code });
}

async function answerLate({ path, response }: Call): Promise<void> {
  const seconds = Number(path.slice("/delay/".length));
  if (!(seconds >= 0 && seconds <= LONGEST_DELAY_SECONDS)) {
    return sendJson(response, 400, { code: 400, message: `use 0 to ${LONGEST_DELAY_SECONDS} seconds` });
  }
  await sleep(seconds * 1000, response);
  sendJson(response, 200, { delay: seconds });
}

/** Ends early when the client leaves. */
function sleep(milliseconds: number, response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    response.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BODY_BYTES) throw new RangeError("body too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function pathOf(url: string): string {
  const end = url.indexOf("?");
  const path = end === -1 ? url : url.slice(0, end);
  return path.startsWith("/") ? path : "/";
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, Buffer.from(`${JSON.stringify(value, null, 2)}\n`));
}

function sendText(response: ServerResponse, text: string): void {
  send(response, 200, Buffer.from(text), "text/plain; version=0.0.4; charset=utf-8");
}

function send(response: ServerResponse, status: number, body: Buffer, type = "application/json; charset=utf-8"): void {
  if (response.writableEnded || response.destroyed) return;
  response.writeHead(status, {
    "content-type": type,
    "content-length": body.length,
    "x-content-type-options": "nosniff",
  });
  response.end(body);
}
