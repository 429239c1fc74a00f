import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { gzip } from "node:zlib";
import { encodeDocument, encodeObject, type Form } from "./present.ts";
import { ContinueExpired } from "./read.ts";
import { statusOf } from "./status.ts";
import type { ApiError, KubeObject } from "./types.ts";

/** Answers above this size are compressed for clients that can read it, as on a real server. */
const compressFrom = 128 * 1024;
/** Longer answers are written in blocks of about this size, in characters. */
const blockSize = 512 * 1024;
/** Limits of all warnings together and, once they are exceeded, of each one; in characters. */
const warningBudget = 4_096;
const warningCut = 256;

/** The answer to one request: headers that every answer carries, warnings, and one of the forms of a body. */
export class Answer {
  readonly #response: ServerResponse;
  readonly #compress: boolean;
  #caching = "no-cache, private";
  readonly #warnings = new Set<string>();

  constructor(response: ServerResponse, acceptEncoding: string | undefined) {
    this.#response = response;
    this.#compress = /\bgzip\b/.test(acceptEncoding ?? "");
  }

  /** One line for the user; doubles, empty ones and those with control characters are dropped. */
  warn(text: string): void {
    if (text !== "" && !/[\u0000-\u001f\u007f]/.test(text)) this.#warnings.add(text);
  }

  object(code: number, object: KubeObject): void {
    this.#send(code, "application/json", [encodeObject(object), "\n"]);
  }

  document(code: number, form: Pick<Form, "media">, document: unknown): void {
    this.#send(code, form.media, [encodeDocument(form, document)]);
  }

  /**
   * The pieces of a document. A long one is made and sent at the pace at which it is read, for all of it at once would be in
   * memory several times; nobody knows its length beforehand, as on a real server.
   */
  pieces(code: number, pieces: Iterable<string>): void {
    const blocks = inBlocks(pieces);
    const { value: first = "" } = blocks.next();
    const second = blocks.next();
    if (second.done === true) this.#send(code, "application/json", [first]);
    else if (this.#compress) this.#send(code, "application/json", [first, second.value, ...blocks]);
    else this.#sendBlocks(code, "application/json", [first, second.value], blocks);
  }

  text(code: number, text: string): void {
    this.#send(code, "text/plain; charset=utf-8", [text]);
  }

  bytes(code: number, type: string, bytes: Buffer): void {
    this.#head(code, type, bytes.length);
    this.#response.end(bytes);
  }

  error(error: ApiError): void {
    const retry = error.details?.retryAfterSeconds;
    if (retry !== undefined) this.#response.setHeader("Retry-After", String(retry));
    const status = statusOf(error);
    const metadata = error instanceof ContinueExpired ? { continue: error.token } : status.metadata;
    this.#send(error.code, "application/json", [`${JSON.stringify({ ...status, metadata })}\n`]);
  }

  /** A document with an ETag; 304 when the client has it already. */
  cacheable(type: string, text: string, request: IncomingMessage): void {
    const etag = `"${createHash("sha512").update(text).digest("hex").toUpperCase()}"`;
    this.#response.setHeader("ETag", etag);
    this.#response.setHeader("Vary", "Accept");
    this.#caching = "public";
    if (request.headers["if-none-match"] !== etag) {
      this.#send(200, type, [text]);
      return;
    }
    this.#response.setHeader("Cache-Control", this.#caching);
    this.#response.writeHead(304).end();
  }

  /** The path leads nowhere: plain text, as Go's mux answers. */
  nowhere(): void {
    this.#response.setHeader("X-Content-Type-Options", "nosniff");
    this.text(404, "404 page not found\n");
  }

  /** Starts a stream of lines. */
  stream(type: string): void {
    this.#setCommon(type);
    this.#response.writeHead(200);
    this.#response.flushHeaders();
  }

  #send(code: number, type: string, pieces: readonly string[]): void {
    const response = this.#response;
    const size = pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0);
    if (!this.#compress || size < compressFrom) {
      this.#head(code, type, size);
      response.cork();
      // Headers that leave together with a text are encoded like it; bytes leave our warnings as they are.
      for (const piece of pieces) response.write(this.#warnings.size > 0 ? Buffer.from(piece) : piece);
      response.uncork();
      response.end();
      return;
    }
    gzip(pieces.join(""), { level: 1 }, (error, bytes) => {
      if (error !== null) return void response.destroy(error);
      response.setHeader("Content-Encoding", "gzip");
      response.setHeader("Vary", "Accept-Encoding");
      this.#head(code, type, bytes.length);
      response.end(bytes);
    });
  }

  #sendBlocks(code: number, type: string, made: string[], rest: Iterator<string, undefined>): void {
    const response = this.#response;
    this.#setCommon(type);
    response.writeHead(code);
    const more = (): void => {
      for (
        let block = made.shift() ?? rest.next().value;
        block !== undefined;
        block = made.shift() ?? rest.next().value
      ) {
        if (!response.write(Buffer.from(block))) return void response.once("drain", more);
      }
      response.end();
    };
    more();
  }

  #head(code: number, type: string, length: number): void {
    this.#setCommon(type);
    this.#response.writeHead(code, { "Content-Length": length });
  }

  #setCommon(type: string): void {
    this.#response.setHeader("Cache-Control", this.#caching);
    this.#response.setHeader("Content-Type", type);
    const lines = [...warningLines([...this.#warnings])];
    if (lines.length > 0) this.#response.setHeader("Warning", lines);
  }
}

function* inBlocks(pieces: Iterable<string>): Generator<string, undefined> {
  let block = "";
  for (const piece of pieces) {
    block += piece;
    if (block.length < blockSize) continue;
    yield block;
    block = "";
  }
  if (block !== "") yield block;
}

function* warningLines(warnings: readonly string[]): Iterable<string> {
  const total = warnings.reduce((sum, text) => sum + [...text].length, 0);
  let left = warningBudget;
  for (const warning of warnings) {
    const text = total > warningBudget ? [...warning].slice(0, warningCut).join("") : warning;
    left -= [...text].length;
    if (left < 0) return;
    const escaped = text.replace(/[\\"]/g, (character) => `\\${character}`);
    // Header values are bytes to Node: UTF-8 goes through unchanged as latin1.
    yield `299 - "${Buffer.from(escaped).toString("latin1")}"`;
  }
}
