import type { QueryModel } from "../../api/template.ts";

/** What a built-in check asks a Prometheus, and how its answer becomes percent or milliseconds. */
export interface BuiltinQuery {
  readonly query: string;
  /** Milliseconds per unit of the answer; 1 for percent. */
  readonly factor: number;
}

/** The series that one mesh or ingress exports for the canary, and what to call a success. */
interface Observer {
  /** Counts requests. */
  readonly counter: string;
  /** Selects the canary's series. */
  readonly base: (model: ObserverModel) => readonly string[];
  /** Only for the counter: histograms count requests in their widest bucket. */
  readonly counterOnly?: readonly string[];
  readonly success: string;
  readonly duration: Duration;
}

type Duration =
  /** The 99th percentile of a histogram. `scale` is applied in the query, `factor` to the answer. */
  | {
      readonly kind: "p99";
      readonly buckets: string;
      readonly only?: readonly string[];
      readonly scale?: number;
      readonly factor?: number;
    }
  /** The mean of a histogram in seconds: what these proxies offer. */
  | { readonly kind: "mean"; readonly series: string };

/** `workload`: kind of the target. Pods of a DaemonSet have one part after its name, those of a Deployment two. */
export interface ObserverModel extends QueryModel {
  readonly workload: string;
}

const word = (text: string): string => text.replaceAll(/\W/g, "_");
const pods = ({ target, workload }: ObserverModel): string =>
  workload === "DaemonSet" ? `${target}-[0-9a-zA-Z]+` : `${target}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)`;
const podSelector = (model: ObserverModel): readonly string[] => [
  `kubernetes_namespace="${model.namespace}"`,
  `kubernetes_pod_name=~"${pods(model)}"`,
];

const no5xx = 'response_code!~"5.*"';
const envoy = (base: Observer["base"]): Observer => ({
  counter: "envoy_cluster_upstream_rq",
  base,
  success: 'envoy_response_code!~"5.*"',
  duration: { kind: "p99", buckets: "envoy_cluster_upstream_rq_time_bucket" },
});

/** One row per observer (spec/flagger-metrics.md §1.3). */
const observers = {
  istio: {
    counter: "istio_requests_total",
    base: ({ namespace, target }) => [
      'reporter="destination"',
      `destination_workload_namespace="${namespace}"`,
      `destination_workload=~"${target}"`,
    ],
    success: no5xx,
    duration: { kind: "p99", buckets: "istio_request_duration_milliseconds_bucket" },
  },
  linkerd: {
    counter: "response_total",
    base: ({ namespace, target }) => [`namespace="${namespace}"`, `deployment=~"${target}"`, 'direction="inbound"'],
    success: 'classification!="failure"',
    duration: { kind: "p99", buckets: "response_latency_ms_bucket" },
  },
  appmesh: envoy(podSelector),
  contour: envoy(({ namespace, service }) => [`envoy_cluster_name=~"${namespace}_${service}-canary_[0-9a-zA-Z-]+"`]),
  gloo: envoy(({ namespace, target }) => [
    `envoy_cluster_name=~"${namespace}-${target}-canaryupstream-[0-9a-zA-Z-]+_[0-9a-zA-Z-]+"`,
  ]),
  knative: envoy(({ namespace, route }) => [`envoy_cluster_name=~"${namespace}/${route}"`]),
  kuma: envoy(({ namespace, target }) => [`service=~"${target}-canary_${namespace}_svc_[0-9a-zA-Z-]+"`]),
  osm: {
    counter: "osm_request_total",
    base: ({ namespace, target, workload }) => [
      `destination_namespace="${namespace}"`,
      `destination_kind="${workload === "DaemonSet" ? workload : "Deployment"}"`,
      `destination_name="${target}"`,
    ],
    success: no5xx,
    duration: { kind: "p99", buckets: "osm_request_duration_ms_bucket" },
  },
  http: {
    counter: "http_request_duration_seconds_count",
    base: podSelector,
    success: 'status!~"5.*"',
    duration: { kind: "p99", buckets: "http_request_duration_seconds_bucket", factor: 1000 },
  },
  nginx: {
    counter: "nginx_ingress_controller_requests",
    base: ({ namespace, ingress }) => [`namespace="${namespace}"`, `ingress="${ingress}"`, 'canary!=""'],
    success: 'status!~"5.*"',
    duration: { kind: "mean", series: "nginx_ingress_controller_response_duration_seconds" },
  },
  skipper: {
    counter: "skipper_response_duration_seconds_bucket",
    base: ({ namespace, ingress, service }) => [
      `route=~"kube(ew)?_${word(namespace)}__${word(ingress)}_canary__.*__${word(service)}_canary(_[0-9]+)?"`,
    ],
    counterOnly: ['le="+Inf"'],
    success: 'code!~"5.."',
    duration: { kind: "mean", series: "skipper_serve_route_duration_seconds" },
  },
  traefik: {
    counter: "traefik_service_request_duration_seconds_bucket",
    base: ({ namespace, target }) => [`service=~"${namespace}-${target}-canary-[0-9a-zA-Z-]+@kubernetescrd"`],
    counterOnly: ['le="+Inf"'],
    success: 'code!~"5.."',
    duration: { kind: "p99", buckets: "traefik_service_request_duration_seconds_bucket", scale: 1000 },
  },
  apisix: {
    counter: "apisix_http_status",
    base: ({ namespace, route, target }) => [`route=~"${namespace}_${route}-${target}-canary_.+"`],
    success: 'code!~"5.."',
    duration: { kind: "p99", buckets: "apisix_http_latency_bucket", only: ['type=~"request"'] },
  },
} as const satisfies Record<string, Observer>;

