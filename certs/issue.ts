import { randomBytes } from "node:crypto";
import { isIP } from "node:net";
import forge from "node-forge";

/** A certificate with its key, both PEM. */
export interface Pair {
  readonly key: string;
  readonly cert: string;
}

const dayMs = 86_400_000;
/** Long, for rotation of the authority is a plan of its own; leaves are short. */
const authorityLifeMs = 5 * 365 * dayMs;
const leafLifeMs = 90 * dayMs;
/** Clocks of API servers may be behind ours. */
const backdateMs = 3_600_000;

/** A new authority. RSA-2048, for node-forge knows no other keys in certificates; the key is made off the event loop. */
export async function createAuthority(now: Date): Promise<Pair> {
  const keys = await generateKeys();
  // Authorities of one name are told apart by their key identifiers.
  const subject = [{ name: "commonName", value: "weir-ca" }];
  const cert = blank(keys.publicKey, now, new Date(now.getTime() + authorityLifeMs));
  cert.setSubject(subject);
  cert.setIssuer(subject);
  cert.setExtensions([
    { name: "basicConstraints", cA: true, pathLenConstraint: 0, critical: true },
    { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    { name: "subjectKeyIdentifier" },
  ]);
  cert.sign(keys.privateKey, forge.md.sha256.create());
  return pem(keys.privateKey, cert);
}

/** A serving certificate for the hosts (names and addresses), signed by the authority; never outlives it. */
export async function issueServing(authority: Pair, hosts: readonly string[], now: Date): Promise<Pair> {
  const keys = await generateKeys();
  const issuer = forge.pki.certificateFromPem(authority.cert);
  const end = Math.min(now.getTime() + leafLifeMs, issuer.validity.notAfter.getTime());
  const cert = blank(keys.publicKey, now, new Date(end));
  cert.setSubject([{ name: "commonName", value: (hosts[0] ?? "weir").slice(0, 64) }]);
  cert.setIssuer(issuer.subject.attributes);
  cert.setExtensions([
    { name: "basicConstraints", cA: false, critical: true },
    { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true },
    { name: "extKeyUsage", serverAuth: true },
    { name: "subjectAltName", altNames: hosts.map(altName) },
    { name: "subjectKeyIdentifier" },
    { name: "authorityKeyIdentifier", keyIdentifier: issuer.generateSubjectKeyIdentifier().getBytes() },
  ]);
  cert.sign(forge.pki.privateKeyFromPem(authority.key), forge.md.sha256.create());
  return pem(keys.privateKey, cert);
}

function altName(host: string) {
  return isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host };
}

function blank(publicKey: forge.pki.PublicKey, now: Date, notAfter: Date): forge.pki.Certificate {
  const cert = forge.pki.createCertificate();
  cert.publicKey = publicKey;
  cert.serialNumber = randomSerial();
  cert.validity.notBefore = new Date(now.getTime() - backdateMs);
  cert.validity.notAfter = notAfter;
  return cert;
}

/** 127 random bits: positive, and never short. */
function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes.toString("hex");
}

function generateKeys(): Promise<forge.pki.rsa.KeyPair> {
  return new Promise((resolve, reject) => {
    forge.pki.rsa.generateKeyPair({ bits: 2048 }, (error, keys) => (error ? reject(error) : resolve(keys)));
  });
}

function pem(key: forge.pki.PrivateKey, cert: forge.pki.Certificate): Pair {
  return { key: forge.pki.privateKeyToPem(key), cert: forge.pki.certificateToPem(cert) };
}
