type Env = Readonly<Record<string, string | undefined>>;

/** An HTTP proxy. */
export interface Proxy {
  readonly host: string;
  readonly port: number;
  /** `Proxy-Authorization`, when the URL carries a user. */
  readonly authorization: string | undefined;
}

/**
 * The proxy that the environment names for a plain HTTP URL (`http_proxy`, `HTTP_PROXY`; not for loopback and what
 * `NO_PROXY` lists). Undefined for none.
 */
export function proxyFor(target: URL, env: Env): Proxy | undefined {
  const named = env["http_proxy"] || env["HTTP_PROXY"];
  if (target.protocol !== "http:" || !named || isDirect(target, env)) return undefined;
  const proxy = URL.parse(named.includes("://") ? named : `http://${named}`);
  if (proxy === null) return undefined;
  const user = decodeURIComponent(`${proxy.username}:${proxy.password}`);
  return {
    host: proxy.hostname,
    port: Number(proxy.port || 80),
    authorization: user === ":" ? undefined : `Basic ${Buffer.from(user).toString("base64")}`,
  };
}

function isDirect({ hostname, host }: URL, env: Env): boolean {
  if (hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.")) return true;
  const listed = (env["no_proxy"] || env["NO_PROXY"] || "").split(",").map((entry) => entry.trim());
  return listed.some((entry) => {
    if (entry === "*") return true;
    const domain = entry.replace(/^\*?\./, "");
    return entry !== "" && (hostname === domain || host === entry || hostname.endsWith(`.${domain}`));
  });
}
