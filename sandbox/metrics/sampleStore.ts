import { type Labels, labelKey, type Sample } from "./exposition.ts";

/** Marks the end of a series, as Prometheus' staleness marker does. A value that no metric has. */
const STALE = -Number.MAX_VALUE;

/** Points in time order; times in milliseconds since the epoch. */
export interface Points {
  readonly times: readonly number[];
  readonly values: readonly number[];
}

export interface LabelMatcher {
  readonly name: string;
  readonly matches: (value: string) => boolean;
  /** For `=`: the value, so that series can be looked up by name. */
  readonly exact?: string;
}

/** What queries read from. */
export interface SampleReader {
  /** The newest value of each series at `at`, no older than five minutes and not ended. */
  latest(matchers: readonly LabelMatcher[], at: number): { labels: Labels; value: number; time: number }[];
  /** The points of each series after `from` up to and including `to`. Series without points are left out. */
  range(matchers: readonly LabelMatcher[], from: number, to: number): { labels: Labels; points: Points }[];
}

export interface SampleStore extends SampleReader {
  /**
   * Takes one scrape of one source. Series that its last scrape had and this one hasn't end here; an empty scrape
   * (a target that is gone or failed) ends all of them.
   */
  append(source: string, samples: readonly Sample[], at: number): void;
  readonly seriesCount: number;
}

interface Series {
  readonly labels: Labels;
  times: number[];
  values: number[];
}

/** How far back an instant query looks for a value. */
const LOOKBACK_MS = 5 * 60_000;

/** Keeps samples in memory for `retentionMs` and forgets series that have none left. */
export function createSampleStore(retentionMs = 15 * 60_000): SampleStore {
  const byName = new Map<string, Map<string, Series>>();
  const lastScrape = new Map<string, Map<string, Series>>();
  let swept = 0;
  let count = 0;

  const seriesOf = (labels: Labels): [string, Series] => {
    const name = labels["__name__"] ?? "";
    const key = labelKey(labels);
    const family = byName.get(name) ?? new Map<string, Series>();
    byName.set(name, family);
    let series = family.get(key);
    if (series === undefined) {
      series = { labels, times: [], values: [] };
      family.set(key, series);
      count++;
    }
    return [key, series];
  };
  const push = (series: Series, time: number, value: number): void => {
    // Two sources with the same series in one instant: the first wins, as in Prometheus.
    if ((series.times.at(-1) ?? 0) >= time) return;
    series.times.push(time);
    series.values.push(value);
  };
  const sweep = (now: number): void => {
    if (now - swept < 10_000) return;
    swept = now;
    for (const [name, family] of byName) {
      for (const [key, series] of family) {
        const keep = series.times.findIndex((time) => time >= now - retentionMs);
        if (keep === 0) continue;
        series.times = keep < 0 ? [] : series.times.slice(keep);
        series.values = keep < 0 ? [] : series.values.slice(keep);
        if (keep < 0 && family.delete(key)) count--;
      }
      if (family.size === 0) byName.delete(name);
    }
  };
  const select = function* (matchers: readonly LabelMatcher[]): Generator<Series> {
    const name = matchers.find((matcher) => matcher.name === "__name__")?.exact;
    const families = name === undefined ? byName.values() : [byName.get(name) ?? new Map<string, Series>()];
    for (const family of families) {
      for (const series of family.values()) {
        if (matchers.every((matcher) => matcher.matches(series.labels[matcher.name] ?? ""))) yield series;
      }
    }
  };

  return {
    get seriesCount() {
      return count;
    },
    append: (source, samples, at) => {
      const seen = new Map<string, Series>();
      for (const sample of samples) {
        const [key, series] = seriesOf(sample.labels);
        push(series, at, sample.value);
        seen.set(key, series);
      }
      for (const [key, series] of lastScrape.get(source) ?? []) if (!seen.has(key)) push(series, at, STALE);
      if (seen.size > 0) lastScrape.set(source, seen);
      else lastScrape.delete(source);
      sweep(at);
    },
    latest: (matchers, at) => {
      const found: { labels: Labels; value: number; time: number }[] = [];
      for (const series of select(matchers)) {
        const index = upperBound(series.times, at) - 1;
        const time = series.times[index] ?? -Infinity;
        const value = series.values[index] ?? STALE;
        if (time > at - LOOKBACK_MS && value !== STALE) found.push({ labels: series.labels, value, time });
      }
      return found;
    },
    range: (matchers, from, to) => {
      const found: { labels: Labels; points: Points }[] = [];
      for (const series of select(matchers)) {
        const times: number[] = [];
        const values: number[] = [];
        for (let index = upperBound(series.times, from); index < series.times.length; index++) {
          const time = series.times[index] ?? 0;
          const value = series.values[index] ?? STALE;
          if (time > to) break;
          if (value === STALE) continue;
          times.push(time);
          values.push(value);
        }
        if (times.length > 0) found.push({ labels: series.labels, points: { times, values } });
      }
      return found;
    },
  };
}

/** Index of the first time that is later than `time`. */
function upperBound(times: readonly number[], time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] ?? 0) <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}
