/**
 * What a data plane routes by. Gateway API and Traefik objects are both translated into this; nothing behind it knows either.
 */
import type { Cors } from "./cors.ts";

export type TextMatch =
  | { readonly kind: "exact"; readonly value: string }
  | { readonly kind: "regex"; readonly value: RegExp };

export interface NamedMatch {
  /** Header names are lower-case. */
  readonly name: string;
  readonly text: TextMatch;
}

/** `prefix` ends at a path element (Gateway API); `start` is a plain string prefix (Traefik). */
export type PathMatch =
  | { readonly kind: "exact" | "prefix" | "start"; readonly value: string }
  | { readonly kind: "regex"; readonly value: RegExp };

/** All parts that are present must hold. */
export interface Match {
  readonly path?: PathMatch;
  readonly method?: string;
  readonly headers: readonly NamedMatch[];
  readonly query: readonly NamedMatch[];
  /** The host as a regular expression (Traefik); plain hosts live in the entry, where they can be indexed. */
  readonly hostRegex?: RegExp;
  /** Matches that must not hold (Traefik's `!`). */
  readonly except?: readonly Match[];
  /** With `except`: hosts, because a negated leaf has no entry of its own. */
  readonly host?: string;
}

export interface HeaderChange {
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly add: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
}

export interface UrlRewrite {
  readonly hostname?: string;
  readonly path?: { readonly kind: "full" | "prefix"; readonly value: string };
}

export interface Redirect extends UrlRewrite {
  readonly scheme?: string;
  readonly port?: number;
  readonly statusCode: number;
}

export type Filter =
  | { readonly kind: "requestHeaders"; readonly change: HeaderChange }
  | { readonly kind: "responseHeaders"; readonly change: HeaderChange }
  | { readonly kind: "rewrite"; readonly rewrite: UrlRewrite }
  | { readonly kind: "redirect"; readonly redirect: Redirect }
  | { readonly kind: "cors"; readonly cors: Cors }
  | { readonly kind: "mirror"; readonly backend: Backend; readonly percent: number };

/** A port of a Service. */
export interface Backend {
  readonly namespace: string;
  readonly service: string;
  readonly port: number | string;
  /** Relative; 0 gets nothing. */
  readonly weight: number;
  readonly filters: readonly Filter[];
  /** Why requests for it are answered with 500: the reference can't be resolved or isn't allowed. */
  readonly broken?: string;
}

export interface Rule {
  /** Same rule, same id across updates: the memory of the weighted choice hangs on it. */
  readonly id: string;
  readonly backends: readonly Backend[];
  readonly filters: readonly Filter[];
  readonly requestTimeoutMs?: number;
  readonly backendTimeoutMs?: number;
}

/** One way into a rule. */
export interface Entry {
  /** `www.example.com`, `*.example.com` or undefined for any host. */
  readonly host: string | undefined;
  readonly match: Match;
  readonly rule: Rule;
  /** Compared number by number, larger first; entries that tie keep their order. */
  readonly rank: readonly number[];
}

/** Of a request, what routes look at. */
export interface RequestFacts {
  /** Lower-case, without port. */
  readonly host: string;
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}
