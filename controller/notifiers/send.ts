import { createDispatchers } from "../hooks/dispatchers.ts";
import type { ExchangeResult, Outside } from "../hooks/exchange.ts";
import { persist } from "../hooks/persist.ts";
import type { Letter, Mailbox } from "./notifier.ts";

const timeoutMs = 5_000;
const tries = 3;
const maxBodyBytes = 512;

/** Posts a letter, in a bounded number of tries. What went wrong in words, without the address: it is often a secret itself. */
export async function send(
  letter: Letter,
  mailbox: Mailbox,
  outside: Outside,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!URL.canParse(letter.url)) return "sending notification failed to send: the address is no URL";
  if (mailbox.proxy !== undefined && !URL.canParse(mailbox.proxy))
    return "sending notification failed to send: the proxy is no URL";
  const { proxy } = mailbox;
  const own = proxy === undefined ? undefined : createDispatchers({ HTTP_PROXY: proxy, HTTPS_PROXY: proxy });
  try {
    const request = {
      url: letter.url,
      method: "POST",
      headers: { "content-type": "application/json", ...letter.headers },
      body: JSON.stringify(letter.body),
      timeoutMs,
      maxBodyBytes,
      verifyTls: true,
    } as const;
    const { result } = await persist(
      request,
      tries,
      own === undefined ? outside : { ...outside, dispatchers: own },
      signal,
    );
    return problemOf(result)?.replaceAll(letter.url, "the address");
  } finally {
    await own?.close();
  }
}

function problemOf(result: ExchangeResult): string | undefined {
  if (result.kind === "aborted") return "sending notification failed to send: stopped";
  if (result.kind === "broken") return `sending notification failed to send: ${result.why}`;
  if (result.status >= 200 && result.status < 300) return undefined;
  return `sending notification bad response ${result.status}: ${result.body.trim()}`;
}
