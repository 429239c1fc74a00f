import type { Notifier } from "./notifier.ts";

/** A card of Google Chat: the message, then a section per field. */
export const gchat: Notifier = ({ subject, message, fields }, mailbox) => ({
  url: mailbox.address,
  headers: {},
  body: {
    cards: [
      {
        header: { title: "Flagger", subtitle: subject, imageUrl: "https://flagger.app/favicon.png" },
        sections: [
          section(escaped(message)),
          ...fields.map(({ name, value }) => section(`${escaped(name)}<br>${strong(value)}`)),
        ],
      },
    ],
  },
});

function section(text: string): object {
  return { widgets: [{ textParagraph: { text } }] };
}

function strong(text: string): string {
  return `<font color=#848484><strong>${escaped(text)}</strong></font>`;
}

/** Texts carry words of others, such as names of users; a card is HTML. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
