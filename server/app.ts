import express, { type ErrorRequestHandler, type Request, type RequestHandler, type Response } from "express";
import { messageOf } from "../api/index.ts";
import type { Logger } from "../controller/kube/log.ts";
import type { Surroundings } from "../mutators/surroundings.ts";
import type { AdmissionRequest, Index, Mutator, Outcome } from "../mutators/types.ts";
import { HttpError, readJson } from "./body.ts";
import type { BreakGlass } from "./bypass.ts";
import type { Metrics } from "./metrics.ts";
import { prove } from "./proof.ts";
import { readReview, writeReview } from "./review.ts";

export interface AppOptions {
  readonly routes: ReadonlyMap<string, Mutator>;
  /** Undefined until the caches are complete: nothing can be answered from half a view. */
  index(): Index | undefined;
  /** Reads what an object refers to in the time given; undefined when there is nothing to read. Absent: nobody looks. */
  lookAround?(request: AdmissionRequest, timeoutMs: number): Promise<Surroundings> | undefined;
  /** Whether this caller may ask; anybody when absent. */
  readonly mayCall?: ((request: Request) => boolean) | undefined;
  /** Asked about every outcome; nobody gets past a refusal when absent. */
  readonly breakGlass?: BreakGlass;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Reviews that may be answered at the same time; more are sent away. */
  readonly mostInFlight: number;
  /** True while the process goes down: every answer then asks the caller to connect anew, elsewhere. */
  draining(): boolean;
}

/** From the first byte of a review on: under the shortest timeout that we ask the API server for (3 s). What is not known by then is not asked. */
const answerWithinMs = 2_500;

/** The HTTP side of admission. Every answer is JSON, errors too; what went wrong inside is logged and not told. */
export function createApp(options: AppOptions): express.Express {
  const app = express();
  app.disable("x-powered-by");
  app.set("etag", false);
  const admit = gate(options);
  for (const [path, mutator] of options.routes) {
    app.post(path, admit, (request, response) => review(options, path, mutator, request, response));
    app.all(path, () => {
      throw new HttpError(405, "use POST");
    });
  }
  app.use(() => {
    throw new HttpError(404, "there is nothing here");
  });
  app.use(answerError(options));
  return app;
}

/** Counts what is in flight and sheds what is too much, before a body is read: one thread answers all. */
function gate({ mostInFlight, metrics, mayCall }: AppOptions): RequestHandler {
  let inFlight = 0;
  return (request, response, next) => {
    if (mayCall?.(request) === false) {
      throw new HttpError(403, "this certificate may not call");
    }
    if (inFlight >= mostInFlight) {
      response.setHeader("Retry-After", "1");
      throw new HttpError(503, "too many reviews at once: try again");
    }
    inFlight += 1;
    metrics.inFlight(inFlight);
    response.on("close", () => {
      inFlight -= 1;
      metrics.inFlight(inFlight);
    });
    next();
  };
}

async function review(
  { index, metrics, lookAround, breakGlass, draining }: AppOptions,
  path: string,
  mutator: Mutator,
  request: Request,
  response: Response,
): Promise<void> {
  const started = performance.now();
  const leftMs = () => Math.max(1, Math.ceil(started + answerWithinMs - performance.now()));
  const known = index();
  if (known === undefined) {
    throw new HttpError(503, "the cache of canaries is not complete yet: try again");
  }
  const read = readReview(await readJson(request));
  if ("unreadable" in read) {
    throw new HttpError(400, read.unreadable);
  }
  const looking = lookAround?.(read, leftMs());
  const decided = decide(mutator, read, looking === undefined ? known : { ...known, around: await looking });
  const outcome = decided.kind === "refused" && breakGlass ? await breakGlass(read, decided, known, leftMs()) : decided;
  send(response, 200, writeReview(read, outcome), draining());
  const seconds = (performance.now() - started) / 1000;
  const { operation, kind } = read;
  metrics.reviewed({ path, kind: kind.kind, operation, outcome: outcome.kind, why: outcome.why, seconds });
}

function decide(mutator: Mutator, request: AdmissionRequest, index: Index): Outcome {
  const outcome = mutator(request, index);
  if (outcome.kind === "patched") {
    prove(request.object, outcome.patch);
  }
  return outcome;
}

/** A mistake of ours is HTTP 500, so that the failure policy decides; `allowed: false` would refuse the user's write for it. */
function answerError({ log, metrics, routes, draining }: AppOptions): ErrorRequestHandler {
  return (error, request, response, _next) => {
    const status = error instanceof HttpError ? error.status : 500;
    const path = routes.has(request.path) ? request.path : "other";
    metrics.failed(path, status);
    // The caller hung up while sending: nobody is left to answer, and nothing is wrong with us.
    if (request.destroyed && !request.complete) {
      return;
    }
    if (status === 500) {
      log.error("review failed", { path, error: messageOf(error) });
    }
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    // An unread body would be taken for the next request on this connection.
    const isLast = draining() || !request.complete;
    send(response, status, { error: status === 500 ? "internal error" : error.message }, isLast);
  };
}

/** The last answer on a connection says so. */
function send(response: Response, status: number, body: object, isLast: boolean): void {
  const text = JSON.stringify(body);
  const head = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) };
  response.writeHead(status, isLast ? { ...head, Connection: "close" } : head);
  response.end(text);
}
