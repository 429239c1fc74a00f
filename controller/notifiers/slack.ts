import type { Notice } from "./notice.ts";
import type { Mailbox, Notifier } from "./notifier.ts";

/** Colours of good and bad news. */
export interface Colours {
  readonly good: string;
  readonly bad: string;
}

/** By an incoming hook, or by `chat.postMessage` with a token. */
export const slack: Notifier = (notice, mailbox) => ({
  url: mailbox.address,
  headers: mailbox.token === undefined ? {} : { authorization: `Bearer ${mailbox.token}` },
  body: attachment(notice, mailbox, { good: "good", bad: "danger" }),
});

/** The message that Slack, and those that understand its language, show. */
export function attachment(notice: Notice, { channel, username }: Mailbox, { good, bad }: Colours): object {
  return {
    channel,
    username,
    icon_url: "",
    icon_emoji: ":rocket:",
    attachments: [
      {
        color: notice.severity === "error" ? bad : good,
        author_name: notice.subject,
        text: notice.message,
        mrkdwn_in: ["text"],
        fields: notice.fields.map(({ name, value }) => ({ title: name, value, short: false })),
      },
    ],
  };
}
