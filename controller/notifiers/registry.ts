import { discord } from "./discord.ts";
import { gchat } from "./gchat.ts";
import { msteams } from "./msteams.ts";
import type { Notifier } from "./notifier.ts";
import { rocket } from "./rocket.ts";
import { slack } from "./slack.ts";

/** Every type of AlertProvider. */
export const notifiers: ReadonlyMap<string, Notifier> = new Map(
  Object.entries({ slack, msteams, discord, rocket, gchat }),
);
