import { parseArgs } from "node:util";
import { selectorLabels, WeirError } from "../api/index.ts";
import type { Mailbox } from "./notifiers/notifier.ts";

/** Everything the controller can be told, parsed once. */
export interface Settings {
  readonly kubeconfig: string | undefined;
  readonly namespace: string | undefined;
  readonly meshProvider: string;
  readonly metricsServer: string;
  readonly selectorLabels: readonly string[];
  readonly includeLabelPrefix: readonly string[];
  /** Changes of ConfigMaps and Secrets that a target refers to are released like changes of its template. */
  readonly configTracking: boolean;
  /** Whether Canaries may refer to objects of other namespaces. */
  readonly crossNamespaceRefs: boolean;
  readonly port: number;
  readonly host: string;
  readonly concurrency: number;
  readonly leaderElection: boolean;
  readonly leaderElectionNamespace: string;
  /** Milliseconds that a workload without traffic is kept before it goes to zero. */
  readonly drainMs: number;
  /** Named in every alert; empty: not named. */
  readonly clusterName: string;
  /** Who is told about canaries that name no alerts of their own. */
  readonly globalAlerts: Mailbox | undefined;
  /** URL that is told every event of canaries without `event` hooks of their own; empty: nobody. */
  readonly eventWebhook: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

/** Flags of the known controller are understood (single or double dash); those that mean nothing here are accepted. */
const options = {
  help: { type: "boolean" },
  version: { type: "boolean" },
  kubeconfig: { type: "string" },
  namespace: { type: "string" },
  "mesh-provider": { type: "string", default: "istio" },
  "metrics-server": { type: "string", default: "http://prometheus:9090" },
  "selector-labels": { type: "string", default: selectorLabels.join(",") },
  "include-label-prefix": { type: "string", default: "" },
  "enable-config-tracking": { type: "string", default: "true" },
  "no-cross-namespace-refs": { type: "string", default: "false" },
  port: { type: "string", default: "8080" },
  host: { type: "string", default: "0.0.0.0" },
  threadiness: { type: "string", default: "16" },
  "enable-leader-election": { type: "string", default: "true" },
  "leader-election-namespace": { type: "string", default: "weir-system" },
  "cluster-name": { type: "string", default: "" },
  "slack-url": { type: "string", default: "" },
  "slack-token": { type: "string", default: "" },
  "slack-proxy-url": { type: "string", default: "" },
  "slack-user": { type: "string", default: "flagger" },
  "slack-channel": { type: "string", default: "" },
  "msteams-url": { type: "string", default: "" },
  "msteams-proxy-url": { type: "string", default: "" },
  "event-webhook": { type: "string", default: "" },
  "drain-seconds": { type: "string", default: "3" },
  "log-level": { type: "string", default: "info" },
} as const;

/** Environment variables that win over a flag: what is secret need not stand in a manifest. */
const variables: Readonly<Partial<Record<keyof typeof options, string>>> = {
  "slack-url": "SLACK_URL",
  "slack-token": "SLACK_TOKEN",
  "slack-proxy-url": "SLACK_PROXY_URL",
  "msteams-url": "MSTEAMS_URL",
  "msteams-proxy-url": "MSTEAMS_PROXY_URL",
  "event-webhook": "EVENT_WEBHOOK_URL",
};

/** Known flags whose job needs no setting here. */
const ignored = [
  "master",
  "kubeconfig-qps",
  "kubeconfig-burst",
  "control-loop-interval",
  "zap-encoding",
  "zap-replace-globals",
];

/** Flags that mean `true` when they stand alone. */
const booleans = [
  "--enable-leader-election",
  "--enable-config-tracking",
  "--no-cross-namespace-refs",
  "--zap-replace-globals",
];

export const help = `weir controller: watches canaries, brings traffic over step by step, promotes or takes back.

  --kubeconfig FILE             which cluster (default: in-cluster, KUBECONFIG, ~/.kube/config)
  --namespace NAME              only canaries of one namespace
  --mesh-provider NAME          provider of canaries that name none (istio)
  --metrics-server URL          Prometheus of the built-in checks (http://prometheus:9090)
  --selector-labels A,B         labels that a target's selector may use (${selectorLabels.join(",")})
  --include-label-prefix A,B    labels and annotations that the primary keeps (none; * for all)
  --enable-config-tracking B    release changes of the ConfigMaps and Secrets that a target refers to (true)
  --no-cross-namespace-refs     stall canaries that refer to a MetricTemplate, AlertProvider or Upstream elsewhere
  --port N, --host ADDRESS      /metrics, /healthz, /readyz (8080 on all addresses)
  --threadiness N               canaries worked on at a time (16)
  --enable-leader-election B    one of several replicas writes (true)
  --leader-election-namespace N where the Lease lives (weir-system)
  --cluster-name NAME           named in every alert
  --slack-url URL               where alerts of canaries without their own go (or SLACK_URL), with
    --slack-channel NAME        channel of these alerts
    --slack-user NAME           who says them (flagger)
    --slack-token TOKEN         token of a bot (or SLACK_TOKEN)
    --slack-proxy-url URL       proxy on the way there (or SLACK_PROXY_URL)
  --msteams-url URL             the same for Microsoft Teams (MSTEAMS_URL), with --msteams-proxy-url URL (MSTEAMS_PROXY_URL)
  --event-webhook URL           told every event of canaries without event hooks of their own (EVENT_WEBHOOK_URL)
  --drain-seconds N             how long a workload without traffic is kept (3)
  --log-level LEVEL             debug, info, warn or error (info)
`;

/** Throws config.invalid with the flag's name and what it takes. */
export function parseSettings(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Settings | "help" | "version" {
  const values = readFlags(args);
  if (values["help"] === true) return "help";
  if (values["version"] === true) return "version";
  const text = (name: keyof typeof options): string => env[variables[name] ?? ""] || String(values[name] ?? "");
  const level = text("log-level");
  return Object.freeze({
    kubeconfig: text("kubeconfig") || undefined,
    namespace: text("namespace") || undefined,
    meshProvider: text("mesh-provider"),
    metricsServer: text("metrics-server"),
    selectorLabels: words(text("selector-labels")),
    includeLabelPrefix: words(text("include-label-prefix")),
    configTracking: text("enable-config-tracking") !== "false",
    crossNamespaceRefs: text("no-cross-namespace-refs") !== "true",
    port: wholeNumber("port", text("port"), 0, 65_535),
    host: text("host"),
    concurrency: wholeNumber("threadiness", text("threadiness"), 1, 1000),
    leaderElection: text("enable-leader-election") !== "false",
    leaderElectionNamespace: text("leader-election-namespace"),
    drainMs: wholeNumber("drain-seconds", text("drain-seconds"), 0, 3600) * 1000,
    clusterName: text("cluster-name"),
    globalAlerts: globalAlerts(text),
    eventWebhook: text("event-webhook"),
    logLevel: level === "debug" || level === "warn" || level === "error" ? level : "info",
  });
}

/** Teams when it has an address, else Slack. */
function globalAlerts(text: (name: keyof typeof options) => string): Mailbox | undefined {
  const proxied = (proxy: string) => (proxy === "" ? {} : { proxy });
  const username = text("slack-user");
  const channel = text("slack-channel");
  if (text("msteams-url") !== "")
    return { type: "msteams", address: text("msteams-url"), channel, username, ...proxied(text("msteams-proxy-url")) };
  if (text("slack-url") === "") return undefined;
  if (channel === "" || username === "")
    throw new WeirError("config.invalid", "terminal", "--slack-url needs --slack-channel and --slack-user");
  const token = text("slack-token");
  return {
    type: "slack",
    address: text("slack-url"),
    channel,
    username,
    ...(token === "" ? {} : { token }),
    ...proxied(text("slack-proxy-url")),
  };
}

function readFlags(args: readonly string[]): Record<string, unknown> {
  const doubled = args
    .map((arg) => (/^-[a-z][a-z]/.test(arg) ? `-${arg}` : arg))
    .map((arg) => (booleans.includes(arg) ? `${arg}=true` : arg));
  const accepted = Object.fromEntries(ignored.map((name) => [name, { type: "string" } as const]));
  try {
    return parseArgs({ args: doubled, options: { ...accepted, ...options }, strict: true, allowPositionals: false })
      .values;
  } catch (cause) {
    throw new WeirError(
      "config.invalid",
      "terminal",
      `${cause instanceof Error ? cause.message : String(cause)} (weir controller --help lists the flags)`,
      { cause },
    );
  }
}

function words(text: string): readonly string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max && text !== "") return value;
  throw new WeirError(
    "config.invalid",
    "terminal",
    `--${flag} takes a whole number from ${min} to ${max}, not "${text}"`,
  );
}
