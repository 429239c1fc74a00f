import { createHmac, randomBytes, type X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { ApiError, type UserInfo } from "./types.ts";

/** Bearer tokens of one sandbox. Tokens live as long as it does. */
export class Tokens {
  readonly #byToken = new Map<string, UserInfo>();
  readonly #byUser = new Map<string, string>();
  readonly #secret: Buffer;

  /** The same secret makes the same tokens. */
  constructor(secret: Buffer = randomBytes(32)) {
    this.#secret = secret;
  }

  /** The token of a user, made on first use. The groups of the first use stay. */
  tokenOf(user: string, groups: readonly string[]): string {
    const known = this.#byUser.get(user);
    if (known !== undefined) return known;
    const token = createHmac("sha256", this.#secret).update(user).digest("base64url");
    this.#byUser.set(user, token);
    this.#byToken.set(token, { username: user, groups: withAuthenticated(groups) });
    return token;
  }

  userOf(token: string): UserInfo | undefined {
    return this.#byToken.get(token);
  }
}

/** Whoever has a credential is in this group too. */
export function withAuthenticated(groups: readonly string[]): string[] {
  return groups.includes("system:authenticated") ? [...groups] : [...groups, "system:authenticated"];
}

/** Somebody without any credential. What they may do is for the authorizer to say. */
const anonymous: UserInfo = { username: "system:anonymous", groups: ["system:unauthenticated"] };

/** Who sent the request. Throws 401 when it carries a token that is not, or no longer, good. */
export function authenticate(request: IncomingMessage, userOf: (token: string) => UserInfo | undefined): UserInfo {
  const token = /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (token === undefined) return fromCertificate(request) ?? anonymous;
  const user = userOf(token) ?? fromCertificate(request);
  if (user === undefined) throw new ApiError(401, "Unauthorized", "Unauthorized");
  return user;
}

function fromCertificate(request: IncomingMessage): UserInfo | undefined {
  const { socket } = request;
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const certificate: X509Certificate | undefined = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const fields = certificate.subject.split("\n").map((line) => line.split("=") as [string, string?]);
  const values = (key: string) => fields.filter(([name]) => name === key).map(([, value]) => value ?? "");
  const [username] = values("CN");
  return username === undefined ? undefined : { username, groups: withAuthenticated(values("O")) };
}

/** Groups that go with a user name by itself: those of service accounts. */
export function groupsOf(username: string): string[] {
  const match = /^system:serviceaccount:([^:]+):[^:]+$/.exec(username);
  return match === null ? [] : ["system:serviceaccounts", `system:serviceaccounts:${match[1]}`];
}

/** A kubeconfig (JSON is YAML) with one cluster, one user and one context. */
export function renderKubeconfig(url: string, ca: string, user: string, token: string): string {
  const context = { cluster: "weir-sandbox", user, namespace: "default" };
  const lines = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "weir-sandbox",
        cluster: { server: url, "certificate-authority-data": Buffer.from(ca).toString("base64") },
      },
    ],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: "weir-sandbox", context }],
    "current-context": "weir-sandbox",
  };
  return `${JSON.stringify(lines, undefined, 2)}\n`;
}
