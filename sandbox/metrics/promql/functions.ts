import { labelKey, parseValue } from "../exposition.ts";
import type { Points } from "../sampleStore.ts";
import type { Expression, ValueType } from "./ast.ts";
import { bucketQuantile } from "./histogram.ts";
import { extrapolatedGrowth, instantRate } from "./rate.ts";
import { type MatrixSeries, unique, type Value, type VectorSample, withoutLabels, withoutName } from "./values.ts";

interface Call {
  readonly args: readonly Value[];
  readonly expressions: readonly Expression[];
  /** Milliseconds since the epoch. */
  readonly at: number;
}

interface QueryFunction {
  readonly args: readonly ValueType[];
  /** How many of the last arguments may be left out. */
  readonly optional?: number;
  readonly type: ValueType;
  readonly run: (call: Call) => Value;
}

const TABLE: Readonly<Record<string, QueryFunction>> = {
  rate: overRange(({ points, from, to }) => perSecond(extrapolatedGrowth(points, from, to, true), from, to)),
  increase: overRange(({ points, from, to }) => extrapolatedGrowth(points, from, to, true)),
  delta: overRange(({ points, from, to }) => extrapolatedGrowth(points, from, to, false)),
  irate: overRange(({ points }) => instantRate(points)),
  sum_over_time: overPoints((values) => values.reduce((sum, value) => sum + value, 0)),
  avg_over_time: overPoints((values) => values.reduce((sum, value) => sum + value, 0) / values.length),
  min_over_time: overPoints((values) =>
    values.reduce((least, value) => (value < least || Number.isNaN(least) ? value : least)),
  ),
  max_over_time: overPoints((values) =>
    values.reduce((most, value) => (value > most || Number.isNaN(most) ? value : most)),
  ),
  count_over_time: overPoints((values) => values.length),
  abs: eachValue(Math.abs),
  ceil: eachValue(Math.ceil),
  floor: eachValue(Math.floor),
  round: {
    args: ["vector", "scalar"],
    optional: 1,
    type: "vector",
    run: (call) => map(call, (value) => round(value, scalarAt(call, 1, 1))),
  },
  clamp_min: {
    args: ["vector", "scalar"],
    type: "vector",
    run: (call) => map(call, (value) => Math.max(scalarAt(call, 1), value)),
  },
  clamp_max: {
    args: ["vector", "scalar"],
    type: "vector",
    run: (call) => map(call, (value) => Math.min(scalarAt(call, 1), value)),
  },
  histogram_quantile: { args: ["scalar", "vector"], type: "vector", run: histogramQuantile },
  scalar: { args: ["vector"], type: "scalar", run: toScalar },
  vector: { args: ["scalar"], type: "vector", run: (call) => vector([{ labels: {}, value: scalarAt(call, 0) }]) },
  time: { args: [], type: "scalar", run: ({ at }) => ({ type: "scalar", value: at / 1000 }) },
  absent: { args: ["vector"], type: "vector", run: absent },
};

/** The functions that queries may call. */
export const FUNCTIONS: ReadonlyMap<string, QueryFunction> = new Map(Object.entries(TABLE));

function vector(samples: readonly VectorSample[]): Value {
  return { type: "vector", samples };
}

function samplesAt(call: Call, index: number): readonly VectorSample[] {
  const value = call.args[index];
  return value?.type === "vector" ? value.samples : [];
}

function scalarAt(call: Call, index: number, otherwise = Number.NaN): number {
  const value = call.args[index];
  return value?.type === "scalar" ? value.value : otherwise;
}

function map(call: Call, change: (value: number) => number): Value {
  return vector(
    unique(samplesAt(call, 0).map(({ labels, value }) => ({ labels: withoutName(labels), value: change(value) }))),
  );
}

function eachValue(change: (value: number) => number): QueryFunction {
  return { args: ["vector"], type: "vector", run: (call) => map(call, change) };
}

/** Series for which there is no answer (one point only) are left out. */
function overRange(compute: (series: MatrixSeries) => number | undefined): QueryFunction {
  const run = (call: Call): Value => {
    const [matrix] = call.args;
    const series = matrix?.type === "matrix" ? matrix.series : [];
    const samples = series.flatMap((one) => {
      const value = compute(one);
      return value === undefined ? [] : [{ labels: withoutName(one.labels), value }];
    });
    return vector(unique(samples));
  };
  return { args: ["matrix"], type: "vector", run };
}

function overPoints(compute: (values: Points["values"]) => number): QueryFunction {
  return overRange(({ points }) => compute(points.values));
}

function perSecond(growth: number | undefined, from: number, to: number): number | undefined {
  return growth === undefined ? undefined : growth / ((to - from) / 1000);
}

function round(value: number, nearest: number): number {
  const inverse = 1 / nearest;
  return Math.floor(value * inverse + 0.5) / inverse;
}

function toScalar(call: Call): Value {
  const samples = samplesAt(call, 0);
  return { type: "scalar", value: samples.length === 1 ? (samples[0]?.value ?? Number.NaN) : Number.NaN };
}

function histogramQuantile(call: Call): Value {
  const quantile = scalarAt(call, 0);
  const groups = new Map<string, { labels: VectorSample["labels"]; buckets: { upper: number; count: number }[] }>();
  for (const { labels, value } of samplesAt(call, 1)) {
    const upper = upperBoundOf(labels["le"]);
    if (upper === undefined) continue;
    const rest = withoutLabels(labels, ["le", "__name__"]);
    const key = labelKey(rest);
    const group = groups.get(key) ?? { labels: rest, buckets: [] };
    groups.set(key, group);
    group.buckets.push({ upper, count: value });
  }
  return vector(
    [...groups.values()].map(({ labels, buckets }) => ({ labels, value: bucketQuantile(quantile, buckets) })),
  );
}

function upperBoundOf(le: string | undefined): number | undefined {
  try {
    return le === undefined ? undefined : parseValue(le);
  } catch {
    return undefined;
  }
}

/** 1, with the labels that the selector pins down, when nothing was found. */
function absent(call: Call): Value {
  if (samplesAt(call, 0).length > 0) return vector([]);
  const [expression] = call.expressions;
  const labels: Record<string, string> = {};
  const conflicting = new Set<string>();
  for (const { name, exact } of expression?.kind === "selector" ? expression.matchers : []) {
    if (name === "__name__") continue;
    if (exact !== undefined && labels[name] === undefined) labels[name] = exact;
    else conflicting.add(name);
  }
  return vector([{ labels: withoutLabels(labels, [...conflicting]), value: 1 }]);
}
