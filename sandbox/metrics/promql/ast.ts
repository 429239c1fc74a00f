import type { LabelMatcher } from "../sampleStore.ts";

export type ValueType = "scalar" | "vector" | "matrix" | "string";

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%" | "^";
export type ComparisonOperator = "==" | "!=" | ">" | "<" | ">=" | "<=";
export type SetOperator = "and" | "or" | "unless";
export type BinaryOperator = ArithmeticOperator | ComparisonOperator | SetOperator;
export type AggregateOperator = "sum" | "avg" | "min" | "max" | "count";

/** Which labels two sides are matched by. */
export interface Matching {
  readonly on: boolean;
  readonly labels: readonly string[];
}

export type Expression =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "selector"; readonly matchers: readonly LabelMatcher[]; readonly offsetMs: number }
  | {
      readonly kind: "range";
      readonly matchers: readonly LabelMatcher[];
      readonly offsetMs: number;
      readonly rangeMs: number;
    }
  | { readonly kind: "negate"; readonly operand: Expression }
  | {
      readonly kind: "binary";
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
      /** Comparisons answer 0 or 1 instead of filtering. */
      readonly bool: boolean;
      readonly matching: Matching;
    }
  | {
      readonly kind: "aggregate";
      readonly operator: AggregateOperator;
      readonly operand: Expression;
      readonly without: boolean;
      readonly labels: readonly string[];
    }
  | { readonly kind: "call"; readonly name: string; readonly type: ValueType; readonly args: readonly Expression[] };

/** The query can't be read, or asks for something that this store doesn't do. Becomes `bad_data`. */
export class QueryError extends Error {}

/** The query is fine, the data isn't: duplicate series and the like. Becomes `execution`. */
export class ExecutionError extends Error {}

export function typeOf(expression: Expression): ValueType {
  switch (expression.kind) {
    case "number":
      return "scalar";
    case "string":
      return "string";
    case "selector":
    case "aggregate":
      return "vector";
    case "range":
      return "matrix";
    case "negate":
      return typeOf(expression.operand);
    case "binary":
      return typeOf(expression.left) === "scalar" && typeOf(expression.right) === "scalar" ? "scalar" : "vector";
    case "call":
      return expression.type;
  }
}
