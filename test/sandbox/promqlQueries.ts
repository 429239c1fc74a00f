/** Queries on which the embedded store and Prometheus must agree: the built-in checks, the guides' templates, and the language around them. */

/** The built-in checks, as they are rendered for the target `podinfo` in the namespace `test`. */
const BUILT_IN = [
  `sum(rate(istio_requests_total{ reporter="destination", destination_workload_namespace="test", destination_workload=~"podinfo", response_code!~"5.*" }[1m])) / sum(rate(istio_requests_total{ reporter="destination", destination_workload_namespace="test", destination_workload=~"podinfo" }[1m])) * 100`,
  `histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket{ reporter="destination", destination_workload_namespace="test", destination_workload=~"podinfo" }[1m])) by (le))`,
  `sum(rate(http_request_duration_seconds_count{ kubernetes_namespace="test", kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)", status!~"5.*" }[1m])) / sum(rate(http_request_duration_seconds_count{ kubernetes_namespace="test", kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)" }[1m])) * 100`,
  `histogram_quantile(0.99, sum(rate(http_request_duration_seconds_bucket{ kubernetes_namespace="test", kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)" }[1m])) by (le))`,
  `sum(rate(traefik_service_request_duration_seconds_bucket{ service=~"test-podinfo-canary-[0-9a-zA-Z-]+@kubernetescrd", code!~"5..", le="+Inf" }[1m])) / sum(rate(traefik_service_request_duration_seconds_bucket{ service=~"test-podinfo-canary-[0-9a-zA-Z-]+@kubernetescrd", le="+Inf" }[1m])) * 100`,
  `histogram_quantile(0.99, sum(rate(traefik_service_request_duration_seconds_bucket{ service=~"test-podinfo-canary-[0-9a-zA-Z-]+@kubernetescrd" }[1m])) by (le)) * 1000`,
  `sum(rate(istio_request_duration_milliseconds_sum{destination_workload="podinfo"}[30s])) / sum(rate(istio_request_duration_milliseconds_count{destination_workload="podinfo"}[30s])) * 1000`,
  "vector(1)",
];

/** The MetricTemplates of the guides, with their trailing commas. */
const TEMPLATES = [
  `histogram_quantile(0.99,
sum(
rate(
istio_request_duration_milliseconds_bucket{
reporter="source",
destination_workload_namespace=~"test",
destination_workload=~"podinfo",
}[30s]
)
) by (le)
)/1000`,
  `100 - sum(
rate(
istio_requests_total{
reporter="source",
destination_workload_namespace=~"test",
destination_workload=~"podinfo",
response_code!~"5.*"
}[1m]
)
)
/
sum(
rate(
istio_requests_total{
reporter="source",
destination_workload_namespace=~"test",
destination_workload=~"podinfo",
}[1m]
)
)
* 100`,
  `sum(
rate(
traefik_service_request_duration_seconds_bucket{
service=~"test-podinfo-canary-[0-9a-zA-Z-]+@kubernetescrd",
code!="404",
}[1m]
)
)
/
sum(
rate(
traefik_service_request_duration_seconds_bucket{
service=~"test-podinfo-canary-[0-9a-zA-Z-]+@kubernetescrd",
}[1m]
)
) * 100`,
];

const SELECTORS = [
  "istio_requests_total",
  `istio_requests_total{response_code="200"}`,
  `istio_requests_total{response_code!="200", reporter="source"}`,
  `{__name__=~"istio_requests.*", reporter='source'}`,
  `istio_requests_total{response_code=~"(?i)4.."}`,
  'istio_requests_total{missing="", reporter=`source`}',
  "late_total",
  "gone_total",
  "gone_total offset 2m",
  "late_total offset -20s",
  "nothing_at_all",
  `resets_total[20s]`,
];

const RANGES = [
  "rate(resets_total[45s])",
  "increase(resets_total[2m])",
  "irate(resets_total[30s])",
  "delta(gauge[1m])",
  "rate(late_total[2m])",
  "increase(late_total[3m])",
  "rate(sparse_total[1m])",
  "increase(sparse_total[5m])",
  "rate(once_total[5m])",
  "rate(gone_total[3m])",
  "rate(resets_total[45s] offset 1m)",
  "sum_over_time(gauge[30s]) + avg_over_time(gauge[30s])",
  "min_over_time(gauge[1m])",
  "max_over_time(gauge[1m]) - count_over_time(gauge[1m])",
  "rate(resets_total[1m30s])",
];

