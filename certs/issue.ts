import { generateKeyPair, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import { promisify } from "node:util";
import forge from "node-forge";
import { leafLifeMs } from "./plan.ts";

/** A certificate with its key, both PEM. */
export interface Pair {
  readonly key: string;
  readonly cert: string;
}

const dayMs = 86_400_000;
/** Long: a rotation touches every replica and both configurations. Leaves are short. */
const authorityLifeMs = 5 * 365 * dayMs;
/** Clocks of API servers may be behind ours. */
const backdateMs = 3_600_000;

/** A new authority. RSA-2048, for node-forge knows no other keys in certificates. */
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
  return signed(cert, keys.privateKey, keys.privateKey);
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
  return signed(cert, authority.key, keys.privateKey);
}

function altName(host: string) {
  return isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host };
}

function blank(publicKey: string, now: Date, notAfter: Date): forge.pki.Certificate {
  const cert = forge.pki.createCertificate();
  cert.publicKey = forge.pki.publicKeyFromPem(publicKey);
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

/** In OpenSSL's threads: in JavaScript it would stop every review for half a second. */
async function generateKeys(): Promise<{ readonly publicKey: string; readonly privateKey: string }> {
  return promisify(generateKeyPair)("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
}

/** node-forge makes the certificate and OpenSSL its signature: a millisecond in place of 140. */
function signed(cert: forge.pki.Certificate, signer: string, key: string): Pair {
  const byOpenSsl = {
    sign() {
      const content = forge.asn1.toDer((cert as unknown as { tbsCertificate: forge.asn1.Asn1 }).tbsCertificate);
      return sign("sha256", Buffer.from(content.getBytes(), "latin1"), signer).toString("latin1");
    },
  };
  cert.sign(byOpenSsl as unknown as forge.pki.rsa.PrivateKey, forge.md.sha256.create());
  return { key, cert: forge.pki.certificateToPem(cert) };
}
