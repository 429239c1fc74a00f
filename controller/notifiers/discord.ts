import type { Notifier } from "./notifier.ts";
import { attachment } from "./slack.ts";

/** Discord understands Slack's messages at `/slack` of its hooks. */
export const discord: Notifier = (notice, mailbox) => ({
  url: atSlack(mailbox.address),
  headers: {},
  body: attachment(notice, mailbox, { good: "good", bad: "danger" }),
});

function atSlack(address: string): string {
  if (!URL.canParse(address)) return address;
  const url = new URL(address);
  if (!url.pathname.endsWith("/slack")) url.pathname = `${url.pathname.replace(/\/$/, "")}/slack`;
  return url.href;
}
