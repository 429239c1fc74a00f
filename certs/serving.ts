import { X509Certificate } from "node:crypto";
import { assertNever } from "../api/index.ts";
import { type AuthorityStore, authorityOf, type Kept } from "./authorityStore.ts";
import { createAuthority, issueServing, type Pair } from "./issue.ts";
import { type Authority, type Leaf, planStep, renewalOf, type Step } from "./plan.ts";

/** What the TLS server needs now, and until when it is good. */
export interface Serving extends Leaf {
  readonly pair: Pair;
  readonly notAfter: Date;
}

/** Where callers are told whom to trust. */
export interface Publisher {
  /** PEM that each webhook trusts. */
  read(): Promise<readonly string[]>;
  publish(bundle: string): Promise<void>;
}

export interface RotationParts {
  readonly store: AuthorityStore;
  readonly publisher: Publisher;
  /** Names and addresses by which callers reach us. */
  readonly hosts: readonly string[];
  readonly now: () => Date;
  /** Told of each new certificate: swap it in. */
  readonly renewed?: (serving: Serving) => void;
  /** Told of each step that was done. */
  readonly stepped?: (step: Step["kind"]) => void;
}

/** One replica's part in the rotation. Several replicas that share a store may all take every step. */
export interface Rotation {
  /** Undefined until there is a certificate. */
  serving(): Serving | undefined;
  /** Takes steps until there is nothing to do but wait. Before `publishing`, only what serving needs. */
  settle(publishing: boolean): Promise<void>;
}

/** More than any rotation has in a row: others may keep writing the Secret. */
const mostSteps = 30;

export function createRotation(parts: RotationParts): Rotation {
  let serving: Serving | undefined;
  const step = async (publishing: boolean): Promise<Step["kind"]> => {
    const kept = await parts.store.read();
    const { authorities } = kept;
    const published = publishing ? await parts.publisher.read() : undefined;
    const planned = planStep({ authorities, published, leaf: serving, now: parts.now() });
    if (planned.kind === "reissue") {
      serving = await issue(planned.authority, parts.hosts, parts.now());
      parts.renewed?.(serving);
    } else {
      await perform(planned, kept, parts);
    }
    return planned.kind;
  };
  const settle = async (publishing: boolean): Promise<void> => {
    for (let steps = 0; steps < mostSteps; steps += 1) {
      const taken = await step(publishing);
      if (taken === "wait") return;
      parts.stepped?.(taken);
    }
  };
  return {
    serving: () => serving,
    async settle(publishing) {
      // A certificate is renewed even where nothing can be published.
      await settle(false);
      if (publishing) await settle(true);
    },
  };
}

async function perform(step: Exclude<Step, { kind: "reissue" }>, kept: Kept, parts: RotationParts): Promise<void> {
  switch (step.kind) {
    case "wait":
      return;
    case "create":
      return parts.store.write({ current: await newAuthority(parts.now()) }, kept);
    case "prepare":
      return parts.store.write({ ...step.keep, next: { authority: await newAuthority(parts.now()) } }, kept);
    case "publish":
      return parts.publisher.publish(step.bundle);
    case "note":
    case "forget":
    case "promote":
    case "drop":
      return parts.store.write(step.write, kept);
    default:
      return assertNever(step);
  }
}

async function newAuthority(now: Date): Promise<Authority> {
  const authority = authorityOf(await createAuthority(now));
  if (authority === undefined) throw new Error("a new authority cannot be read");
  return authority;
}

async function issue(authority: Authority, hosts: readonly string[], now: Date): Promise<Serving> {
  return servingOf(await issueServing(authority, hosts, now), authority.cert);
}

/** A pair with its times. Throws when the certificate cannot be read. */
export function servingOf(pair: Pair, authority: string): Serving {
  const { validFromDate, validToDate } = new X509Certificate(pair.cert);
  const renewAt = renewalOf({ notBefore: validFromDate, notAfter: validToDate });
  return { pair, authority, notAfter: validToDate, renewAt };
}
