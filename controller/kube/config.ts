import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { load } from "js-yaml";
import { messageOf, WeirError } from "../../api/errors.ts";

/** How requests say who they come from, besides a client certificate. */
export type Bearer =
  | { readonly kind: "none" }
  | { readonly kind: "header"; readonly value: string }
  /** Re-read now and then: projected tokens are rotated. */
  | { readonly kind: "file"; readonly path: string }
  /** Asked before every request; caches by itself. */
  | { readonly kind: "provider"; readonly header: () => Promise<string | undefined> };

/** Where an API server is and how to speak to it. */
export interface Cluster {
  /** No slash at the end. */
  readonly server: string;
  /** PEM. The system's authorities when absent. */
  readonly ca?: string;
  /** The name the server's certificate must carry, when it isn't that of the URL. */
  readonly serverName?: string;
  /** Skip the check of the server's certificate. */
  readonly insecure: boolean;
  readonly bearer: Bearer;
  /** PEM. */
  readonly certificate?: { readonly cert: string; readonly key: string };
  /** The namespace of the context or of the pod. */
  readonly namespace: string;
}

export interface KubeConfigOptions {
  /** `--kubeconfig`: this file and no other. */
  readonly path?: string;
  /** Instead of current-context. */
  readonly context?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where a pod finds its service account. */
  readonly serviceAccountDir?: string;
}

/**
 * Finds the cluster: the named file, `KUBECONFIG` (files merged, the first to name a thing wins), the pod's service
 * account, `~/.kube/config`. Refuses with `config.invalid` and a sentence that says what to change.
 */
export async function loadKubeConfig(options: KubeConfigOptions): Promise<Cluster> {
  if (options.path !== undefined) return fromFiles([options.path], options, true);
  const listed = (options.env["KUBECONFIG"] ?? "").split(":").filter((file) => file !== "");
  if (listed.length > 0) return fromFiles(listed, options, false);
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = options.env;
  if (host !== undefined && host !== "") return inCluster(host, port ?? "443", options);
  const home = options.env["HOME"] ?? homedir();
  return fromFiles([join(home, ".kube", "config")], options, true);
}

async function inCluster(host: string, port: string, options: KubeConfigOptions): Promise<Cluster> {
  const dir = options.serviceAccountDir ?? "/var/run/secrets/kubernetes.io/serviceaccount";
  const ca = await readText(join(dir, "ca.crt"), "the pod's service account is not mounted");
  const namespace = await readFile(join(dir, "namespace"), "utf8").catch(() => "default");
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    ca,
    insecure: false,
    bearer: { kind: "file", path: join(dir, "token") },
    namespace: namespace.trim(),
  };
}

export type Fields = Readonly<Record<string, unknown>>;
/** An entry of a kubeconfig. */
export interface Named {
  readonly fields: Fields;
  /** The folder that relative paths in it start from. */
  readonly dir: string;
}
interface Merged {
  current: string | undefined;
  readonly clusters: Map<string, Named>;
  readonly users: Map<string, Named>;
  readonly contexts: Map<string, Named>;
}

async function fromFiles(files: readonly string[], options: KubeConfigOptions, mustExist: boolean): Promise<Cluster> {
  const merged: Merged = { current: undefined, clusters: new Map(), users: new Map(), contexts: new Map() };
  let found = 0;
  for (const file of files) {
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" && !mustExist) return undefined;
      throw noFile(file, error);
    });
    if (text === undefined) continue;
    found += 1;
    mergeFile(merged, file, text);
  }
  if (found === 0) throw invalid(`none of the files in KUBECONFIG exists: ${files.join(", ")}`);
  return chooseContext(merged, files, options);
}

function noFile(file: string, error: NodeJS.ErrnoException): WeirError {
  const why = error.code === "ENOENT" ? "it does not exist" : messageOf(error);
  return invalid(`cannot read kubeconfig ${file}: ${why}; name one with --kubeconfig or KUBECONFIG`, error);
}

function mergeFile(merged: Merged, file: string, text: string): void {
  let document: unknown;
  try {
    document = load(text);
  } catch (error) {
    throw invalid(`kubeconfig ${file} is not YAML: ${messageOf(error).split("\n")[0]}`, error);
  }
  if (!isFields(document)) throw invalid(`kubeconfig ${file} is not a mapping: expected kind: Config`);
  const dir = dirname(resolve(file));
  merged.current ??= textIn(document, "current-context");
  mergeList(merged.clusters, document["clusters"], "cluster", dir);
  mergeList(merged.users, document["users"], "user", dir);
  mergeList(merged.contexts, document["contexts"], "context", dir);
}

