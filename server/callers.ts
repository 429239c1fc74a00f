import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { messageOf, WeirError } from "../api/index.ts";
import type { Options } from "./options.ts";

/** Who may call: holders of a certificate of this authority, under one of these names. */
export interface Callers {
  /** PEM. */
  readonly ca: string;
  mayCall(request: IncomingMessage): boolean;
}

/** Undefined when anybody may: an answer only shapes the caller's own request. */
export async function readCallers({ clientCaFile, clientNames }: Options): Promise<Callers | undefined> {
  if (clientCaFile === undefined) {
    return undefined;
  }
  try {
    const ca = await readFile(clientCaFile, "utf8");
    return { ca, mayCall: ({ socket }) => isNamed(socket as TLSSocket, new Set(clientNames)) };
  } catch (error) {
    const message = `--client-ca-file ${clientCaFile}: ${messageOf(error)}`;
    throw new WeirError("config.invalid", "terminal", message, { cause: error });
  }
}

/** By common name or DNS name. No list of names means that the authority alone decides. */
function isNamed(socket: TLSSocket, names: ReadonlySet<string>): boolean {
  if (names.size === 0) {
    return socket.authorized;
  }
  const { subject, subjectaltname = "" } = socket.getPeerCertificate();
  const common: unknown = subject?.CN;
  const alternatives = subjectaltname.split(", ").map((each) => each.replace(/^DNS:/, ""));
  return (
    socket.authorized &&
    [...(Array.isArray(common) ? common : [common]), ...alternatives].some((each) => names.has(each))
  );
}
