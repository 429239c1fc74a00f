import { type Clock, pause } from "../kube/clock.ts";
import { type ExchangeRequest, type ExchangeResult, exchange, type Outside } from "./exchange.ts";

/** How the last try went, and how many there were. */
export interface Persisted {
  readonly result: ExchangeResult;
  readonly attempts: number;
}

const firstWaitMs = 1000;
const longestWaitMs = 30_000;

/**
 * Tries until there is an answer that another try would not change, or until the tries are used up. 429, 5xx (but 501) and faults of the
 * connection are tried again after 1 s, 2 s, 4 s … up to 30 s, or as long as Retry-After asks for, within that limit. Never rejects, never
 * hangs: every try has the request's timeout, and the signal ends everything.
 */
export async function persist(
  request: ExchangeRequest,
  tries: number,
  outside: Outside,
  signal: AbortSignal,
): Promise<Persisted> {
  for (let attempts = 1; ; attempts++) {
    const result = await exchange(request, outside, signal);
    if (!mayChange(result) || attempts >= tries) return { result, attempts };
    await pause(outside.clock, waitMs(result, attempts, outside.clock), signal);
    if (signal.aborted) return { result, attempts };
  }
}

/** Whether another try may go better. */
export function mayChange(result: ExchangeResult): boolean {
  if (result.kind === "broken") return result.retriable;
  return result.kind === "answered" && (result.status === 429 || (result.status >= 500 && result.status !== 501));
}

function waitMs(result: ExchangeResult, attempt: number, clock: Clock): number {
  const asked = result.kind === "answered" ? retryAfterMs(result, clock) : undefined;
  return Math.min(longestWaitMs, asked ?? firstWaitMs * 2 ** Math.min(attempt - 1, 10));
}

function retryAfterMs(answer: Extract<ExchangeResult, { kind: "answered" }>, clock: Clock): number | undefined {
  const text = answer.headers["retry-after"];
  if (typeof text !== "string" || (answer.status !== 429 && answer.status !== 503)) {
    return undefined;
  }
  const seconds = Number(text);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(text) - clock.now().getTime();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
