import { assertNever, type CanaryHook, hookRetries, hookTimeoutMs } from "../../api/index.ts";
import type { ExchangeRequest, ExchangeResult, Outside } from "./exchange.ts";
import type { HookPayload } from "./payload.ts";
import { mayChange, type Persisted, persist } from "./persist.ts";

/** `message` completes the known texts (`… failed {message}`); empty when all is well. */
export interface HookResult {
  readonly ok: boolean;
  readonly message: string;
}

/** What is kept of an answer: an event holds 1024 characters in all. */
const maxMessageChars = 512;

/** Calls a hook until it answers or its tries are used up. Any 2xx is a yes. Never rejects, never hangs: see `persist`. */
export async function callHook(
  hook: CanaryHook,
  payload: HookPayload,
  outside: Outside,
  signal: AbortSignal,
): Promise<HookResult> {
  const request: ExchangeRequest = {
    url: hook.url,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(payload),
    timeoutMs: hookTimeoutMs(hook),
    maxBodyBytes: 4 * maxMessageChars,
    verifyTls: hook.disableTLS !== true,
  };
  return judge(hook, await persist(request, hookRetries(hook) + 1, outside, signal));
}

function judge(hook: CanaryHook, { result, attempts }: Persisted): HookResult {
  const gaveUp = `POST ${redacted(hook.url)} giving up after ${attempts} attempt(s)`;
  switch (result.kind) {
    case "aborted":
      return { ok: false, message: `POST ${redacted(hook.url)} was stopped` };
    case "broken":
      return { ok: false, message: `${gaveUp}: Post "${redacted(hook.url)}": ${result.why}` };
    case "answered":
      if (result.status >= 200 && result.status < 300) return { ok: true, message: "" };
      return { ok: false, message: mayChange(result) ? `${gaveUp}: ${wordsOf(result)}` : wordsOf(result) };
    default:
      return assertNever(result);
  }
}

/** What the hook said, or at least its status. */
export function wordsOf(answer: Extract<ExchangeResult, { kind: "answered" }>): string {
  const text = answer.body.trim();
  if (text === "") {
    return `status ${answer.status}`;
  }
  return text.length > maxMessageChars || answer.truncated ? `${text.slice(0, maxMessageChars)}…` : text;
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
