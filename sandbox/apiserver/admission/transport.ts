/** HTTPS to webhooks: kept-alive connections, deadlines, and failures in the words of the API server. */

import type { IncomingHttpHeaders } from "node:http";
import { Agent, request } from "node:https";
import { isIP } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Endpoint } from "./configurations.ts";
import { WebhookCallError } from "./review.ts";

/** Where a Service can be reached; undefined when it does not exist or has nothing ready. */
export type ResolveService = (
  namespace: string,
  name: string,
  port: number,
) => { host: string; port: number } | undefined;

/** Node closes what the other side closes; this only bounds what idles on both sides. */
const idleMilliseconds = 90_000;
const redirectLimit = 10;
/** Far above any review; a webhook that never stops talking is cut off here. */
const largestAnswer = 16 * 1024 * 1024;
const userAgent = "kube-apiserver-admission";

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

interface Target {
  /** As it is named in messages. */
  readonly shownUrl: string;
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly servername: string;
  readonly hostHeader: string;
  readonly ca: string | undefined;
}

interface PostChoices {
  readonly timeoutSeconds: number;
  /** The webhook is to be out of reach. */
  readonly cut: boolean;
}

/** Calls webhooks. One agent per endpoint and authority, so that connections are used again. */
export class WebhookTransport {
  readonly #agents = new Map<string, Agent>();
  readonly #resolveService: ResolveService;

  constructor(resolveService: ResolveService) {
    this.#resolveService = resolveService;
  }

  stop(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  /** Posts a review and returns the body of a good answer. Throws WebhookCallError. */
  async post(endpoint: Endpoint, body: string, choices: PostChoices): Promise<string> {
    const { timeoutSeconds } = choices;
    const target = this.#targetOf(endpoint, timeoutSeconds);
    if (choices.cut) throw refused(target);
    const deadline = AbortSignal.timeout(timeoutSeconds * 1000);
    try {
      return await this.#untilAnswered(target, body, deadline);
    } catch (error) {
      if (error instanceof WebhookCallError) throw error;
      const why = deadline.aborted ? "context deadline exceeded" : networkText(error, target);
      throw failed(`Post ${JSON.stringify(target.shownUrl)}: ${why}`, error);
    }
  }

  #targetOf(endpoint: Endpoint, timeoutSeconds: number): Target {
    const query = `timeout=${timeoutSeconds}s`;
    if (endpoint.service === undefined) {
      const url = new URL(endpoint.url ?? "");
      url.search = url.search === "" ? `?${query}` : `${url.search}&${query}`;
      const host = url.hostname.replace(/^\[|\]$/g, "");
      const port = url.port === "" ? 443 : Number(url.port);
      const path = url.pathname + url.search;
      return { shownUrl: url.href, host, port, path, servername: host, hostHeader: url.host, ca: endpoint.ca };
    }
    const { namespace, name, path, port } = endpoint.service;
    const servername = `${name}.${namespace}.svc`;
    const hostHeader = `${servername}:${port}`;
    const fullPath = `${path.startsWith("/") ? path : `/${path}`}?${query}`;
    const shownUrl = `https://${hostHeader}${fullPath}`;
    const address = this.#resolveService(namespace, name, port);
    if (address === undefined) {
      throw failed(`Post ${JSON.stringify(shownUrl)}: service ${JSON.stringify(name)} not found`);
    }
    return { shownUrl, ...address, path: fullPath, servername, hostHeader, ca: endpoint.ca };
  }

  async #untilAnswered(target: Target, body: string, deadline: AbortSignal): Promise<string> {
    for (;;) {
      const answer = await this.#followed(target, body, deadline);
      const retryAfter = Number(answer.headers["retry-after"] ?? Number.NaN);
      const later = answer.status === 429 || answer.status >= 500;
      if (!later || Number.isNaN(retryAfter)) return textOf(answer);
      await pause(retryAfter * 1000, deadline);
    }
  }

  /** Follows redirects as Go's client does: with a GET that has no body. */
  async #followed(target: Target, body: string, deadline: AbortSignal): Promise<Answer> {
    let at = target;
    let answer = await this.#send(at, "POST", body, deadline);
    for (let hop = 0; hop < redirectLimit; hop += 1) {
      const { location } = answer.headers;
      if (location === undefined || ![301, 302, 303].includes(answer.status)) return answer;
      const url = new URL(location, target.shownUrl);
      if (url.host !== new URL(target.shownUrl).host) return answer;
      at = { ...at, path: url.pathname + url.search };
      answer = await this.#send(at, "GET", undefined, deadline);
    }
    return answer;
  }

  async #send(target: Target, method: string, body: string | undefined, deadline: AbortSignal): Promise<Answer> {
    try {
      return await this.#exchange(target, method, body, deadline);
    } catch (error) {
      // The webhook may have closed an idle connection just then: that says nothing about the webhook.
      const stale = error instanceof ConnectionLost && error.reused;
      if (!stale || deadline.aborted) throw error;
      return await this.#exchange(target, method, body, deadline);
    }
  }

  #exchange(target: Target, method: string, body: string | undefined, signal: AbortSignal): Promise<Answer> {
    const { host, port, path, servername, hostHeader } = target;
    const headers = {
      host: hostHeader,
      "user-agent": userAgent,
      accept: "application/json, */*",
      ...(body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
    };
    return new Promise((resolve, reject) => {
      const options = { host, port, path, method, headers, signal, agent: this.#agentFor(target) };
      const name = isIP(servername) === 0 ? { servername } : {};
      const outgoing = request({ ...options, ...name }, (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          size += chunk.length;
          if (size > largestAnswer) response.destroy(new Error(`response is larger than ${largestAnswer} bytes`));
        });
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        });
      });
      outgoing.on("error", (error) => {
        const socket = outgoing.socket as TLSSocket | null;
        reject(new ConnectionLost(error, outgoing.reusedSocket, socket?.localPort));
      });
      outgoing.end(body);
    });
  }

  #agentFor(target: Target): Agent {
    const key = `${target.servername}|${target.host}:${target.port}|${target.ca ?? ""}`;
    let agent = this.#agents.get(key);
    if (agent === undefined) {
      const trusted = target.ca === undefined ? {} : { ca: target.ca };
      agent = new Agent({ keepAlive: true, timeout: idleMilliseconds, maxFreeSockets: 25, ...trusted });
      this.#agents.set(key, agent);
    }
    return agent;
  }
}

