import { messageOf, WeirError } from "../api/index.ts";
import { inMemory, inSecret, type SecretApi, secretName } from "../certs/authorityStore.ts";
import { certificateFromFiles } from "../certs/files.ts";
import type { PublishApi } from "../certs/publish.ts";
import { createRotation, type Rotation, type Serving } from "../certs/serving.ts";
import type { Logger } from "../controller/kube/log.ts";
import type { Options } from "./options.ts";
import { createPublisher } from "./publication.ts";
import { untilDone } from "./untilDone.ts";

/** By wall clock: a machine that slept must not wait for a timer of months. Files change when their owner likes. */
const checkEveryMs = 60_000;
const checkFilesEveryMs = 10_000;

export interface CertificateParts {
  readonly options: Options;
  readonly api: PublishApi & SecretApi;
  readonly log: Logger;
  /** Told of each new certificate: swap it in. */
  renewed(serving: Serving): void;
}

/** Where the serving certificate comes from: files that somebody else renews, or an authority of our own. */
export function createCertificates({ options, api, log, renewed }: CertificateParts): Rotation {
  if (options.tlsFiles !== undefined) {
    return certificateFromFiles({ ...options.tlsFiles, renewed });
  }
  return createRotation({
    store: options.selfSigned ? inMemory() : inSecret(api, options.namespace, secretName),
    publisher: createPublisher(api, options),
    hosts: hostsOf(options),
    now: () => new Date(),
    renewed,
    stepped: (step) => log.info("certificates", { step }),
  });
}

/** The authority is in the cluster, which may come up after us. What waiting cannot mend (no rights) ends the process. */
export function obtain(certificates: Rotation, log: Logger, signal: AbortSignal) {
  return untilDone(() => certificates.settle(false), {
    signal,
    failed(error, retryMs) {
      if (!(error instanceof WeirError) || error.class === "terminal") {
        throw error;
      }
      log.warn("no certificate yet", { error: messageOf(error), retryMs });
    },
  });
}

/** Publishes the authority, and tries until it is done: the configurations may be installed after us. False when told to stop. */
export async function publish(certificates: Rotation, options: Options, log: Logger, signal: AbortSignal) {
  if (options.tlsFiles !== undefined) {
    return true;
  }
  const published = await untilDone(() => certificates.settle(true), {
    signal,
    failed: (error, retryMs) => log.warn("authority not published yet", { error: messageOf(error), retryMs }),
  });
  if (published === undefined) {
    return false;
  }
  log.info("authority published", options.publishUrl === undefined ? {} : { url: options.publishUrl });
  return true;
}

/** Goes on with the rotation while serving. A failure keeps the certificate, which has a third of its life left. */
export function keepRotating(
  certificates: Rotation,
  publishing: () => boolean,
  { options, log, signal }: { readonly options: Options; readonly log: Logger; readonly signal: AbortSignal },
): void {
  let busy = false;
  const check = async () => {
    if (busy) {
      return;
    }
    busy = true;
    try {
      await certificates.settle(publishing());
    } catch (error) {
      log.error("certificates not checked", { error: messageOf(error) });
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(() => void check(), options.tlsFiles === undefined ? checkEveryMs : checkFilesEveryMs);
  timer.unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

/** Every name and address by which the API server may call. */
function hostsOf({ namespace, host, publishUrl }: Options): readonly string[] {
  const service = `weir-server.${namespace}.svc`;
  const outside = publishUrl === undefined ? [] : [new URL(publishUrl).hostname.replace(/^\[|\]$/g, "")];
  const local = ["localhost", "127.0.0.1", "::1", ...(host === "0.0.0.0" || host === "::" ? [] : [host])];
  return [...new Set([service, `${service}.cluster.local`, ...outside, ...local])];
}
