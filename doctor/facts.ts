import type { RawObject } from "../api/index.ts";

/** What was read, that there is none, or why it could not be learned. */
export type Known<T> =
  | { readonly kind: "known"; readonly value: T }
  | { readonly kind: "absent" }
  | { readonly kind: "unknown"; readonly why: string };

/** A right of one of our service accounts. */
export interface Right {
  readonly account: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly verb: string;
  /** Empty for every namespace. */
  readonly namespace: string;
  /** Empty for every name. */
  readonly name: string;
}

/** One place where the webhook is served, and what a caller meets there who trusts what the configurations say. */
export interface Contact {
  readonly address: string;
  readonly outcome:
    | { readonly kind: "trusted"; readonly notAfter: Date }
    | { readonly kind: "untrusted"; readonly why: string }
    | { readonly kind: "unreached"; readonly why: string };
}

/** What became of a Canary with a deliberate mistake. */
export type DryRun =
  | { readonly kind: "refusedByUs" }
  | { readonly kind: "accepted" }
  | { readonly kind: "failed"; readonly message: string };

/** All that a diagnosis needs: read by the reader, judged without another look. */
export interface Facts {
  readonly now: Date;
  readonly namespace: string;
  /** CustomResourceDefinitions by name. */
  readonly definitions: ReadonlyMap<string, Known<RawObject>>;
  readonly mutating: Known<RawObject>;
  readonly validating: Known<RawObject>;
  /** The Secret of our own authorities; absent where files or a URL take its place. */
  readonly secret: Known<RawObject>;
  readonly service: Known<RawObject>;
  /** EndpointSlices of the Service. */
  readonly slices: Known<readonly RawObject[]>;
  readonly contacts: readonly Contact[];
  readonly missingRights: Known<readonly Right[]>;
  readonly lease: Known<RawObject>;
  readonly dryRun: DryRun;
}

/** What is asked, in the order of the report. */
export type Check =
  | "definitions"
  | "configurations"
  | "service"
  | "endpoints"
  | "trust"
  | "certificate"
  | "rights"
  | "controller"
  | "dryRun";

export interface Finding {
  readonly check: Check;
  /** `unknown`: could not be learned from here, which is no fault by itself. */
  readonly verdict: "ok" | "warning" | "broken" | "unknown";
  readonly says: string;
  /** What to do about it. */
  readonly advice?: string;
}
