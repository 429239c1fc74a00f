import { labelKey } from "../exposition.ts";
import type { SampleReader } from "../sampleStore.ts";
import type { AggregateOperator, Expression } from "./ast.ts";
import { evaluateBinary } from "./binary.ts";
import { FUNCTIONS } from "./functions.ts";
import { onlyLabels, unique, type Value, type VectorSample, withoutLabels, withoutName } from "./values.ts";

/** The value of an expression at one instant (milliseconds since the epoch). Throws ExecutionError when the data don't fit. */
export function evaluate(expression: Expression, reader: SampleReader, at: number): Value {
  switch (expression.kind) {
    case "number":
      return { type: "scalar", value: expression.value };
    case "string":
      return { type: "string", value: expression.value };
    case "selector":
      return { type: "vector", samples: reader.latest(expression.matchers, at - expression.offsetMs) };
    case "range": {
      const to = at - expression.offsetMs;
      const from = to - expression.rangeMs;
      const series = reader.range(expression.matchers, from, to).map((one) => ({ ...one, from, to }));
      return { type: "matrix", series };
    }
    case "negate":
      return negate(evaluate(expression.operand, reader, at));
    case "binary":
      return evaluateBinary(expression, evaluate(expression.left, reader, at), evaluate(expression.right, reader, at));
    case "aggregate": {
      const operand = evaluate(expression.operand, reader, at);
      return { type: "vector", samples: aggregate(expression, operand.type === "vector" ? operand.samples : []) };
    }
    case "call": {
      const args = expression.args.map((arg) => evaluate(arg, reader, at));
      const called = FUNCTIONS.get(expression.name);
      if (called === undefined) throw new TypeError(`function ${expression.name} passed the parser but does not exist`);
      return called.run({ args, expressions: expression.args, at });
    }
  }
}

function negate(value: Value): Value {
  if (value.type === "scalar") return { type: "scalar", value: -value.value };
  const samples = value.type === "vector" ? value.samples : [];
  return {
    type: "vector",
    samples: unique(samples.map((one) => ({ labels: withoutName(one.labels), value: -one.value }))),
  };
}

function aggregate(
  expression: Extract<Expression, { kind: "aggregate" }>,
  samples: readonly VectorSample[],
): VectorSample[] {
  const groups = new Map<string, { labels: VectorSample["labels"]; values: number[] }>();
  for (const sample of samples) {
    const labels = expression.without
      ? withoutLabels(sample.labels, [...expression.labels, "__name__"])
      : onlyLabels(sample.labels, expression.labels);
    const key = labelKey(labels);
    const group = groups.get(key) ?? { labels, values: [] };
    groups.set(key, group);
    group.values.push(sample.value);
  }
  return [...groups.values()].map(({ labels, values }) => ({ labels, value: fold(expression.operator, values) }));
}

function fold(operator: AggregateOperator, values: readonly number[]): number {
  switch (operator) {
    case "sum":
      return values.reduce((sum, value) => sum + value, 0);
    case "avg":
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    case "count":
      return values.length;
    case "min":
      return values.reduce((least, value) => (value < least || Number.isNaN(least) ? value : least));
    case "max":
      return values.reduce((most, value) => (value > most || Number.isNaN(most) ? value : most));
  }
}
