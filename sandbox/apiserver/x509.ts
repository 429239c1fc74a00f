import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";

/** A key with its certificate, in PEM. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority that lives as long as its sandbox. */
export interface Authority {
  /** PEM of the CA certificate. */
  readonly certificate: string;
  /** PEM of its key, for the one who wants to go on with the same authority later. */
  readonly key: string;
  /** A certificate for a server that is reached by these names and IPv4 addresses. */
  issueServer(names: readonly string[], addresses: readonly string[]): Identity;
  /** A certificate for a client; Kubernetes reads the user from the common name and groups from organizations. */
  issueClient(user: string, groups: readonly string[]): Identity;
}

const lifetimeDays = 365;
const oids = {
  commonName: "550403",
  organization: "55040a",
  ecPublicKeySha256: "2a8648ce3d040302",
  subjectKeyId: "551d0e",
  keyUsage: "551d0f",
  subjectAltName: "551d11",
  basicConstraints: "551d13",
  authorityKeyId: "551d23",
  extendedKeyUsage: "551d25",
  serverAuth: "2b06010505070301",
  clientAuth: "2b06010505070302",
};

/**
 * Makes a P-256 authority. DER is written by hand: making an RSA key in JavaScript costs more
 * than the whole start of the sandbox may take, and node:crypto signs but does not build certificates.
 */
export function createAuthority(commonName: string, now: Date, kept?: Identity): Authority {
  const keys = kept === undefined ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : keysOf(kept.key);
  const issuer = nameOf(commonName, []);
  const keyId = keyIdOf(keys.publicKey);
  const issue = (subject: Buffer, subjectKey: KeyObject, extensions: Buffer[]): string =>
    certificate({ issuer, subject, subjectKey, signer: keys.privateKey, extensions, now });
  const leaf = (subject: Buffer, extensions: Buffer[]): Identity => {
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const authority = extension(oids.authorityKeyId, sequence(tagged(0x80, keyId)));
    const usage = extension(oids.keyUsage, bitString(Buffer.from([0x80]), 7), true);
    return {
      certificate: issue(subject, pair.publicKey, [usage, authority, ...extensions]),
      key: pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    };
  };
  const own = (): string =>
    issue(issuer, keys.publicKey, [
      extension(oids.basicConstraints, sequence(boolean(true)), true),
      extension(oids.keyUsage, bitString(Buffer.from([0x86]), 1), true),
      extension(oids.subjectKeyId, tagged(0x04, keyId)),
    ]);
  return {
    certificate: kept?.certificate ?? own(),
    key: keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    issueServer(names, addresses) {
      const alternatives = [
        ...names.map((name) => tagged(0x82, Buffer.from(name))),
        ...addresses.map((address) => tagged(0x87, Buffer.from(address.split(".").map(Number)))),
      ];
      return leaf(nameOf(names[0] ?? "server", []), [
        extension(oids.extendedKeyUsage, sequence(oid(oids.serverAuth))),
        extension(oids.subjectAltName, sequence(...alternatives)),
      ]);
    },
    issueClient: (user, groups) =>
      leaf(nameOf(user, groups), [extension(oids.extendedKeyUsage, sequence(oid(oids.clientAuth)))]),
  };
}

function keysOf(pem: string): { privateKey: KeyObject; publicKey: KeyObject } {
  const privateKey = createPrivateKey(pem);
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

interface CertificateParts {
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly subjectKey: KeyObject;
  readonly signer: KeyObject;
  readonly extensions: Buffer[];
  readonly now: Date;
}

function certificate(parts: CertificateParts): string {
  const algorithm = sequence(oid(oids.ecPublicKeySha256));
  const start = new Date(parts.now.getTime() - 3_600_000);
  const end = new Date(parts.now.getTime() + lifetimeDays * 86_400_000);
  const serial = randomBytes(15);
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), serial])),
    algorithm,
    parts.issuer,
    sequence(time(start), time(end)),
    parts.subject,
    parts.subjectKey.export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(...parts.extensions)),
  );
  const signature = sign("sha256", body, parts.signer);
  return pem(sequence(body, algorithm, bitString(signature, 0)));
}

function tagged(tag: number, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const { length } = body;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), body]);
  const size = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}

function sequence(...content: Buffer[]): Buffer {
  return tagged(0x30, ...content);
}

function integer(bytes: Buffer): Buffer {
  return tagged(0x02, bytes);
}

function boolean(value: boolean): Buffer {
  return tagged(0x01, Buffer.from([value ? 0xff : 0]));
}

function oid(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, "hex"));
}

function bitString(bytes: Buffer, unusedBits: number): Buffer {
  return tagged(0x03, Buffer.from([unusedBits]), bytes);
}

function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]/g, "").slice(2, 14);
  return tagged(0x17, Buffer.from(`${digits}Z`));
}

function nameOf(commonName: string, organizations: readonly string[]): Buffer {
  const part = (type: string, value: string) => tagged(0x31, sequence(oid(type), tagged(0x0c, Buffer.from(value))));
  return sequence(...organizations.map((value) => part(oids.organization, value)), part(oids.commonName, commonName));
}

function extension(type: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(type), ...(critical ? [boolean(true)] : []), tagged(0x04, value));
}

function keyIdOf(key: KeyObject): Buffer {
  return createHash("sha1")
    .update(key.export({ type: "spki", format: "der" }))
    .digest();
}

function pem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
