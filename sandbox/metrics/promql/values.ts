import { type Labels, labelKey } from "../exposition.ts";
import type { Points } from "../sampleStore.ts";
import { ExecutionError } from "./ast.ts";

export interface VectorSample {
  readonly labels: Labels;
  readonly value: number;
}

/** Points of a series over the span that was asked for; times in milliseconds. */
export interface MatrixSeries {
  readonly labels: Labels;
  readonly points: Points;
  readonly from: number;
  readonly to: number;
}

export type Value =
  | { readonly type: "scalar"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "vector"; readonly samples: readonly VectorSample[] }
  | { readonly type: "matrix"; readonly series: readonly MatrixSeries[] };

export function withoutLabels(labels: Labels, names: readonly string[]): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !names.includes(name)));
}

export function onlyLabels(labels: Labels, names: readonly string[]): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => names.includes(name)));
}

/** What was computed is no longer the metric: its name goes. */
export function withoutName(labels: Labels): Labels {
  return labels["__name__"] === undefined ? labels : withoutLabels(labels, ["__name__"]);
}

/** Throws when two samples have the same labels, which happens when names are dropped. */
export function unique(samples: readonly VectorSample[]): readonly VectorSample[] {
  if (samples.length > 1 && new Set(samples.map((sample) => labelKey(sample.labels))).size < samples.length) {
    throw new ExecutionError("vector cannot contain metrics with the same labelset");
  }
  return samples;
}
