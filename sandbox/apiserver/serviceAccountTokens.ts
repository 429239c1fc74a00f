import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import { groupsOf, withAuthenticated } from "./auth.ts";
import { timestamp } from "./metadata.ts";
import type { KubeObject, Store, UserInfo } from "./types.ts";

/** An object that a token is good as long as: a Pod or a Secret. */
export interface BoundObject {
  readonly kind: string;
  readonly name: string;
  readonly uid?: string;
}

/** What TokenRequest asks for. */
export interface TokenSpec {
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly bound?: BoundObject;
}

export interface IssuedToken {
  readonly token: string;
  readonly expirationTimestamp: string;
}

/** Whom a token stands for, and for whose eyes it is. */
export interface TokenHolder {
  readonly user: UserInfo;
  readonly audiences: readonly string[];
}

/** The part of a token that is about the cluster. */
interface Binding {
  readonly namespace: string;
  readonly serviceaccount: { readonly name: string; readonly uid: string };
  readonly pod?: { readonly name: string; readonly uid: string };
  readonly node?: { readonly name: string };
}

interface Claims {
  readonly aud: readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly iss: string;
  readonly jti: string;
  readonly nbf: number;
  readonly sub: string;
  readonly "kubernetes.io": Binding;
}

const header = encoded({ alg: "HS256", typ: "JWT" });

/** Tokens of service accounts: JWTs with the claims of a real cluster. They end with their time, their account or their pod. */
export class ServiceAccountTokens {
  readonly issuer: string;
  readonly #store: Store;
  readonly #now: () => Date;
  readonly #secret: Buffer;

  constructor(options: { store: Store; now: () => Date; issuer: string; secret: Buffer }) {
    this.issuer = options.issuer;
    this.#store = options.store;
    this.#now = options.now;
    this.#secret = options.secret;
  }

  issue(account: KubeObject, spec: TokenSpec): IssuedToken {
    const { namespace = "", name = "", uid = "" } = account.metadata;
    const iat = Math.floor(this.#now().getTime() / 1000);
    const exp = iat + spec.expirationSeconds;
    const claims: Claims = {
      aud: spec.audiences,
      exp,
      iat,
      iss: this.issuer,
      jti: randomUUID(),
      "kubernetes.io": { namespace, ...this.#boundTo(namespace, spec.bound), serviceaccount: { name, uid } },
      nbf: iat,
      sub: `system:serviceaccount:${namespace}:${name}`,
    };
    const text = `${header}.${encoded(claims)}`;
    return {
      token: `${text}.${this.#signature(text).toString("base64url")}`,
      expirationTimestamp: timestamp(new Date(exp * 1000)),
    };
  }

  /** Undefined: not ours, expired, or what it is bound to is gone (or another of the same name). */
  holderOf(token: string): TokenHolder | undefined {
    const claims = this.#claimsOf(token);
    if (claims === undefined || claims.iss !== this.issuer || claims.exp * 1000 <= this.#now().getTime()) {
      return undefined;
    }
    const { namespace, serviceaccount, pod, node } = claims["kubernetes.io"];
    if (!this.#isThere("serviceaccounts", namespace, serviceaccount)) return undefined;
    if (pod !== undefined && !this.#isThere("pods", namespace, pod)) return undefined;
    const extra = {
      "authentication.kubernetes.io/credential-id": [`JTI=${claims.jti}`],
      ...(node === undefined ? {} : { "authentication.kubernetes.io/node-name": [node.name] }),
      ...(pod === undefined
        ? {}
        : {
            "authentication.kubernetes.io/pod-name": [pod.name],
            "authentication.kubernetes.io/pod-uid": [pod.uid],
          }),
    };
    const groups = withAuthenticated(groupsOf(claims.sub));
    return { user: { username: claims.sub, uid: serviceaccount.uid, groups, extra }, audiences: claims.aud };
  }

  #claimsOf(token: string): Claims | undefined {
    const [first, second, third = "", ...rest] = token.split(".");
    if (first !== header || second === undefined || rest.length > 0) return undefined;
    const stated = Buffer.from(third, "base64url");
    const wanted = this.#signature(`${first}.${second}`);
    if (stated.length !== wanted.length || !timingSafeEqual(stated, wanted)) return undefined;
    return JSON.parse(Buffer.from(second, "base64url").toString()) as Claims;
  }

  #signature(text: string): Buffer {
    return createHmac("sha256", this.#secret).update(text).digest();
  }

  #isThere(key: string, namespace: string, { name, uid }: { name: string; uid: string }): boolean {
    return this.#store.get(key, namespace, name)?.metadata.uid === uid;
  }

  #boundTo(namespace: string, bound: BoundObject | undefined): Pick<Binding, "pod" | "node"> {
    if (bound?.kind !== "Pod") return {};
    const pod = this.#store.get("pods", namespace, bound.name);
    const node = pod?.["spec"]?.["nodeName"] as string | undefined;
    return {
      ...(node === undefined ? {} : { node: { name: node } }),
      pod: { name: bound.name, uid: bound.uid ?? pod?.metadata.uid ?? "" },
    };
  }
}

function encoded(part: unknown): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}