function mergeList(into: Map<string, Named>, list: unknown, field: string, dir: string): void {
  if (!Array.isArray(list)) return;
  for (const entry of list) {
    if (!isFields(entry) || typeof entry["name"] !== "string" || into.has(entry["name"])) continue;
    const fields = entry[field];
    into.set(entry["name"], { fields: isFields(fields) ? fields : {}, dir });
  }
}

async function chooseContext(merged: Merged, files: readonly string[], options: KubeConfigOptions): Promise<Cluster> {
  const where = files.join(", ");
  const name = options.context ?? merged.current;
  if (name === undefined)
    throw invalid(`kubeconfig ${where} has no current-context: set one with kubectl config use-context`);
  const context = merged.contexts.get(name);
  if (context === undefined) {
    const known = [...merged.contexts.keys()].join(", ") || "none";
    throw invalid(`kubeconfig ${where} has no context ${JSON.stringify(name)} (it has: ${known})`);
  }
  const clusterName = textIn(context.fields, "cluster") ?? "";
  const cluster = merged.clusters.get(clusterName);
  if (cluster === undefined) {
    throw invalid(`context ${name} in ${where} names cluster ${JSON.stringify(clusterName)}, which is not there`);
  }
  const userName = textIn(context.fields, "user") ?? "";
  const user = merged.users.get(userName);
  if (userName !== "" && user === undefined) {
    throw invalid(`context ${name} in ${where} names user ${JSON.stringify(userName)}, which is not there`);
  }
  const base = await readCluster(cluster, clusterName, textIn(context.fields, "namespace") ?? "default");
  if (user === undefined) return base;
  if (user.fields["exec"] !== undefined || user.fields["auth-provider"] !== undefined) {
    const { withPluginCredentials } = await import("./credentialPlugin.ts");
    return withPluginCredentials(base, user, name);
  }
  return { ...base, ...(await readUser(user, userName)) };
}

async function readCluster({ fields, dir }: Named, name: string, namespace: string): Promise<Cluster> {
  const server = textIn(fields, "server");
  if (server === undefined || !/^https?:\/\//.test(server) || !URL.canParse(server)) {
    throw invalid(
      `cluster ${name} has no usable server URL: ${JSON.stringify(server ?? "")}; expected https://host:port`,
    );
  }
  if (fields["proxy-url"] !== undefined) {
    throw invalid(`cluster ${name} asks for proxy-url, which is not supported: give an address that is reachable`);
  }
  const ca = await pemOf(fields, "certificate-authority", dir, `cluster ${name}`);
  const serverName = textIn(fields, "tls-server-name");
  return {
    server: server.replace(/\/+$/, ""),
    insecure: fields["insecure-skip-tls-verify"] === true,
    bearer: { kind: "none" },
    namespace,
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

async function readUser({ fields, dir }: Named, name: string): Promise<Partial<Cluster>> {
  const what = `user ${name}`;
  const cert = await pemOf(fields, "client-certificate", dir, what);
  const key = await pemOf(fields, "client-key", dir, what);
  if ((cert === undefined) !== (key === undefined)) {
    throw invalid(`${what} has a client ${cert === undefined ? "key but no certificate" : "certificate but no key"}`);
  }
  return {
    bearer: bearerOf(fields, dir),
    ...(cert === undefined || key === undefined ? {} : { certificate: { cert, key } }),
  };
}

function bearerOf(fields: Fields, dir: string): Bearer {
  const file = textIn(fields, "tokenFile");
  if (file !== undefined) return { kind: "file", path: absolute(file, dir) };
  const token = textIn(fields, "token");
  if (token !== undefined) return { kind: "header", value: `Bearer ${token}` };
  const username = textIn(fields, "username");
  if (username === undefined) return { kind: "none" };
  const pair = `${username}:${textIn(fields, "password") ?? ""}`;
  return { kind: "header", value: `Basic ${Buffer.from(pair).toString("base64")}` };
}

/** `<field>-data` (base64) or the file that `<field>` names. */
async function pemOf(fields: Fields, field: string, dir: string, what: string): Promise<string | undefined> {
  const data = textIn(fields, `${field}-data`);
  const file = textIn(fields, field);
  if (data === undefined && file === undefined) return undefined;
  const pem =
    data === undefined
      ? await readText(absolute(file ?? "", dir), `${field} of ${what}`)
      : Buffer.from(data, "base64").toString("utf8");
  if (!pem.includes("-----BEGIN ")) throw invalid(`${field} of ${what} holds no PEM block`);
  return pem;
}

async function readText(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw invalid(`cannot read ${file} (${what}): ${messageOf(error)}`, error);
  }
}

function absolute(file: string, dir: string): string {
  return isAbsolute(file) ? file : join(dir, file);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textIn(fields: Fields, field: string): string | undefined {
  const value = fields[field];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function invalid(message: string, cause?: unknown): WeirError {
  return new WeirError("config.invalid", "terminal", message, cause === undefined ? {} : { cause });
}
