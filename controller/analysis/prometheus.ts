import { STATUS_CODES } from "node:http";
import { fieldsOf, itemsOf } from "../../api/index.ts";
import { redacted } from "../hooks/callHook.ts";
import { type ExchangeResult, exchange, type Outside } from "../hooks/exchange.ts";
import type { MetricProvider, Outcome, ProviderFactory, ProviderInput } from "./provider.ts";

const timeoutMs = 5000;
/** An answer has one number per series; anything larger is a query gone wrong. */
const maxBodyBytes = 10 * 1024 * 1024;
const maxErrorChars = 512;

type Headers = Readonly<Record<string, string | readonly string[]>>;

/** A Prometheus, or what speaks like one. A path in the address is kept; user and password in it become basic authentication. */
export const prometheus: ProviderFactory = (input, outside) => {
  const address = input.spec.address ?? "";
  if (!/^https?:\/\//.test(address) || !URL.canParse(address)) {
    return { problem: `${input.spec.type} address ${address} is not a valid URL` };
  }
  const headers = headersOf(input);
  if ("problem" in headers) {
    return { problem: headers.problem };
  }
  const ask = (query: string, signal: AbortSignal): Promise<Outcome> =>
    askPrometheus(
      { address, headers: headers.headers, verifyTls: input.spec.insecureSkipVerify !== true },
      query,
      outside,
      signal,
    );
  return {
    query: ask,
    async online(signal) {
      const outcome = await ask("vector(1)", signal);
      switch (outcome.kind) {
        case "failed":
          return `running query failed: ${outcome.error}`;
        case "noData":
          return "running query failed: no values found";
        case "value":
          return outcome.value === 1 ? undefined : `vector(1) should be 1 but is ${outcome.value}`;
      }
    },
  } satisfies MetricProvider;
};

function headersOf(input: ProviderInput): { readonly headers: Headers } | { readonly problem: string } {
  const headers: Headers = { ...input.spec.headers };
  const { credentials } = input;
  if (credentials === undefined) {
    return { headers };
  }
  const { token, username, password } = credentials;
  if (token) {
    return { headers: { ...headers, Authorization: `Bearer ${token}` } };
  }
  if (username === undefined || password === undefined) {
    const missing = username === undefined ? "username" : "password";
    return { problem: `${input.spec.type} credentials does not contain a ${missing}` };
  }
  const pair = Buffer.from(`${username}:${password}`).toString("base64");
  return { headers: username && password ? { ...headers, Authorization: `Basic ${pair}` } : headers };
}

interface Endpoint {
  readonly address: string;
  readonly headers: Headers;
  readonly verifyTls: boolean;
}

async function askPrometheus(
  endpoint: Endpoint,
  query: string,
  outside: Outside,
  signal: AbortSignal,
): Promise<Outcome> {
  const url = new URL(endpoint.address);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/api/v1/query`;
  url.search = "";
  url.hash = "";
  const shown = redacted(url.href);
  url.searchParams.set("query", query);
  const { verifyTls, headers } = endpoint;
  const request = { url: url.href, method: "GET", headers, timeoutMs, maxBodyBytes, verifyTls } as const;
  return read(await exchange(request, outside, signal), shown);
}

function read(result: ExchangeResult, url: string): Outcome {
  switch (result.kind) {
    case "aborted":
      return { kind: "failed", error: `request to ${url} was stopped` };
    case "broken":
      return { kind: "failed", error: `request failed: Get "${url}": ${result.why}` };
    case "answered":
      return result.status >= 400 ? { kind: "failed", error: statusText(result) } : lastValue(result, url);
  }
}

type Answered = Extract<ExchangeResult, { kind: "answered" }>;

function statusText({ status, body }: Answered): string {
  const text = body.trim();
  const cut = text.length > maxErrorChars ? `${text.slice(0, maxErrorChars)}…` : text;
  return `error response: Status ${status} ${STATUS_CODES[status] ?? ""}: ${cut}`;
}

/** The value of the last series; several series are an accident of the query, and the last is what has always counted. */
function lastValue(answer: Answered, url: string): Outcome {
  if (answer.truncated) {
    return { kind: "failed", error: `the answer of ${url} is larger than ${maxBodyBytes / 1024 / 1024} MiB` };
  }
  const body = parsed(answer.body);
  const result = fieldsOf(fieldsOf(body)["data"])["result"];
  if (!Array.isArray(result) || result.some((entry) => typeof entry !== "object" || entry === null)) {
    return { kind: "failed", error: `${url} did not answer with a list of series: ${answer.body.slice(0, 100)}` };
  }
  let value: number | undefined;
  for (const series of itemsOf(result)) {
    if (series["values"] !== undefined) {
      return { kind: "failed", error: "query returned multiple values" };
    }
    const sample: unknown = Array.isArray(series["value"]) ? series["value"][1] : undefined;
    if (typeof sample === "string") {
      value = numberFrom(sample);
      if (value === undefined) {
        return { kind: "failed", error: `${url} answered with "${sample.slice(0, 40)}" instead of a number` };
      }
    }
  }
  return value === undefined || Number.isNaN(value) ? { kind: "noData" } : { kind: "value", value };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const special: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  "+Inf": Number.POSITIVE_INFINITY,
  Inf: Number.POSITIVE_INFINITY,
  "-Inf": Number.NEGATIVE_INFINITY,
};

function numberFrom(text: string): number | undefined {
  const value = special[text] ?? (text.trim() === "" ? Number.NaN : Number(text));
  return Number.isNaN(value) && text !== "NaN" ? undefined : value;
}
