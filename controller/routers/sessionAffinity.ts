import { analysisOf, type Canary, intervalMs, type SessionAffinity, type Traffic } from "../../api/index.ts";

/** What keeps clients where they are while requests are split, worked out from the Canary for one split. */
export type Affinity =
  | { readonly kind: "off" }
  /** Clients on the canary stay there by its cookie, those on the primary too if they get one. */
  | { readonly kind: "sticky"; readonly canary: Cookie; readonly primary?: Cookie }
  /** The release is over: whoever still carries this cookie loses it. */
  | { readonly kind: "cleanup"; readonly cookie: Cookie };

export interface Cookie {
  /** Matches the whole Cookie header of a client that has it. */
  readonly pattern: string;
  /** Value of the Set-Cookie header. */
  readonly setCookie: string;
}

/**
 * The rules of affinity for a split. The cookies come from the status, where they are made once per release, and which is written before
 * the route. So with no share for the canary only the previous cookie counts: a current one has met nobody yet. And while there is
 * still a share but no current cookie, it is the previous one that clients carry.
 */
export function affinityOf(canary: Canary, traffic: Traffic, options: { readonly primaryCookie: boolean }): Affinity {
  const settings = analysisOf(canary).sessionAffinity;
  if (settings === undefined) {
    return { kind: "off" };
  }
  const { sessionAffinityCookie, previousSessionAffinityCookie, primarySessionAffinityCookie } = canary.status ?? {};
  if (traffic.canary === 0) {
    const over = previousSessionAffinityCookie;
    return over
      ? { kind: "cleanup", cookie: { pattern: patternOf(over), setCookie: `${over}; Max-Age=-1` } }
      : { kind: "off" };
  }
  const current = sessionAffinityCookie || previousSessionAffinityCookie;
  if (!current) {
    return { kind: "off" };
  }
  const sticky: Cookie = {
    pattern: patternOf(current),
    setCookie: withAttributes(current, settings.maxAge || 86400, settings),
  };
  if (!options.primaryCookie || !settings.primaryCookieName || !primarySessionAffinityCookie) {
    return { kind: "sticky", canary: sticky };
  }
  const primary: Cookie = {
    pattern: patternOf(primarySessionAffinityCookie),
    setCookie: withAttributes(primarySessionAffinityCookie, Math.round(intervalMs(canary) / 1000), settings),
  };
  return { kind: "sticky", canary: sticky, primary };
}

function patternOf(cookie: string): string {
  const at = cookie.indexOf("=");
  const [name, value] = at < 0 ? [cookie, ""] : [cookie.slice(0, at), cookie.slice(at + 1)];
  return `.*${escaped(name)}.*${escaped(value)}.*`;
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** Attributes in the order that clients of these Canaries have always seen. */
function withAttributes(cookie: string, maxAgeSeconds: number, settings: SessionAffinity): string {
  return [
    cookie,
    `Max-Age=${maxAgeSeconds}`,
    settings.domain && `Domain=${settings.domain}`,
    settings.httpOnly && "HttpOnly",
    settings.partitioned && "Partitioned",
    settings.path && `Path=${settings.path}`,
    settings.sameSite && `SameSite=${settings.sameSite}`,
    settings.secure && "Secure",
  ]
    .filter(Boolean)
    .join("; ");
}
