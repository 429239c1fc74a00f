import { X509Certificate } from "node:crypto";
import { type ObjectRef, type RawObject, type Resource, WeirError } from "../api/index.ts";
import type { Pair } from "./issue.ts";
import type { Authorities, Authority } from "./plan.ts";

const secrets: Resource = { group: "", version: "v1", plural: "secrets", kind: "Secret" };

/** Where the server keeps its authorities. */
export const secretName = "weir-server-tls";

/** The calls we need of the API server. */
export interface SecretApi {
  get(ref: ObjectRef): Promise<RawObject | undefined>;
  create(resource: Resource, object: RawObject): Promise<RawObject>;
  replace(resource: Resource, object: RawObject): Promise<RawObject>;
}

/** What was read, and what a write needs to be sure that nobody wrote in between. */
export interface Kept {
  readonly authorities: Authorities | undefined;
  readonly stored?: RawObject | undefined;
}

/** Where the authorities' keys are kept. */
export interface AuthorityStore {
  read(): Promise<Kept>;
  /** Writes over what was read. Does nothing when somebody else was faster: read again. */
  write(authorities: Authorities, over: Kept): Promise<void>;
}

/** For one process: gone with it. */
export function inMemory(): AuthorityStore {
  let kept: Kept = { authorities: undefined };
  return {
    read: async () => kept,
    async write(authorities) {
      kept = { authorities };
    },
  };
}

/** In a Secret, shared by all replicas; each signs a leaf of its own. Whoever writes first wins, the others read what it wrote. */
export function inSecret(api: SecretApi, namespace: string, name: string): AuthorityStore {
  const ref: ObjectRef = { resource: secrets, namespace, name };
  return {
    async read() {
      const stored = await api.get(ref);
      return { stored, authorities: stored === undefined ? undefined : authoritiesIn(stored) };
    },
    async write(authorities, { stored }) {
      const secret = secretOf(authorities, namespace, name, stored);
      try {
        await (stored === undefined ? api.create(secrets, secret) : api.replace(secrets, secret));
      } catch (error) {
        if (!(error instanceof WeirError && error.code === "api.conflict")) {
          throw error;
        }
      }
    },
  };
}

type Data = Readonly<Record<string, string>>;

const keys = {
  cert: "ca.crt",
  key: "ca.key",
  nextCert: "ca-next.crt",
  nextKey: "ca-next.key",
  nextPublishedAt: "ca-next.published-at",
  previousCert: "ca-previous.crt",
  previousUntil: "ca-previous.until",
} as const;

function secretOf(authorities: Authorities, namespace: string, name: string, stored: RawObject | undefined): RawObject {
  const ours = new Set<string>(Object.values(keys));
  const foreign = Object.entries(dataOf(stored)).filter(([key]) => !ours.has(key));
  return {
    ...stored,
    apiVersion: "v1",
    kind: "Secret",
    metadata: stored?.metadata ?? { name, namespace, labels: { "app.kubernetes.io/name": "weir-server" } },
    type: "Opaque",
    data: { ...Object.fromEntries(foreign), ...encoded(authorities) },
  };
}

function encoded({ current, next, previous }: Authorities): Data {
  const texts: Record<string, string | undefined> = {
    [keys.cert]: current.cert,
    [keys.key]: current.key,
    [keys.nextCert]: next?.authority.cert,
    [keys.nextKey]: next?.authority.key,
    [keys.nextPublishedAt]: next?.publishedAt?.toISOString(),
    [keys.previousCert]: previous?.cert,
    [keys.previousUntil]: previous?.until.toISOString(),
  };
  return Object.fromEntries(
    Object.entries(texts).flatMap(([key, text]) =>
      text === undefined ? [] : [[key, Buffer.from(text).toString("base64")]],
    ),
  );
}

/** What the Secret holds; what is damaged in it is taken for absent. Exported for whoever compares it with what is published. */
export function authoritiesIn(secret: RawObject): Authorities | undefined {
  const data = dataOf(secret);
  const text = (key: string) => Buffer.from(data[key] ?? "", "base64").toString();
  const current = authorityOf({ cert: text(keys.cert), key: text(keys.key) });
  if (current === undefined) {
    return undefined;
  }
  const next = authorityOf({ cert: text(keys.nextCert), key: text(keys.nextKey) });
  const publishedAt = dateOf(text(keys.nextPublishedAt));
  const until = dateOf(text(keys.previousUntil));
  const previous = text(keys.previousCert);
  return {
    current,
    ...(next === undefined ? {} : { next: { authority: next, ...(publishedAt === undefined ? {} : { publishedAt }) } }),
    ...(until === undefined || certificateOf(previous) === undefined ? {} : { previous: { cert: previous, until } }),
  };
}

/** The pair with its time; undefined when it is no certificate, or its key is not there. */
export function authorityOf(pair: Pair): Authority | undefined {
  const certificate = certificateOf(pair.cert);
  return certificate === undefined || pair.key === ""
    ? undefined
    : { ...pair, notBefore: certificate.validFromDate, notAfter: certificate.validToDate };
}

function certificateOf(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function dateOf(text: string): Date | undefined {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function dataOf(secret: RawObject | undefined): Data {
  return (secret?.["data"] ?? {}) as Data;
}
