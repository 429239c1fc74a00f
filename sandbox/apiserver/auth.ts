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

  /** A further token for a service account, as TokenRequest hands out. */
  issue(user: UserInfo): string {
    const token = randomBytes(48).toString("base64url");
    this.#byToken.set(token, { ...user, groups: withAuthenticated(user.groups) });
    return token;
  }

  userOf(token: string): UserInfo | undefined {
    return this.#byToken.get(token);
  }
}

function withAuthenticated(groups: readonly string[]): string[] {
  return groups.includes("system:authenticated") ? [...groups] : [...groups, "system:authenticated"];
}

/** Who sent the request. Throws 401 when it carries no valid token or certificate. */
export function authenticate(request: IncomingMessage, tokens: Tokens): UserInfo {
  const user = fromToken(request, tokens) ?? fromCertificate(request);
  if (user === undefined) throw new ApiError(401, "Unauthorized", "Unauthorized");
  return impersonated(request, user);
}

function fromToken(request: IncomingMessage, tokens: Tokens): UserInfo | undefined {
  const match = /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? "");
  return match?.[1] === undefined ? undefined : tokens.userOf(match[1]);
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

/** `Impersonate-User` and `Impersonate-Group`: only the impersonated user is visible afterwards. */
function impersonated(request: IncomingMessage, user: UserInfo): UserInfo {
  const username = request.headers["impersonate-user"];
  if (typeof username !== "string" || username === "") return user;
  if (!user.groups.includes("system:masters")) {
    const message = `users "${username}" is forbidden: User "${user.username}" cannot impersonate resource "users" in API group "" at the cluster scope`;
    throw new ApiError(403, "Forbidden", message, { name: username, kind: "users" });
  }
  const header = request.headers["impersonate-group"];
  const groups = header === undefined ? groupsOf(username) : [header].flat();
  return { username, groups: withAuthenticated(groups) };
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
