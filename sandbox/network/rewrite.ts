import type { Match, Redirect, UrlRewrite } from "./model.ts";

/** The path (with query) after a rewrite. A prefix rewrite replaces what the match's prefix covered. */
export function rewritePath(target: string, rewrite: UrlRewrite, match: Match): string {
  if (rewrite.path === undefined) return target;
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? "" : target.slice(mark);
  if (rewrite.path.kind === "full") return `${rewrite.path.value || "/"}${query}`;
  const prefix = match.path?.kind === "prefix" ? match.path.value.replace(/\/$/, "") : "";
  const rest = path.slice(prefix.length).replace(/^\//, "");
  const front = rewrite.path.value.replace(/\/$/, "");
  // `/foo` with prefix `/foo` and replacement `/bar` is `/bar`, not `/bar/`; with replacement `/` it is `/`.
  const joined = rest === "" && path.length === prefix.length ? front : `${front}/${rest}`;
  return `${joined || "/"}${query}`;
}

/** The Location of a redirect. Ports that the scheme implies are left out. */
export function locationOf(
  redirect: Redirect,
  match: Match,
  request: { host: string; target: string; port: number },
): string {
  const scheme = redirect.scheme ?? "http";
  const port = redirect.port ?? (redirect.scheme === undefined ? request.port : scheme === "https" ? 443 : 80);
  const implied = (scheme === "http" && port === 80) || (scheme === "https" && port === 443);
  const host = redirect.hostname ?? request.host;
  return `${scheme}://${host}${implied ? "" : `:${port}`}${rewritePath(request.target, redirect, match)}`;
}
