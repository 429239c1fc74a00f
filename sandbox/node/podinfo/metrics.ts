/** Request metrics in the Prometheus text format, cheap to count: one lookup per request, no allocation. */

import { entryOf } from "../../controllers/maps.ts";

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

interface Series {
  readonly labels: string;
  readonly buckets: Float64Array;
  sum: number;
  count: number;
}

export class RequestMetrics {
  readonly #series = new Map<string, Map<string, Map<number, Series>>>();
  readonly #totals = new Map<number, number>();
  readonly #started: Date;

  constructor(started: Date) {
    this.#started = started;
  }

  observe(method: string, path: string, status: number, seconds: number): void {
    const series = this.#find(method, path, status);
    series.sum += seconds;
    series.count += 1;
    for (let index = 0; index < BUCKETS.length; index += 1) {
      if (seconds <= (BUCKETS[index] ?? 0)) {
        series.buckets[index] = (series.buckets[index] ?? 0) + 1;
        break;
      }
    }
    this.#totals.set(status, (this.#totals.get(status) ?? 0) + 1);
  }

  /** The exposition text. */
  render(): string {
    const lines = [
      "# HELP http_request_duration_seconds Seconds spent serving HTTP requests.",
      "# TYPE http_request_duration_seconds histogram",
    ];
    for (const paths of this.#series.values()) {
      for (const statuses of paths.values()) for (const series of statuses.values()) lines.push(...histogram(series));
    }
    lines.push("# HELP http_requests_total The total number of HTTP requests.", "# TYPE http_requests_total counter");
    for (const [status, count] of this.#totals) lines.push(`http_requests_total{status="${status}"} ${count}`);
    lines.push(
      "# HELP process_start_time_seconds Start time of the process since unix epoch in seconds.",
      "# TYPE process_start_time_seconds gauge",
      `process_start_time_seconds ${this.#started.getTime() / 1000}`,
      "",
    );
    return lines.join("\n");
  }

  #find(method: string, path: string, status: number): Series {
    const paths = entryOf(this.#series, method, newMap<string, Map<number, Series>>);
    const statuses = entryOf(paths, path, newMap<number, Series>);
    const known = statuses.get(status);
    if (known !== undefined) return known;
    const labels = `method="${escapeLabel(method)}",path="${escapeLabel(path)}",status="${status}"`;
    const series = { labels, buckets: new Float64Array(BUCKETS.length), sum: 0, count: 0 };
    statuses.set(status, series);
    return series;
  }
}

function newMap<K, V>(): Map<K, V> {
  return new Map();
}

function histogram({ labels, buckets, sum, count }: Series): string[] {
  const lines: string[] = [];
  let below = 0;
  for (const [index, bound] of BUCKETS.entries()) {
    below += buckets[index] ?? 0;
    lines.push(`http_request_duration_seconds_bucket{${labels},le="${bound}"} ${below}`);
  }
  lines.push(
    `http_request_duration_seconds_bucket{${labels},le="+Inf"} ${count}`,
    `http_request_duration_seconds_sum{${labels}} ${sum}`,
    `http_request_duration_seconds_count{${labels}} ${count}`,
  );
  return lines;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
