import { messageOf } from "../../api/errors.ts";
import type { Logger } from "./log.ts";

/** Lets a promise go its own way. The one place where that is allowed: a rejection is logged, never lost, never fatal. */
export function detach(promise: Promise<unknown>, what: string, log: Logger): void {
  promise.then(undefined, (error: unknown) => log.error("detached work failed", { what, error: messageOf(error) }));
}
