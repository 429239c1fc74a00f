import type { IncomingMessage } from "node:http";

/** Two objects of 3 MiB, the most the API server takes, and what is around them. */
export const largestBodyBytes = 7 * 1024 * 1024;

/** A request that is answered with an HTTP error. */
export class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "HttpError";
    this.status = status;
  }
}

/**
 * The JSON in a request. What its headers already tell is refused before a byte is read. Our own reader in place of express.json:
 * half the time per request, and errors in our words.
 */
export async function readJson(request: IncomingMessage, limitBytes = largestBodyBytes): Promise<unknown> {
  const type = (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    throw new HttpError(415, "send application/json");
  }
  if (request.headers["content-encoding"] !== undefined && request.headers["content-encoding"] !== "identity") {
    throw new HttpError(415, "send the body without a content encoding");
  }
  if (Number(request.headers["content-length"] ?? 0) > limitBytes) {
    throw new HttpError(413, `the body is larger than ${limitBytes} bytes`);
  }
  const chunks: Buffer[] = [];
  let length = 0;
  // Left open on purpose when it is too long: the refusal goes out on the same connection.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limitBytes) {
      throw new HttpError(413, `the body is larger than ${limitBytes} bytes`);
    }
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks, length).toString("utf8"));
  } catch {
    throw new HttpError(400, "the body is no JSON");
  }
}
