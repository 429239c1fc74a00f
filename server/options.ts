import { parseArgs } from "node:util";
import { messageOf, WeirError } from "../api/index.ts";
import { isLogLevel, type LogLevel } from "../controller/kube/log.ts";

/** The flags of `weir server`, checked. */
export interface Options {
  readonly port: number;
  readonly metricsPort: number;
  readonly host: string;
  readonly kubeconfig: string | undefined;
  readonly selfSigned: boolean;
  readonly publishUrl: string | undefined;
  /** A certificate that somebody else renews. */
  readonly tlsFiles: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly clientCaFile: string | undefined;
  readonly clientNames: readonly string[];
  readonly namespace: string;
  readonly controllerUsers: readonly string[];
  readonly provider: string;
  readonly crossNamespaceRefs: boolean;
  readonly readSecrets: boolean;
  readonly drainSeconds: number;
  readonly logLevel: LogLevel;
}

export const help = `usage: weir server [flags]

The admission webhook: answers the API server about writes to Deployments, Canaries, MetricTemplates and AlertProviders.

  --port N              HTTPS port of the webhook (default 10250; 0 takes a free one)
  --metrics-port N      HTTP port of /healthz, /readyz and /metrics (default 8080; 0 takes a free one)
  --host ADDRESS        address to listen on (default 127.0.0.1)
  --kubeconfig FILE     how to reach the cluster (default $KUBECONFIG, the pod's service account, or ~/.kube/config)
  --namespace NAME      namespace of Weir's Service and Secret (default weir-system)
  --self-signed         make the authority in memory at every start, in place of the Secret weir-server-tls
  --tls-cert-file FILE  serve this certificate, and publish nothing: for cert-manager or another owner, who also fills
  --tls-key-file FILE   in caBundle. Both are read again when they change
  --client-ca-file FILE answer only callers with a certificate of this authority
  --client-name NAME    common name or DNS name that such a caller must have; may be repeated (default any)
  --publish-url URL     make the API server call this URL: for a server outside the cluster; implies --self-signed
  --controller-user U   user of weir controller, whose writes pass untouched; may be repeated
                        (default system:serviceaccount:NAMESPACE:weir-controller)
  --mesh-provider P     provider of Canaries that name none (default kubernetes)
  --no-cross-namespace-refs  refuse Canaries that refer to a MetricTemplate, AlertProvider or Upstream elsewhere
  --read-secrets        check that the Secret of a MetricTemplate or AlertProvider has the keys that it needs: reads that
                        one Secret by name when the object is written, which needs the right to get secrets
  --drain-seconds N     how long to keep answering after SIGTERM (default 8)
  --log-level LEVEL     debug, info, warn or error (default info)
  --help                print this
`;

/** Parses the flags; undefined when help is asked for. Throws a WeirError that says what is wrong. */
export function readOptions(args: readonly string[]): Options | undefined {
  const values = parsed(args);
  if (values.help === true) {
    return undefined;
  }
  const namespace = values.namespace ?? "weir-system";
  const level = values["log-level"] ?? "info";
  if (!isLogLevel(level)) {
    throw invalid(`--log-level ${level}: use debug, info, warn or error`);
  }
  const publishUrl = values["publish-url"];
  return {
    port: whole("--port", values.port ?? "10250", 65535),
    metricsPort: whole("--metrics-port", values["metrics-port"] ?? "8080", 65535),
    host: values.host ?? "127.0.0.1",
    kubeconfig: values.kubeconfig,
    selfSigned: values["self-signed"] === true || publishUrl !== undefined,
    publishUrl: publishUrl === undefined ? undefined : httpsUrl(publishUrl),
    tlsFiles: tlsFiles(values["tls-cert-file"], values["tls-key-file"], publishUrl),
    clientCaFile: values["client-ca-file"],
    clientNames: clientNames(values["client-name"], values["client-ca-file"]),
    namespace,
    controllerUsers: values["controller-user"] ?? [`system:serviceaccount:${namespace}:weir-controller`],
    provider: values["mesh-provider"] ?? "kubernetes",
    crossNamespaceRefs: values["no-cross-namespace-refs"] !== true,
    readSecrets: values["read-secrets"] === true,
    drainSeconds: whole("--drain-seconds", values["drain-seconds"] ?? "8", 600),
    logLevel: level,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: "string" },
        "metrics-port": { type: "string" },
        host: { type: "string" },
        kubeconfig: { type: "string" },
        "self-signed": { type: "boolean" },
        "publish-url": { type: "string" },
        "tls-cert-file": { type: "string" },
        "tls-key-file": { type: "string" },
        "client-ca-file": { type: "string" },
        "client-name": { type: "string", multiple: true },
        namespace: { type: "string" },
        "controller-user": { type: "string", multiple: true },
        "mesh-provider": { type: "string" },
        "no-cross-namespace-refs": { type: "boolean" },
        "read-secrets": { type: "boolean" },
        "drain-seconds": { type: "string" },
        "log-level": { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw invalid(`${messageOf(error)} (weir server --help lists the flags)`);
  }
}

function whole(flag: string, text: string, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > most) {
    throw invalid(`${flag} ${text}: give a whole number from 0 to ${most}`);
  }
  return value;
}

function tlsFiles(certFile: string | undefined, keyFile: string | undefined, publishUrl: string | undefined) {
  if (certFile === undefined && keyFile === undefined) {
    return undefined;
  }
  if (certFile === undefined || keyFile === undefined) {
    throw invalid("--tls-cert-file and --tls-key-file belong together");
  }
  if (publishUrl !== undefined) {
    throw invalid("--publish-url publishes an authority of its own: leave out --tls-cert-file");
  }
  return { certFile, keyFile };
}

function clientNames(names: readonly string[] = [], clientCaFile: string | undefined): readonly string[] {
  if (names.length > 0 && clientCaFile === undefined) {
    throw invalid("--client-name needs --client-ca-file: names in certificates of anybody mean nothing");
  }
  return names;
}

function httpsUrl(text: string): string {
  if (!URL.canParse(text) || new URL(text).protocol !== "https:") {
    throw invalid(`--publish-url ${text}: the API server calls webhooks by https:// only`);
  }
  return text.replace(/\/+$/, "");
}

function invalid(message: string): WeirError {
  return new WeirError("config.invalid", "terminal", message);
}
