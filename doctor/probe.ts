import { connect } from "node:tls";
import type { Contact } from "./facts.ts";

const timeoutMs = 3_000;

/** Shakes hands as the API server would: trusting only the bundle, asking for the name by which it calls. Sends nothing. */
export function probe(
  { host, port, name }: { readonly host: string; readonly port: number; readonly name: string },
  bundle: string,
): Promise<Contact> {
  const address = `${host}:${port}`;
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      servername: /[a-z]/i.test(name) ? name : "",
      ca: bundle,
      rejectUnauthorized: false,
    });
    const end = (outcome: Contact["outcome"]): void => {
      socket.destroy();
      resolve({ address, outcome });
    };
    socket.setTimeout(timeoutMs, () => end({ kind: "unreached", why: `no answer within ${timeoutMs / 1000} s` }));
    socket.once("error", ({ message }) => end({ kind: "unreached", why: message }));
    socket.once("secureConnect", () => {
      const why = socket.authorizationError as Error | string | null | undefined;
      const notAfter = new Date(socket.getPeerCertificate().valid_to);
      end(socket.authorized ? { kind: "trusted", notAfter } : { kind: "untrusted", why: String(why) });
    });
  });
}