const AGGREGATES = [
  "sum(istio_requests_total)",
  "sum by (response_code, reporter) (istio_requests_total)",
  "sum without (response_code) (istio_requests_total)",
  "sum(istio_requests_total) by (destination_workload,)",
  "avg by (reporter) (rate(istio_requests_total[1m]))",
  "min(gauge)",
  "max by (nothing) (istio_requests_total)",
  'count(istio_requests_total{reporter="source"})',
  'count by (__name__) ({__name__=~".+_total"})',
  "histogram_quantile(0.5, sum by (le, destination_workload) (rate(istio_request_duration_milliseconds_bucket[2m])))",
  "histogram_quantile(0.95, istio_request_duration_milliseconds_bucket)",
  "histogram_quantile(1.5, istio_request_duration_milliseconds_bucket)",
  'histogram_quantile(0.9, istio_request_duration_milliseconds_bucket{le!="+Inf"})',
  "histogram_quantile(0.9, rate(nothing_bucket[1m]))",
];

const OPERATORS = [
  "1 + 2 * 3 ^ 2 ^ 0.5 % 4 - -1",
  "-gauge",
  "- 2 ^ 2",
  "1 / 0",
  "0 / 0",
  "-1 / 0",
  "1e21 + 1",
  "0.0000001 * 1",
  "1 == bool 1",
  "gauge > 5",
  "gauge > bool 5",
  "5 < gauge",
  "5 < bool gauge",
  "gauge * 2 + 1",
  "istio_requests_total > 100 and istio_requests_total < 100000",
  `istio_requests_total{reporter="source"} / on (destination_workload, response_code) istio_requests_total{reporter="destination"}`,
  `istio_requests_total{reporter="source"} - ignoring (reporter) istio_requests_total{reporter="destination"}`,
  `istio_requests_total{reporter="source"} == ignoring (reporter) istio_requests_total{reporter="destination"}`,
  `istio_requests_total{reporter="source"} != bool ignoring (reporter) istio_requests_total{reporter="destination"}`,
  `istio_requests_total{response_code="500"} or istio_requests_total{response_code="200"}`,
  `istio_requests_total unless on (response_code) istio_requests_total{response_code="500"}`,
  `istio_requests_total and on (response_code) istio_requests_total{response_code="404"}`,
  `sum(rate(nothing[1m])) or vector(0)`,
  `sum(rate(istio_requests_total{response_code="500"}[1m])) / sum(rate(nothing[1m]))`,
  "scalar(gauge) + 1",
  "scalar(istio_requests_total)",
  "vector(time())",
  "time() - 1000",
  'absent(nothing{job="a", b=~"c"})',
  "absent(gauge)",
  "absent(sum(nothing))",
  "clamp_min(gauge, 5)",
  "clamp_max(gauge, 5)",
  "abs(-gauge) + ceil(gauge) + floor(gauge) + round(gauge, 0.5) + round(gauge)",
  "(((gauge)))",
  "Inf - NaN",
  "1 # a comment",
];

export const AGREED: Readonly<Record<string, readonly string[]>> = {
  "the built-in checks": BUILT_IN,
  "the templates of the guides": TEMPLATES,
  selectors: SELECTORS,
  ranges: RANGES,
  aggregations: AGGREGATES,
  operators: OPERATORS,
};

/** Refused by both, with the same kind of error. */
export const REFUSED = [
  "",
  "sum(",
  "gauge{",
  "gauge{a=}",
  'gauge{a=~"("}',
  "{}",
  '{a=~".*"}',
  "1 == 1",
  "rate(gauge)",
  "sum(1)",
  "1 and 2",
  "gauge and 1",
  "gauge + bool 1",
  "rate(gauge[1m)",
  "gauge offset",
  "gauge[5]",
  "histogram_quantile(gauge, 0.9)",
  "clamp_min(gauge)",
  "gauge gauge",
  "1 2",
  "$x",
  "gauge + on (a) 1",
  'istio_requests_total / istio_requests_total{reporter="source"} / on (reporter) istio_requests_total',
  'rate({__name__=~"istio_request.*"}[1m])',
];

/** Prometheus has these, the embedded store says that it hasn't. */
export const UNSUPPORTED: Readonly<Record<string, RegExp>> = {
  "topk(3, gauge)": /aggregation topk not supported/,
  "max_over_time(rate(resets_total[1m])[5m:10s])": /subqueries not supported/,
  "gauge @ 5": /the @ modifier not supported/,
  "gauge * on (a) group_left gauge": /group_left \(many-to-one matching\) not supported/,
  'label_replace(gauge, "a", "b", "c", "d")': /function label_replace not supported/,
  "predict_linear(gauge[1m], 60)": /function predict_linear not supported/,
  "gauge atan2 gauge": /operator atan2 not supported/,
};
