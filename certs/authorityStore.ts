import { X509Certificate } from "node:crypto";
import { type ObjectRef, type RawObject, type Resource, WeirError } from "../api/index.ts";
import { createAuthority, type Pair } from "./issue.ts";

const secrets: Resource = { group: "", version: "v1", plural: "secrets", kind: "Secret" };

/** The calls we need of the API server. */
export interface SecretApi {
  get(ref: ObjectRef): Promise<RawObject | undefined>;
  create(resource: Resource, object: RawObject): Promise<RawObject>;
  replace(resource: Resource, object: RawObject): Promise<RawObject>;
}

/** Where the authority's key is kept. */
export interface AuthorityStore {
  /** The authority all replicas share; made when there is none that can still be used. */
  load(now: Date): Promise<Pair>;
}

/** For one process: a new authority at every start, published again. */
export const inMemory: AuthorityStore = { load: createAuthority };

/**
 * In a Secret, shared by all replicas; each signs a leaf of its own. Replicas that start together race to create it: one wins, the
 * others read what it wrote. A later rotation keeps `ca-next` and `ca-previous` beside these keys.
 */
export function inSecret(api: SecretApi, namespace: string, name: string): AuthorityStore {
  const ref: ObjectRef = { resource: secrets, namespace, name };
  return {
    async load(now) {
      for (let attempt = 0; attempt < 5; attempt += 1) {
        const stored = await api.get(ref);
        const usable = stored === undefined ? undefined : usablePair(stored, now);
        if (usable !== undefined) {
          return usable;
        }
        const made = await createAuthority(now);
        const secret = secretOf(made, namespace, name, stored);
        const wrote = await won(() =>
          stored === undefined ? api.create(secrets, secret) : api.replace(secrets, secret),
        );
        if (wrote) {
          return made;
        }
      }
      throw new WeirError(
        "tls.invalid",
        "retry",
        `Secret ${namespace}/${name} keeps changing: is another Weir using it?`,
      );
    },
  };
}

async function won(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (error instanceof WeirError && error.code === "api.conflict") {
      return false;
    }
    throw error;
  }
}

function secretOf(pair: Pair, namespace: string, name: string, stored: RawObject | undefined): RawObject {
  return {
    ...stored,
    apiVersion: "v1",
    kind: "Secret",
    metadata: stored?.metadata ?? { name, namespace, labels: { "app.kubernetes.io/name": "weir-server" } },
    type: "Opaque",
    data: { "ca.crt": base64(pair.cert), "ca.key": base64(pair.key) },
  };
}

/** The pair in the Secret, unless it is damaged or its time is over. */
function usablePair(secret: RawObject, now: Date): Pair | undefined {
  const data = (secret["data"] ?? {}) as Readonly<Record<string, unknown>>;
  const [cert, key] = [data["ca.crt"], data["ca.key"]];
  if (typeof cert !== "string" || typeof key !== "string") {
    return undefined;
  }
  const pair = { cert: Buffer.from(cert, "base64").toString(), key: Buffer.from(key, "base64").toString() };
  try {
    return new X509Certificate(pair.cert).validToDate > now ? pair : undefined;
  } catch {
    return undefined;
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