/** As when nobody listens there. */
function refused(target: Target): WebhookCallError {
  const why = networkText({ code: "ECONNREFUSED" }, target);
  return failed(`Post ${JSON.stringify(target.shownUrl)}: ${why}`);
}

class ConnectionLost extends Error {
  readonly reused: boolean;
  readonly localPort: number | undefined;
  constructor(cause: Error, reused: boolean, localPort: number | undefined) {
    super(cause.message, { cause });
    this.reused = reused;
    this.localPort = localPort;
  }
}

function failed(text: string, cause?: unknown): WebhookCallError {
  return new WebhookCallError(`failed to call webhook: ${text}`, cause === undefined ? {} : { cause });
}

async function pause(milliseconds: number, deadline: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(deadline.reason);
    };
    const timer = setTimeout(() => {
      deadline.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    deadline.addEventListener("abort", stop, { once: true });
  });
}

/** What clients of Kubernetes say when the body of an answer does not say more. */
const statusTexts: Record<number, string> = {
  400: "the server rejected our request for an unknown reason",
  401: "the server has asked for the client to provide credentials",
  404: "the server could not find the requested resource",
  405: "the server does not allow this method on the requested resource",
  409: "the server reported a conflict",
  422: "the server rejected our request due to an error in our request",
  429: "the server has received too many requests and has asked us to try again later",
  503: "the server is currently unable to handle the request",
  504: "the server was unable to return a response in the time allotted, but may still be processing the request",
};

function textOf({ status, text }: Answer): string {
  if (status >= 200 && status < 300) {
    if (text === "") throw failed(`0-length response with status code: ${status} and content type: application/json`);
    return text;
  }
  const stated = statusMessage(text);
  if (stated !== undefined) throw failed(stated);
  if ([403, 406, 415].includes(status)) throw failed(text === "" ? "unknown" : text);
  const known = statusTexts[status];
  if (known !== undefined) throw failed(known);
  if (status >= 500) {
    throw failed(
      `an error on the server (${JSON.stringify(text || "unknown")}) has prevented the request from succeeding`,
    );
  }
  throw failed(`the server responded with the status code ${status} but did not return more information`);
}

/** The message of a `Status` in the body of a failure. */
function statusMessage(text: string): string | undefined {
  try {
    const body = JSON.parse(text) as { kind?: unknown; message?: unknown };
    return body?.kind === "Status" && typeof body.message === "string" ? body.message : undefined;
  } catch {
    return undefined;
  }
}

const unknownAuthority = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_SIGNATURE_FAILURE",
]);

interface NetworkError {
  readonly code?: string;
  readonly message?: string;
  readonly cert?: { readonly subjectaltname?: string };
}

/** A failure of the network or of TLS as Go words it. */
function networkText(error: unknown, target: Target): string {
  const lost = error instanceof ConnectionLost ? error : undefined;
  const { code = "", message = "", cert } = (lost?.cause ?? error ?? {}) as NetworkError;
  const address = `${target.host}:${target.port}`;
  const unverified = "tls: failed to verify certificate: x509: ";
  if (code === "ECONNREFUSED") return `dial tcp ${address}: connect: connection refused`;
  if (code === "ENOTFOUND") return `dial tcp: lookup ${target.host}: no such host`;
  if (code === "ECONNRESET" && message !== "socket hang up") {
    return `read tcp 127.0.0.1:${lost?.localPort ?? 0}->${address}: read: connection reset by peer`;
  }
  if (code === "ECONNRESET") return "EOF";
  if (unknownAuthority.has(code)) return `${unverified}certificate signed by unknown authority`;
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") {
    return `${unverified}certificate has expired or is not yet valid`;
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return unverified + nameText(cert?.subjectaltname ?? "", target.servername);
  if (code === "EPROTO" || code.startsWith("ERR_SSL")) {
    return /wrong version number|http request/i.test(message)
      ? "http: server gave HTTP response to HTTPS client"
      : `remote error: tls: ${message}`;
  }
  return message === "" ? String(error) : message;
}

function nameText(alternatives: string, servername: string): string {
  const names = [...alternatives.matchAll(/DNS:([^,\s]+)/g)].map((match) => match[1]);
  const addresses = [...alternatives.matchAll(/IP Address:([^,\s]+)/g)].map((match) => match[1]);
  if (isIP(servername) !== 0) {
    const problem = "because it doesn't contain any IP SANs";
    if (addresses.length === 0) return `cannot validate certificate for ${servername} ${problem}`;
    return `certificate is valid for ${addresses.join(", ")}, not ${servername}`;
  }
  if (names.length === 0) return `certificate is not valid for any names, but wanted to match ${servername}`;
  return `certificate is valid for ${names.join(", ")}, not ${servername}`;
}
