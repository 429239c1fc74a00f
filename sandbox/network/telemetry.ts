import type { Endpoint } from "./directory.ts";
import type { Backend } from "./model.ts";

/** One request, answered. */
export interface Answered {
  readonly method: string;
  /** 0 when the client left before an answer. */
  readonly status: number;
  /** Envoy's response flags: `-`, `UH` no healthy upstream, `UF` connection failure, `UT` timeout, `NR` no route, `DC` client gone. */
  readonly flags: string;
  readonly durationMs: number;
  readonly backend: Backend | undefined;
  readonly endpoint: Endpoint | undefined;
}

export type Observe = (answered: Answered) => void;

/** Counts requests and prints them in the Prometheus text format. */
export interface Exporter {
  /** Series in the exposition format. */
  render(): string;
}

type Labels = Readonly<Record<string, string>>;

interface Series {
  readonly labels: string;
  readonly counts: Float64Array;
  count: number;
  sum: number;
}

/** A counter and a histogram over the same labels, as every proxy exports them. */
function createRequestFamily(counter: string, histogram: string, bounds: readonly number[]) {
  const series = new Map<string, Series>();
  return {
    /** `value` in the unit of the bounds. `key` must stand for exactly these labels. */
    observe(key: string, labels: () => Labels, value: number): void {
      let one = series.get(key);
      if (one === undefined) {
        one = { labels: printLabels(labels()), counts: new Float64Array(bounds.length), count: 0, sum: 0 };
        series.set(key, one);
      }
      one.count++;
      one.sum += value;
      const bucket = bounds.findIndex((bound) => value <= bound);
      if (bucket >= 0) one.counts[bucket] = (one.counts[bucket] ?? 0) + 1;
    },
    render(): string {
      const all = [...series.values()];
      if (all.length === 0) return "";
      const counters = all.map((one) => `${counter}{${one.labels}} ${one.count}`);
      const histograms = all.flatMap((one) => renderHistogram(histogram, bounds, one));
      return `# TYPE ${counter} counter\n${counters.join("\n")}\n# TYPE ${histogram} histogram\n${histograms.join("\n")}\n`;
    },
  };
}

function renderHistogram(name: string, bounds: readonly number[], one: Series): string[] {
  let below = 0;
  const buckets = bounds.map((bound, index) => {
    below += one.counts[index] ?? 0;
    return `${name}_bucket{${one.labels},le="${bound}"} ${below}`;
  });
  return [
    ...buckets,
    `${name}_bucket{${one.labels},le="+Inf"} ${one.count}`,
    `${name}_sum{${one.labels}} ${one.sum}`,
    `${name}_count{${one.labels}} ${one.count}`,
  ];
}

function printLabels(labels: Labels): string {
  return Object.entries(labels)
    .map(
      ([name, value]) => `${name}="${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`,
    )
    .join(",");
}

const ISTIO_BOUNDS = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000,
];

/**
 * The standard series of Istio. A request that reached a pod is reported twice: by its source (the gateway, or the sidecar of
 * whoever calls) and by its destination (the sidecar of the pod), so that queries on either reporter have an answer.
 */
export function createIstioTelemetry(): Exporter & { from(workload: string, namespace: string): Observe } {
  const family = createRequestFamily("istio_requests_total", "istio_request_duration_milliseconds", ISTIO_BOUNDS);
  return {
    render: family.render,
    from: (workload, namespace) => (answered) => {
      const { backend, endpoint, status, flags, durationMs } = answered;
      const key = `${workload}.${namespace}|${backend?.service}.${backend?.namespace}|${endpoint?.workload}.${endpoint?.version}|${status}|${flags}`;
      for (const reporter of endpoint === undefined ? ["source"] : ["source", "destination"]) {
        family.observe(`${reporter}|${key}`, () => istioLabels(reporter, workload, namespace, answered), durationMs);
      }
    },
  };
}

function istioLabels(reporter: string, workload: string, namespace: string, answered: Answered): Labels {
  const { backend, endpoint, status, flags } = answered;
  return {
    reporter,
    source_workload: workload,
    source_workload_namespace: namespace,
    source_app: workload,
    destination_workload: endpoint?.workload ?? "unknown",
    destination_workload_namespace: endpoint?.namespace ?? "unknown",
    destination_app: endpoint?.app ?? "unknown",
    destination_version: endpoint?.version ?? "unknown",
    destination_service:
      backend === undefined ? "unknown" : `${backend.service}.${backend.namespace}.svc.cluster.local`,
    destination_service_name: backend?.service ?? "unknown",
    destination_service_namespace: backend?.namespace ?? "unknown",
    request_protocol: "http",
    response_code: String(status),
    response_flags: flags,
    connection_security_policy: reporter === "source" ? "unknown" : "none",
  };
}

const TRAEFIK_BOUNDS = [0.1, 0.3, 1.2, 5];

/** The per-service series of Traefik. Requests that no route took are not in them. */
export function createTraefikTelemetry(): Exporter & { observe: Observe } {
  const family = createRequestFamily(
    "traefik_service_requests_total",
    "traefik_service_request_duration_seconds",
    TRAEFIK_BOUNDS,
  );
  return {
    render: family.render,
    observe: ({ backend, status, method, durationMs }) => {
      if (backend === undefined) return;
      const service = `${backend.namespace}-${backend.service}-${backend.port}@kubernetescrd`;
      const code = String(status === 0 ? 499 : status);
      family.observe(
        `${service}|${code}|${method}`,
        () => ({ code, method, protocol: "http", service }),
        durationMs / 1000,
      );
    },
  };
}
