import type { Notifier } from "./notifier.ts";

/** A MessageCard of Microsoft Teams. */
export const msteams: Notifier = ({ subject, message, severity, fields }, mailbox) => ({
  url: mailbox.address,
  headers: {},
  body: {
    "@type": "MessageCard",
    "@context": "http://schema.org/extensions",
    themeColor: severity === "error" ? "FF0000" : "0076D7",
    summary: subject,
    sections: [{ activityTitle: message, activitySubtitle: subject, facts: fields }],
  },
});
