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
  const bytes = await readBytes(request, limitBytes);
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new HttpError(400, "the body is no JSON");
  }
}

/** By events, and none of them by `once`: an async iterator costs more than parsing 12 KB does, and taking listeners off a tenth of that. */
function readBytes(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
      if (length <= limitBytes) {
        chunks.push(chunk);
        return;
      }
      // Left open on purpose: the refusal goes out on the same connection.
      request.removeListener("data", onData);
      request.pause();
      reject(new HttpError(413, `the body is larger than ${limitBytes} bytes`));
    };
    request.on("data", onData);
    request.on("end", () =>
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length)),
    );
    request.on("error", reject);
    // Also when the caller hangs up without an error being told. An error that nobody needs costs its stack trace, for each request.
    request.on("close", () => request.complete || reject(new HttpError(400, "the body ended early")));
  });
}
