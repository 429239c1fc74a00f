import type { Pair } from "./issue.ts";

/** A pair that signs serving certificates, with its time. */
export interface Authority extends Pair {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** What all replicas share, as the Secret holds it. */
export interface Authorities {
  readonly current: Authority;
  /** Signs after the promotion. `publishedAt`: since when every configuration was seen to trust it. */
  readonly next?: { readonly authority: Authority; readonly publishedAt?: Date };
  /** Signed before; trusted until the last certificate that it signed has ended. PEM without a key. */
  readonly previous?: { readonly cert: string; readonly until: Date };
}

/** What this replica serves. */
export interface Leaf {
  /** PEM of the authority that signed it. */
  readonly authority: string;
  /** Two thirds of its life: time for a new one. */
  readonly renewAt: Date;
}

export interface Seen {
  /** Undefined when there are none, or none that can be read. */
  readonly authorities: Authorities | undefined;
  /** PEM that each webhook trusts; undefined while nothing is to be published. */
  readonly published: readonly string[] | undefined;
  readonly leaf: Leaf | undefined;
  readonly now: Date;
}

export type Step =
  | { readonly kind: "create" }
  | { readonly kind: "reissue"; readonly authority: Authority }
  | { readonly kind: "publish"; readonly bundle: string }
  | { readonly kind: "prepare"; readonly keep: Authorities }
  | { readonly kind: "note" | "forget" | "promote" | "drop"; readonly write: Authorities }
  | { readonly kind: "wait" };

export const leafLifeMs = 90 * 86_400_000;
/** API servers learn of a bundle by watch: a minute is enough, another one is for clocks that differ. */
const settleMs = 120_000;

/** PEM of all that callers must trust. The order is fixed, so that equal sets are equal texts. */
export function bundleOf({ previous, current, next }: Authorities): string {
  return [previous?.cert, current.cert, next?.authority.cert]
    .filter((cert) => cert !== undefined)
    .map((cert) => `${cert.trim()}\n`)
    .join("");
}

/**
 * The next step of a rotation in which no caller ever meets a certificate that it does not trust:
 *
 *   create ── reissue ── publish ── wait … two thirds of the authority's life
 *   prepare (Secret: next) ── publish (both) ── note (seen in every configuration) ── wait ── promote (Secret: next is current)
 *   reissue (each replica for itself) ── wait until the last leaf of the previous one has ended ── drop ── publish
 *
 * Every step follows from what is stored, so a crash after any of them, or another replica that does the same, changes nothing.
 */
export function planStep({ authorities, published, leaf, now }: Seen): Step {
  if (authorities === undefined) {
    return { kind: "create" };
  }
  const { current, next } = authorities;
  if (now >= current.notAfter) {
    // Too late for an overlap: whatever is served now fails everywhere.
    return next !== undefined && now < next.authority.notAfter
      ? { kind: "promote", write: { current: next.authority } }
      : { kind: "create" };
  }
  if (leaf === undefined || leaf.authority !== current.cert || now >= leaf.renewAt) {
    return { kind: "reissue", authority: current };
  }
  return published === undefined ? { kind: "wait" } : planTrust(authorities, published, now);
}

/** What callers are told to trust, and what follows once they do. */
function planTrust(authorities: Authorities, published: readonly string[], now: Date): Step {
  const { current, next, previous } = authorities;
  const bundle = bundleOf(authorities);
  if (published.some((each) => each !== bundle)) {
    // Somebody wrote an older bundle: the wait for API servers to learn starts again.
    return next?.publishedAt === undefined
      ? { kind: "publish", bundle }
      : { kind: "forget", write: { ...authorities, next: { authority: next.authority } } };
  }
  if (previous !== undefined && now >= previous.until) {
    const { previous: _gone, ...write } = authorities;
    return { kind: "drop", write };
  }
  if (next === undefined) {
    return now >= renewalOf(current) ? { kind: "prepare", keep: authorities } : { kind: "wait" };
  }
  if (next.publishedAt === undefined) {
    return { kind: "note", write: { ...authorities, next: { ...next, publishedAt: now } } };
  }
  if (now.getTime() < next.publishedAt.getTime() + settleMs) {
    return { kind: "wait" };
  }
  // A replica that read the Secret just before still signs with the old one: its leaf starts now at the latest.
  const until = new Date(Math.min(now.getTime() + leafLifeMs + settleMs, current.notAfter.getTime()));
  return { kind: "promote", write: { current: next.authority, previous: { cert: current.cert, until } } };
}

/** Two thirds of its life. */
export function renewalOf({ notBefore, notAfter }: Pick<Authority, "notBefore" | "notAfter">): Date {
  return new Date(notBefore.getTime() + ((notAfter.getTime() - notBefore.getTime()) * 2) / 3);
}
