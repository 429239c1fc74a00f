import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type KubeConfigOptions, loadKubeConfig } from "../../../controller/kube/config.ts";

const pem = (label: string) => `-----BEGIN CERTIFICATE-----\n${label}\n-----END CERTIFICATE-----\n`;
const base64 = (text: string) => Buffer.from(text).toString("base64");

const aConfig = (user: string, cluster = "server: https://10.0.0.1:6443/") => `
apiVersion: v1
kind: Config
current-context: main
contexts:
- name: main
  context: { cluster: c, user: u, namespace: team }
- name: other
  context: { cluster: c2, user: u }
clusters:
- name: c
  cluster: { ${cluster} }
- name: c2
  cluster: { server: "http://localhost:8080", insecure-skip-tls-verify: true }
users:
- name: u
  user: { ${user} }
`;

describe("the kubeconfig", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "kubeconfig-"));
    await writeFile(join(folder, "ca.pem"), pem("ca"));
  });
  after(() => rm(folder, { recursive: true }));

  let serial = 0;
  const write = async (text: string): Promise<string> => {
    serial += 1;
    const path = join(folder, `config-${serial}`);
    await writeFile(path, text);
    return path;
  };
  const load = async (text: string, options: Partial<KubeConfigOptions> = {}) =>
    loadKubeConfig({ path: await write(text), env: {}, ...options });

  it("gives server, authority, token and namespace of the current context", async () => {
    const ca = pem("inline");
    const cluster = `server: "https://10.0.0.1:6443/", certificate-authority-data: ${base64(ca)}, tls-server-name: api`;
    assert.deepEqual(await load(aConfig("token: secret", cluster)), {
      server: "https://10.0.0.1:6443",
      ca,
      serverName: "api",
      insecure: false,
      bearer: { kind: "header", value: "Bearer secret" },
      namespace: "team",
    });
  });

  it("finds files beside itself", async () => {
    const cluster = 'server: "https://x", certificate-authority: ca.pem';
    const loaded = await load(aConfig("tokenFile: token", cluster));
    assert.equal(loaded.ca, pem("ca"));
    assert.deepEqual(loaded.bearer, { kind: "file", path: join(folder, "token") });
  });

  it("takes another context, a client certificate, a password", async () => {
    const certificate = `client-certificate-data: ${base64(pem("cert"))}, client-key-data: ${base64(pem("key"))}`;
    const loaded = await load(aConfig(certificate), { context: "other" });
    assert.deepEqual(loaded.certificate, { cert: pem("cert"), key: pem("key") });
    assert.deepEqual([loaded.server, loaded.insecure, loaded.namespace], ["http://localhost:8080", true, "default"]);
    const basic = await load(aConfig("username: a, password: b"));
    assert.deepEqual(basic.bearer, { kind: "header", value: `Basic ${base64("a:b")}` });
  });

  it("merges the files that KUBECONFIG lists: the first to name a thing wins, missing ones don't matter", async () => {
    const first = await write("current-context: other\nusers: [{name: u, user: {token: first}}]");
    const second = await write(aConfig("token: second"));
    const env = { KUBECONFIG: `${first}:${join(folder, "missing")}:${second}` };
    const loaded = await loadKubeConfig({ env });
    assert.equal(loaded.server, "http://localhost:8080");
    assert.deepEqual(loaded.bearer, { kind: "header", value: "Bearer first" });
  });

  it("in a pod is that of the service account, with a token that is read again", async () => {
    const serviceAccountDir = join(folder, "account");
    await mkdir(serviceAccountDir);
    await writeFile(join(serviceAccountDir, "ca.crt"), pem("ca"));
    await writeFile(join(serviceAccountDir, "namespace"), "weir-system");
    const env = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" };
    assert.deepEqual(await loadKubeConfig({ env, serviceAccountDir }), {
      server: "https://[fd00::1]:443",
      ca: pem("ca"),
      insecure: false,
      bearer: { kind: "file", path: join(serviceAccountDir, "token") },
      namespace: "weir-system",
    });
  });

  it("hands credential plugins to the official client", async () => {
    const plugin = await write(
      `#!/bin/sh\necho '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"made"}}'`,
    );
    const exec = `exec: { apiVersion: client.authentication.k8s.io/v1, command: /bin/sh, args: ["${plugin}"], interactiveMode: Never }`;
    const { bearer } = await load(aConfig(exec));
    assert.equal(bearer.kind === "provider" && (await bearer.header()), "Bearer made");
  });

  const mistakes: [string, string | undefined, RegExp, Partial<KubeConfigOptions>?][] = [
    ["a file that is not there", undefined, /missing: it does not exist; name one with --kubeconfig or KUBECONFIG/],
    ["no YAML", "a: [", /is not YAML/],
    ["a list", "[]", /is not a mapping/],
    ["nothing in it", "kind: Config", /has no current-context: set one with kubectl config use-context/],
    ["an unknown context", aConfig(""), /has no context "prod" \(it has: main, other\)/, { context: "prod" }],
    ["a cluster that is not there", "current-context: a\ncontexts: [{name: a, context: {cluster: gone}}]", /"gone"/],
    ["no server", aConfig("", "ca: x"), /cluster c has no usable server URL: ""/],
    ["an authority that is no PEM", aConfig("", `server: "https://x", certificate-authority-data: eHg=`), /no PEM/],
    ["an authority that is not there", aConfig("", `server: "https://x", certificate-authority: gone`), /cannot read/],
    ["half a client certificate", aConfig(`client-key-data: ${base64(pem("k"))}`), /a client key but no certificate/],
    ["a proxy", aConfig("", `server: "https://x", proxy-url: "http://p"`), /proxy-url, which is not supported/],
  ];
  for (const [name, text, message, options] of mistakes) {
    it(`says what is wrong with ${name}`, async () => {
      const path = text === undefined ? join(folder, "missing") : await write(text);
      await assert.rejects(loadKubeConfig({ path, env: {}, ...options }), { code: "config.invalid", message });
    });
  }
});
