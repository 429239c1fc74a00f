import type { IncomingMessage, ServerResponse } from "node:http";
import { printValue } from "./exposition.ts";
import { ExecutionError, QueryError } from "./promql/ast.ts";
import { evaluate } from "./promql/evaluate.ts";
import { parseQuery } from "./promql/parser.ts";
import type { Value } from "./promql/values.ts";
import type { SampleReader } from "./sampleStore.ts";

/** A request body is a form with a query; nobody writes one of this size. */
const LARGEST_BODY = 1024 * 1024;

/** Answers the part of Prometheus' HTTP API that controllers use: instant queries, and health. */
export function handleQueries(
  reader: SampleReader,
  now: () => number,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const url = new URL(request.url ?? "/", "http://metrics");
    if (url.pathname === "/-/healthy" || url.pathname === "/-/ready") {
      response.writeHead(200, { "content-type": "text/plain" });
      response.end("Prometheus Server is Healthy.\n");
      return;
    }
    if (url.pathname !== "/api/v1/query") {
      const text = `${url.pathname} is not served by the sandbox's own metrics store: it answers /api/v1/query`;
      sendError(response, 404, "not_found", text);
      return;
    }
    if (request.method === "GET") {
      answerQuery(response, url.searchParams, reader, now());
    } else if (request.method === "POST") {
      readForm(request, url.searchParams, (form) => {
        if (form === undefined) sendError(response, 413, "bad_data", `a request body may have ${LARGEST_BODY} bytes`);
        else answerQuery(response, form, reader, now());
      });
    } else {
      sendError(response, 405, "bad_data", "use GET or POST");
    }
  };
}

function readForm(
  request: IncomingMessage,
  query: URLSearchParams,
  done: (form: URLSearchParams | undefined) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  request.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= LARGEST_BODY) chunks.push(chunk);
  });
  request.on("end", () => {
    if (size > LARGEST_BODY) return done(undefined);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    for (const [name, value] of query) if (!form.has(name)) form.set(name, value);
    return done(form);
  });
  request.on("error", () => undefined);
}

function answerQuery(response: ServerResponse, form: URLSearchParams, reader: SampleReader, now: number): void {
  try {
    const at = readTime(form.get("time"), now);
    const value = evaluate(parse(form.get("query") ?? ""), reader, at);
    sendJson(response, 200, { status: "success", data: printResult(value, at) });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof QueryError) sendError(response, 400, "bad_data", message);
    else if (error instanceof ExecutionError) sendError(response, 422, "execution", message);
    else sendError(response, 500, "internal", message);
  }
}

function parse(query: string): ReturnType<typeof parseQuery> {
  try {
    return parseQuery(query);
  } catch (error) {
    if (error instanceof QueryError) throw new QueryError(`invalid parameter "query": ${error.message}`);
    throw error;
  }
}

/** Seconds since the epoch or RFC 3339, in milliseconds. */
function readTime(text: string | null, now: number): number {
  if (text === null || text === "") return now;
  const seconds = Number(text);
  const time = Number.isFinite(seconds) ? Math.round(seconds * 1000) : Date.parse(text);
  if (Number.isNaN(time)) throw new QueryError(`invalid parameter "time": cannot parse "${text}" to a valid timestamp`);
  return time;
}

/** `data` of an answer. */
export function printResult(value: Value, at: number): { resultType: Value["type"]; result: unknown } {
  const point = (time: number, number: number): [number, string] => [time / 1000, printValue(number)];
  switch (value.type) {
    case "scalar":
      return { resultType: "scalar", result: point(at, value.value) };
    case "string":
      return { resultType: "string", result: [at / 1000, value.value] };
    case "vector":
      return {
        resultType: "vector",
        result: value.samples.map((sample) => ({ metric: sample.labels, value: point(at, sample.value) })),
      };
    case "matrix":
      return {
        resultType: "matrix",
        result: value.series.map(({ labels, points }) => ({
          metric: labels,
          values: points.times.map((time, index) => point(time, points.values[index] ?? Number.NaN)),
        })),
      };
  }
}

function sendError(response: ServerResponse, code: number, errorType: string, error: string): void {
  sendJson(response, code, { status: "error", errorType, error });
}

function sendJson(response: ServerResponse, code: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(code, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}
