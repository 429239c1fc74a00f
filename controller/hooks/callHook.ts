import { type CanaryHook, hookRetries, hookTimeoutMs } from "../../api/index.ts";
import { type Clock, pause } from "../kube/clock.ts";
import { type ExchangeResult, exchange, type Outside } from "./exchange.ts";
import type { HookPayload } from "./payload.ts";

/** `message` completes the known texts (`… failed {message}`); empty when all is well. */
export interface HookResult {
  readonly ok: boolean;
  readonly message: string;
}

const firstWaitMs = 1000;
const longestWaitMs = 30_000;
/** What is kept of an answer: an event holds 1024 characters in all. */
const maxMessageChars = 512;

/**
 * Calls a hook until it answers or its tries are used up. Any 2xx is a yes. 429, 5xx (but 501) and faults of the connection are tried
 * again after 1 s, 2 s, 4 s … up to 30 s, or as long as Retry-After asks for, within that limit. Never rejects, never hangs: every try has the
 * hook's timeout, and the signal ends everything.
 */
export async function callHook(
  hook: CanaryHook,
  payload: HookPayload,
  outside: Outside,
  signal: AbortSignal,
): Promise<HookResult> {
  const tries = hookRetries(hook) + 1;
  for (let attempt = 1; ; attempt++) {
    const result = await tryOnce(hook, payload, outside, signal);
    const verdict = judge(hook, result, attempt);
    if (verdict.kind === "final") {
      return verdict.result;
    }
    if (attempt >= tries) {
      return { ok: false, message: verdict.message };
    }
    await pause(outside.clock, waitMs(result, attempt, outside.clock), signal);
    if (signal.aborted) {
      return { ok: false, message: verdict.message };
    }
  }
}

function tryOnce(
  hook: CanaryHook,
  payload: HookPayload,
  outside: Outside,
  signal: AbortSignal,
): Promise<ExchangeResult> {
  return exchange(
    {
      url: hook.url,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(payload),
      timeoutMs: hookTimeoutMs(hook),
      maxBodyBytes: 4 * maxMessageChars,
      verifyTls: hook.disableTLS !== true,
    },
    outside,
    signal,
  );
}

type Verdict =
  | { readonly kind: "final"; readonly result: HookResult }
  /** `message` is for when there is no further try. */
  | { readonly kind: "again"; readonly message: string };

function judge(hook: CanaryHook, result: ExchangeResult, attempt: number): Verdict {
  const gaveUp = `POST ${redacted(hook.url)} giving up after ${attempt} attempt(s)`;
  switch (result.kind) {
    case "aborted":
      return { kind: "final", result: { ok: false, message: `POST ${redacted(hook.url)} was stopped` } };
    case "broken": {
      const message = `${gaveUp}: Post "${redacted(hook.url)}": ${result.why}`;
      return result.retriable ? { kind: "again", message } : { kind: "final", result: { ok: false, message } };
    }
    case "answered":
      if (result.status >= 200 && result.status < 300) {
        return { kind: "final", result: { ok: true, message: "" } };
      }
      if (result.status === 429 || (result.status >= 500 && result.status !== 501)) {
        return { kind: "again", message: `${gaveUp}: ${wordsOf(result)}` };
      }
      return { kind: "final", result: { ok: false, message: wordsOf(result) } };
  }
}

/** What the hook said, or at least its status. */
function wordsOf(answer: Extract<ExchangeResult, { kind: "answered" }>): string {
  const text = answer.body.trim();
  if (text === "") {
    return `status ${answer.status}`;
  }
  return text.length > maxMessageChars || answer.truncated ? `${text.slice(0, maxMessageChars)}…` : text;
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

/** The URL without its password: this text goes into events. */
export function redacted(text: string): string {
  if (!URL.canParse(text)) {
    return text;
  }
  const url = new URL(text);
  if (url.password === "") {
    return text;
  }
  url.password = "xxxxx";
  return url.href;
}
