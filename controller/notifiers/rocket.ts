import type { Notifier } from "./notifier.ts";
import { attachment } from "./slack.ts";

/** Rocket.Chat: Slack's messages in colours of its own. */
export const rocket: Notifier = (notice, mailbox) => ({
  url: mailbox.address,
  headers: {},
  body: attachment(notice, mailbox, { good: "#0076D7", bad: "#FF0000" }),
});
