import { type Labels, labelKey } from "../exposition.ts";
import { type BinaryOperator, ExecutionError, type Expression, type Matching, type SetOperator } from "./ast.ts";
import { onlyLabels, unique, type Value, type VectorSample, withoutLabels, withoutName } from "./values.ts";

type Binary = Extract<Expression, { kind: "binary" }>;

/** The result of two numbers: the value, and for comparisons whether they hold. */
interface Result {
  readonly value: number;
  readonly holds: boolean;
}

function compute(operator: BinaryOperator, left: number, right: number): Result {
  const number = (value: number): Result => ({ value, holds: true });
  const comparison = (holds: boolean): Result => ({ value: left, holds });
  switch (operator) {
    case "+":
      return number(left + right);
    case "-":
      return number(left - right);
    case "*":
      return number(left * right);
    case "/":
      return number(left / right);
    case "%":
      return number(left % right);
    case "^":
      return number(left ** right);
    case "==":
      return comparison(left === right);
    case "!=":
      return comparison(left !== right);
    case ">":
      return comparison(left > right);
    case "<":
      return comparison(left < right);
    case ">=":
      return comparison(left >= right);
    case "<=":
      return comparison(left <= right);
    default:
      throw new ExecutionError(`set operator ${operator} needs two vectors`);
  }
}

const COMPARISONS = new Set<BinaryOperator>(["==", "!=", ">", "<", ">=", "<="]);
const SETS = new Set<BinaryOperator>(["and", "or", "unless"]);

export function evaluateBinary(expression: Binary, left: Value, right: Value): Value {
  const { operator } = expression;
  if (left.type === "scalar" && right.type === "scalar") {
    const { value, holds } = compute(operator, left.value, right.value);
    return { type: "scalar", value: COMPARISONS.has(operator) ? Number(holds) : value };
  }
  if (left.type === "vector" && right.type === "vector") {
    const samples = SETS.has(operator)
      ? combineSets(operator as SetOperator, left.samples, right.samples, expression.matching)
      : matchOneToOne(expression, left.samples, right.samples);
    return { type: "vector", samples };
  }
  if (left.type === "vector" && right.type === "scalar")
    return withScalar(expression, left.samples, right.value, false);
  if (left.type === "scalar" && right.type === "vector") return withScalar(expression, right.samples, left.value, true);
  throw new ExecutionError(`operator ${operator} is not defined on ${left.type} and ${right.type}`);
}

function withScalar(
  { operator, bool }: Binary,
  samples: readonly VectorSample[],
  scalar: number,
  swapped: boolean,
): Value {
  const filters = COMPARISONS.has(operator) && !bool;
  const results = samples.flatMap(({ labels, value }): VectorSample[] => {
    const result = swapped ? compute(operator, scalar, value) : compute(operator, value, scalar);
    if (filters) return result.holds ? [{ labels, value }] : [];
    return [{ labels: withoutName(labels), value: bool ? Number(result.holds) : result.value }];
  });
  return { type: "vector", samples: unique(results) };
}

function signature(labels: Labels, matching: Matching): Labels {
  return matching.on ? onlyLabels(labels, matching.labels) : withoutLabels(labels, [...matching.labels, "__name__"]);
}

function combineSets(
  operator: SetOperator,
  left: readonly VectorSample[],
  right: readonly VectorSample[],
  matching: Matching,
): readonly VectorSample[] {
  const keyOf = (sample: VectorSample): string => labelKey(signature(sample.labels, matching));
  const inRight = new Set(right.map(keyOf));
  switch (operator) {
    case "and":
      return left.filter((sample) => inRight.has(keyOf(sample)));
    case "unless":
      return left.filter((sample) => !inRight.has(keyOf(sample)));
    case "or": {
      const inLeft = new Set(left.map(keyOf));
      return [...left, ...right.filter((sample) => !inLeft.has(keyOf(sample)))];
    }
  }
}

function matchOneToOne(
  expression: Binary,
  left: readonly VectorSample[],
  right: readonly VectorSample[],
): readonly VectorSample[] {
  const { operator, bool, matching } = expression;
  const partners = new Map<string, VectorSample>();
  for (const sample of right) {
    const group = signature(sample.labels, matching);
    if (partners.has(labelKey(group))) {
      throw new ExecutionError(
        `found duplicate series for the match group ${JSON.stringify(group)} on the right hand-side of the operation;many-to-many matching not allowed: matching labels must be unique on one side`,
      );
    }
    partners.set(labelKey(group), sample);
  }
  const taken = new Set<string>();
  return left.flatMap((sample): VectorSample[] => {
    const key = labelKey(signature(sample.labels, matching));
    const partner = partners.get(key);
    if (partner === undefined) return [];
    const { value, holds } = compute(operator, sample.value, partner.value);
    if (!holds && !bool) return [];
    if (taken.has(key)) {
      throw new ExecutionError(
        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
      );
    }
    taken.add(key);
    const keepsName = COMPARISONS.has(operator) && !bool;
    const named = keepsName ? sample.labels : withoutName(sample.labels);
    const labels = matching.on ? onlyLabels(named, matching.labels) : withoutLabels(named, matching.labels);
    return [{ labels, value: bool ? Number(holds) : value }];
  });
}
