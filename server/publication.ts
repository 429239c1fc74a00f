import { messageOf } from "../api/index.ts";
import { type PublishApi, publishBundle, publishUrl } from "../certs/publish.ts";
import type { Logger } from "../controller/kube/log.ts";
import type { Options } from "./options.ts";
import { untilDone } from "./untilDone.ts";

/** Publishes the authority, and tries until it is done: the configurations may be installed after us. False when told to stop. */
export async function publish(
  api: PublishApi,
  bundle: string,
  options: Options,
  log: Logger,
  signal: AbortSignal,
): Promise<boolean> {
  const published = await untilDone(() => publishOnce(api, bundle, options), {
    signal,
    failed: (error, retryMs) => log.warn("authority not published yet", { error: messageOf(error), retryMs }),
  });
  if (published === undefined) {
    return false;
  }
  log.info("authority published", options.publishUrl === undefined ? {} : { url: options.publishUrl });
  return true;
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
