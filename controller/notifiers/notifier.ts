import type { Notice } from "./notice.ts";

/** Where an alert goes, secrets filled in. */
export interface Mailbox {
  readonly type: string;
  readonly address: string;
  readonly channel: string;
  readonly username: string;
  /** Of Slack's own API, in place of an incoming hook. */
  readonly token?: string;
  /** HTTP proxy to send through. */
  readonly proxy?: string;
}

/** One HTTP POST. */
export interface Letter {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

/** How one kind of chat wants to be told. Pure: the sending is done for all of them in one place. */
export type Notifier = (notice: Notice, mailbox: Mailbox) => Letter;
