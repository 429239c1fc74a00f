import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { messageOf, WeirError } from "../api/index.ts";
import { type Rotation, type Serving, servingOf } from "./serving.ts";

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly renewed?: (serving: Serving) => void;
}

/**
 * A certificate that somebody else renews, such as cert-manager. Read by content: Kubernetes swaps a symbolic link beside the files,
 * which a file watcher does not see. A pair that does not fit (one file is new, the other not yet) is an error, and the old one stays.
 */
export function certificateFromFiles({ certFile, keyFile, renewed }: CertificateFiles): Rotation {
  let serving: Serving | undefined;
  return {
    serving: () => serving,
    async settle() {
      try {
        const [cert, key] = await Promise.all([readFile(certFile, "utf8"), readFile(keyFile, "utf8")]);
        if (serving?.pair.cert === cert && serving.pair.key === key) {
          return;
        }
        createSecureContext({ cert, key });
        serving = servingOf({ cert, key }, "");
      } catch (error) {
        const message = `${certFile} and ${keyFile} are no certificate with its key: ${messageOf(error)}`;
        throw new WeirError("tls.invalid", "retry", message, { cause: error });
      }
      renewed?.(serving);
    },
  };
}
