import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../api/index.ts";
import { type PublishApi, publishBundle, publishUrl } from "../certs/publish.ts";
import type { Logger } from "../controller/kube/log.ts";
import type { Options } from "./options.ts";

const firstWaitMs = 500;
const longestWaitMs = 15_000;

/** Publishes the authority, and tries until it is done: the configurations may be installed after us. False when told to stop. */
export async function publish(
  api: PublishApi,
  bundle: string,
  options: Options,
  log: Logger,
  signal: AbortSignal,
): Promise<boolean> {
  for (let waitMs = firstWaitMs; !signal.aborted; waitMs = Math.min(longestWaitMs, waitMs * 2)) {
    try {
      await publishOnce(api, bundle, options);
      log.info("authority published", options.publishUrl === undefined ? {} : { url: options.publishUrl });
      return true;
    } catch (error) {
      log.warn("authority not published yet", { error: messageOf(error), retryMs: waitMs });
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }
  return false;
}

function publishOnce(api: PublishApi, bundle: string, options: Options): Promise<void> {
  if (options.publishUrl === undefined) {
    return publishBundle(api, bundle);
  }
  return publishUrl(api, bundle, {
    endpoint: { url: options.publishUrl },
    sparedNamespaces: ["kube-system", "kube-node-lease", options.namespace],
    controllerUsers: options.controllerUsers,
  });
}