export type ObserverName = keyof typeof observers;

const sameName: ReadonlySet<string> = new Set<ObserverName>([
  "linkerd",
  "istio",
  "contour",
  "nginx",
  "skipper",
  "traefik",
  "osm",
  "kuma",
  "apisix",
  "knative",
]);

/** Who observes for a metrics provider (spec/flagger-metrics.md §1.4). What is not known is taken for Istio. */
export function observerFor(metricsProvider: string): ObserverName {
  if (metricsProvider.startsWith("appmesh")) return "appmesh";
  if (metricsProvider.startsWith("gloo")) return "gloo";
  if (metricsProvider === "kubernetes" || metricsProvider.startsWith("gatewayapi")) return "http";
  return sameName.has(metricsProvider) ? (metricsProvider as ObserverName) : "istio";
}

/** Percent of requests that did not end in a server error. */
export function successRateQuery(observer: ObserverName, model: ObserverModel): BuiltinQuery {
  const { success } = observers[observer];
  return { query: `${requests(observer, model, [success])} / ${requests(observer, model)} * 100`, factor: 1 };
}

/** Requests per second, whatever their outcome: tells "all failed" from "none came". */
export function requestRateQuery(observer: ObserverName, model: ObserverModel): BuiltinQuery {
  return { query: requests(observer, model), factor: 1 };
}

function requests(name: ObserverName, model: ObserverModel, more: readonly string[] = []): string {
  const observer: Observer = observers[name];
  const matchers = [...observer.base(model), ...(observer.counterOnly ?? []), ...more];
  return `sum(rate(${observer.counter}{${matchers.join(",")}}[${model.interval}]))`;
}

/** How long requests take. */
export function durationQuery(name: ObserverName, model: ObserverModel): BuiltinQuery {
  const observer: Observer = observers[name];
  const { duration } = observer;
  const base = observer.base(model);
  if (duration.kind === "mean") {
    const rate = (part: string) => `sum(rate(${duration.series}_${part}{${base.join(",")}}[${model.interval}]))`;
    return { query: `${rate("sum")} / ${rate("count")} * 1000`, factor: 1 };
  }
  const matchers = [...base, ...(duration.only ?? [])].join(",");
  const p99 = `histogram_quantile(0.99, sum(rate(${duration.buckets}{${matchers}}[${model.interval}])) by (le))`;
  return {
    query: duration.scale === undefined ? p99 : `${p99} * ${duration.scale}`,
    factor: duration.factor ?? 1,
  };
}
