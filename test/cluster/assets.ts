/** An API server of its own, made of the programs that envtest uses: kube-apiserver and etcd, nothing else. */
import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { createApi } from "../../controller/kube/api.ts";
import { loadKubeConfig } from "../../controller/kube/config.ts";
import { createTransport } from "../../controller/kube/transport.ts";
import { type Authority, createAuthority, type Identity } from "../../sandbox/apiserver/x509.ts";

export interface AssetServer {
  /** Of `admin`, who is in `system:masters`. */
  readonly kubeconfigPath: string;
  certify(user: string, groups: readonly string[]): Identity;
  /** Ends both programs and removes what they wrote. */
  stop(): Promise<void>;
}

/** On two busy cores, a first start with all migrations takes a while. */
const startLimitMs = 120_000;
const loopback = "127.0.0.1";

interface Program {
  readonly name: string;
  /** The end of what it said on stderr: why it did not start. */
  complaint(): string;
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts the programs of that folder on free ports of the loopback interface, for clients with certificates only. */
export async function startAssets(programs: string): Promise<AssetServer> {
  const folder = await mkdtemp(join(tmpdir(), "weir-assets-"));
  const running: Program[] = [];
  const stop = async (): Promise<void> => {
    for (const program of running.reverse()) await program.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const etcdPort = await freePort();
    const port = await freePort();
    const authority = createAuthority("weir-test", new Date());
    const etcd = `http://${loopback}:${etcdPort}`;
    running.push(start(join(programs, "etcd"), etcdFlags(join(folder, "etcd"), etcd)));
    const files = await writeIdentities(folder, authority);
    running.push(start(join(programs, "kube-apiserver"), apiServerFlags(files, etcd, port)));
    const url = `https://${loopback}:${port}`;
    const kubeconfigPath = join(folder, "kubeconfig");
    const admin = authority.issueClient("admin", ["system:masters"]);
    await writeFile(kubeconfigPath, renderKubeconfig(url, authority.certificate, admin), { mode: 0o600 });
    await ready(kubeconfigPath, running);
    return { kubeconfigPath, certify: authority.issueClient, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Nothing outlives the test, so nothing has to reach the disk. */
function etcdFlags(data: string, url: string): string[] {
  return [
    `--data-dir=${data}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=http://${loopback}:0`,
    "--unsafe-no-fsync",
  ];
}

interface IdentityFiles {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  readonly accountKey: string;
  readonly folder: string;
}

async function writeIdentities(folder: string, authority: Authority): Promise<IdentityFiles> {
  const server = authority.issueServer(["localhost"], [loopback]);
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const write = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  return {
    folder,
    ca: await write("ca.crt", authority.certificate),
    certificate: await write("server.crt", server.certificate),
    key: await write("server.key", server.key),
    accountKey: await write("accounts.key", privateKey.export({ type: "sec1", format: "pem" }).toString()),
  };
}

function apiServerFlags(files: IdentityFiles, etcd: string, port: number): string[] {
  return [
    `--etcd-servers=${etcd}`,
    `--bind-address=${loopback}`,
    `--advertise-address=${loopback}`,
    `--secure-port=${port}`,
    `--cert-dir=${files.folder}`,
    `--tls-cert-file=${files.certificate}`,
    `--tls-private-key-file=${files.key}`,
    `--client-ca-file=${files.ca}`,
    "--authorization-mode=RBAC",
    "--service-cluster-ip-range=10.96.0.0/16",
    "--service-account-issuer=https://weir-test",
    `--service-account-key-file=${files.accountKey}`,
    `--service-account-signing-key-file=${files.accountKey}`,
    // It would wait for accounts that a controller makes, and there is none.
    "--disable-admission-plugins=ServiceAccount",
  ];
}

function start(path: string, flags: readonly string[]): Program {
  const child = spawn(path, flags, { stdio: ["ignore", "ignore", "pipe"], env: { PATH: process.env["PATH"] ?? "" } });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-4000);
  });
  child.on("error", (error) => {
    said += error.message;
  });
  const ended = new Promise((resolve) => child.once("exit", resolve).once("error", resolve));
  return { name: path, complaint: () => said, ended, stop: () => end(child, ended) };
}

async function end(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  // Graceful ends would wait for open watches.
  child.kill("SIGKILL");
  await ended;
}

async function ready(path: string, running: readonly Program[]): Promise<void> {
  const transport = createTransport(await loadKubeConfig({ path, env: {} }), { userAgent: "weir-cluster-test/1" });
  const failed = Promise.race(running.map((program) => program.ended.then(() => program)));
  const deadline = AbortSignal.timeout(startLimitMs);
  try {
    for (;;) {
      if (await isReady(transport)) return;
      const pause = setTimeout(50, undefined);
      const program = await Promise.race([failed, pause]);
      if (program !== undefined) throw new Error(`${program.name} ended: ${program.complaint()}`);
      if (deadline.aborted) throw new Error(`not ready in ${startLimitMs} ms: ${running.at(-1)?.complaint()}`);
    }
  } finally {
    await transport.close();
  }
}

/** Healthy, and with the namespace that the tests write to. */
async function isReady(transport: ReturnType<typeof createTransport>): Promise<boolean> {
  const namespaces = { group: "", version: "v1", plural: "namespaces", kind: "Namespace" };
  try {
    await transport.request({ method: "GET", path: "/readyz" });
    return (await createApi(transport).get({ resource: namespaces, namespace: "", name: "default" })) !== undefined;
  } catch {
    return false;
  }
}

/** A port of the loopback interface that was free a moment ago; somebody else may be quicker. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, loopback);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function renderKubeconfig(server: string, ca: string, admin: Identity): string {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "assets", cluster: { server, "certificate-authority-data": base64(ca) } }],
    users: [
      {
        name: "admin",
        user: { "client-certificate-data": base64(admin.certificate), "client-key-data": base64(admin.key) },
      },
    ],
    contexts: [{ name: "assets", context: { cluster: "assets", user: "admin", namespace: "default" } }],
    "current-context": "assets",
  });
}
