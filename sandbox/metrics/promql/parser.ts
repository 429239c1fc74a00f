import type { LabelMatcher } from "../sampleStore.ts";
import {
  type AggregateOperator,
  type BinaryOperator,
  type Expression,
  type Matching,
  type QueryError,
  typeOf,
} from "./ast.ts";
import { FUNCTIONS } from "./functions.ts";
import { durationMs, syntaxError, type Token, tokenize, unquote } from "./lexer.ts";
import { labelMatcher } from "./matcher.ts";

/** Binding strength; all but `^` group to the left. */
const STRENGTH: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  "==": 3,
  "!=": 3,
  ">": 3,
  "<": 3,
  ">=": 3,
  "<=": 3,
  "+": 4,
  "-": 4,
  "*": 5,
  "/": 5,
  "%": 5,
  "^": 6,
};
const AGGREGATES = new Set(["sum", "avg", "min", "max", "count"]);
const OTHER_AGGREGATES = new Set([
  "stddev",
  "stdvar",
  "topk",
  "bottomk",
  "quantile",
  "count_values",
  "group",
  "limitk",
  "limit_ratio",
]);
const SETS = new Set(["and", "or", "unless"]);
const COMPARISONS = new Set(["==", "!=", ">", "<", ">=", "<="]);

/** Deeper nesting than any query needs; protects the stack. */
const DEEPEST = 100;

/** Reads a PromQL expression. Throws a QueryError that points at the mistake or names what isn't supported. */
export function parseQuery(query: string): Expression {
  const parser = new Parser(query);
  return parser.whole();
}

class Parser {
  readonly #query: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(query: string) {
    this.#query = query;
    this.#tokens = tokenize(query);
  }

  whole(): Expression {
    if (this.#peek().kind === "end") throw this.#error("no expression found in input");
    const expression = this.#expression(0);
    if (this.#peek().kind !== "end") throw this.#error(`unexpected ${this.#describe()}`);
    return expression;
  }

  #expression(weakest: number): Expression {
    if (++this.#depth > DEEPEST) throw this.#error("the query is nested too deeply");
    let left = this.#unary();
    for (;;) {
      const operator = this.#operator();
      if (operator === undefined || STRENGTH[operator] <= weakest) break;
      const start = this.#take();
      const bool = this.#takeWord("bool");
      const matching = this.#matching();
      const right = this.#expression(operator === "^" ? STRENGTH[operator] - 1 : STRENGTH[operator]);
      left = this.#binary(start, operator, left, right, bool, matching);
    }
    this.#depth--;
    return left;
  }

  #unary(): Expression {
    const { text, kind } = this.#peek();
    if (kind !== "sign" || (text !== "-" && text !== "+")) return this.#postfix(this.#primary());
    const start = this.#take();
    const operand = this.#expression(STRENGTH["*"]);
    const type = typeOf(operand);
    if (type !== "scalar" && type !== "vector") {
      throw this.#error(
        `unary expression only allowed on expressions of type scalar or instant vector, got "${type}"`,
        start,
      );
    }
    return text === "-" ? { kind: "negate", operand } : operand;
  }

  #binary(
    start: Token,
    operator: BinaryOperator,
    left: Expression,
    right: Expression,
    bool: boolean,
    matching: Matching | undefined,
  ): Expression {
    const comparison = COMPARISONS.has(operator);
    const types = [typeOf(left), typeOf(right)];
    if (bool && !comparison) throw this.#error("bool modifier can only be used on comparison operators", start);
    if (types.some((type) => type !== "scalar" && type !== "vector")) {
      throw this.#error("binary expression must contain only scalar and instant vector types", start);
    }
    const scalars = types.filter((type) => type === "scalar").length;
    if (scalars === 2 && comparison && !bool)
      throw this.#error("comparisons between scalars must use BOOL modifier", start);
    if (scalars > 0 && SETS.has(operator))
      throw this.#error(`set operator "${operator}" not allowed in binary scalar expression`, start);
    if (scalars > 0 && matching) throw this.#error("vector matching only allowed between instant vectors", start);
    return { kind: "binary", operator, left, right, bool, matching: matching ?? { on: false, labels: [] } };
  }

  #operator(): BinaryOperator | undefined {
    const { kind, text } = this.#peek();
    const word = text.toLowerCase();
    if (kind === "name" && word === "atan2") throw this.#unsupported("operator atan2");
    return (kind === "name" || kind === "sign") && Object.hasOwn(STRENGTH, word) ? (word as BinaryOperator) : undefined;
  }

  #matching(): Matching | undefined {
    const on = this.#takeWord("on");
    if (!on && !this.#takeWord("ignoring")) return undefined;
    const labels = this.#labelList();
    for (const word of ["group_left", "group_right"]) {
      if (this.#isWord(word)) throw this.#unsupported(`${word} (many-to-one matching)`);
    }
    return { on, labels };
  }

  #primary(): Expression {
    const token = this.#peek();
    switch (token.kind) {
      case "number":
        this.#take();
        return { kind: "number", value: Number(token.text) };
      case "string":
        this.#take();
        return { kind: "string", value: unquote(token.text) };
      case "name":
        return this.#named();
      case "sign":
        if (token.text === "{") return this.#selector(undefined);
        if (token.text === "(") {
          this.#take();
          const inner = this.#expression(0);
          this.#expect(")");
          return inner;
        }
    }
    throw this.#error(`unexpected ${this.#describe()}`);
  }

  #named(): Expression {
    const token = this.#take();
    const word = token.text.toLowerCase();
    const next = this.#peek();
    const opens = next.kind === "sign" && next.text === "(";
    if (opens || this.#isWord("by") || this.#isWord("without")) {
      if (AGGREGATES.has(word)) return this.#aggregate(word as AggregateOperator);
      if (OTHER_AGGREGATES.has(word)) throw this.#unsupported(`aggregation ${word}`, token);
    }
    if (opens) return this.#call(token);
    if (word === "inf") return { kind: "number", value: Number.POSITIVE_INFINITY };
    if (word === "nan") return { kind: "number", value: Number.NaN };
    return this.#selector(token.text);
  }

  #aggregate(operator: AggregateOperator): Expression {
    let grouping = this.#grouping();
    this.#expect("(");
    const operand = this.#expression(0);
    this.#expect(")");
    grouping ??= this.#grouping();
    if (typeOf(operand) !== "vector")
      throw this.#error(`expected type instant vector in aggregation expression, got ${typeOf(operand)}`);
    return { kind: "aggregate", operator, operand, ...(grouping ?? { without: false, labels: [] }) };
  }

  #grouping(): { without: boolean; labels: string[] } | undefined {
    const without = this.#takeWord("without");
    return without || this.#takeWord("by") ? { without, labels: this.#labelList() } : undefined;
  }

  #call(token: Token): Expression {
    const known = FUNCTIONS.get(token.text);
    if (known === undefined) throw this.#unsupported(`function ${token.text}`, token);
    this.#expect("(");
    const args: Expression[] = [];
    while (!this.#isSign(")")) {
      args.push(this.#expression(0));
      if (!this.#isSign(")")) this.#expect(",");
    }
    this.#expect(")");
    const least = known.args.length - (known.optional ?? 0);
    if (args.length < least || args.length > known.args.length) {
      throw this.#error(
        `expected ${known.args.length} argument(s) in call to "${token.text}", got ${args.length}`,
        token,
      );
    }
    args.forEach((arg, index) => {
      const [is, wanted] = [typeOf(arg), known.args[index]];
      if (is !== wanted)
        throw this.#error(
          `expected type ${nameOf(wanted)} in call to function "${token.text}", got ${nameOf(is)}`,
          token,
        );
    });
    return { kind: "call", name: token.text, type: known.type, args };
  }

  #selector(metric: string | undefined): Expression {
    const matchers: LabelMatcher[] = metric === undefined ? [] : [labelMatcher("__name__", "=", metric)];
    if (this.#isSign("{")) {
      this.#take();
      while (!this.#isSign("}")) {
        matchers.push(this.#matcher());
        if (!this.#isSign("}")) this.#expect(",");
      }
      this.#take();
    }
    if (matchers.every((matcher) => matcher.matches(""))) {
      throw this.#error("vector selector must contain at least one non-empty matcher");
    }
    return { kind: "selector", matchers, offsetMs: 0 };
  }

  #matcher(): LabelMatcher {
    const name = this.#take();
    if (name.kind !== "name")
      throw this.#error(`unexpected ${JSON.stringify(name.text)} in label matching, expected a label name`, name);
    const operator = this.#take();
    if (!["=", "!=", "=~", "!~"].includes(operator.text)) {
      throw this.#error(
        `unexpected ${JSON.stringify(operator.text)} in label matching, expected label matching operator`,
        operator,
      );
    }
    const value = this.#take();
    if (value.kind !== "string")
      throw this.#error(`unexpected ${JSON.stringify(value.text)} in label matching, expected string`, value);
    try {
      return labelMatcher(name.text, operator.text as "=", unquote(value.text));
    } catch (error) {
      throw this.#error(error instanceof Error ? error.message : String(error), value);
    }
  }

  /** `[5m]` and `offset 1m` behind a selector. */
  #postfix(expression: Expression): Expression {
    let result = expression;
    for (;;) {
      if (this.#isSign("[")) result = this.#range(result);
      else if (this.#isWord("offset")) result = this.#offset(result);
      else if (this.#isSign("@")) throw this.#unsupported("the @ modifier");
      else return result;
    }
  }

  #range(expression: Expression): Expression {
    const start = this.#take();
    const length = this.#take();
    if (length.kind !== "duration")
      throw this.#error(`unexpected ${JSON.stringify(length.text)} in range, expected a duration such as 1m`, length);
    if (this.#peek().text.startsWith(":")) throw this.#unsupported("subqueries", start);
    this.#expect("]");
    if (expression.kind !== "selector") throw this.#error("ranges only allowed for vector selectors", start);
    return { ...expression, kind: "range", rangeMs: durationMs(length.text) };
  }

  #offset(expression: Expression): Expression {
    const start = this.#take();
    const negative = this.#isSign("-");
    if (negative) this.#take();
    const length = this.#take();
    if (length.kind !== "duration")
      throw this.#error(`unexpected ${JSON.stringify(length.text)} in offset, expected a duration`, length);
    if (expression.kind !== "selector" && expression.kind !== "range") {
      throw this.#error(
        "offset modifier must be preceded by an instant vector selector or range vector selector",
        start,
      );
    }
    return { ...expression, offsetMs: durationMs(length.text) * (negative ? -1 : 1) };
  }

  #labelList(): string[] {
    this.#expect("(");
    const labels: string[] = [];
    while (!this.#isSign(")")) {
      const label = this.#take();
      if (label.kind !== "name")
        throw this.#error(`unexpected ${JSON.stringify(label.text)} in grouping opts, expected label`, label);
      labels.push(label.text);
      if (!this.#isSign(")")) this.#expect(",");
    }
    this.#take();
    return labels;
  }

  #peek(): Token {
    return this.#tokens[Math.min(this.#at, this.#tokens.length - 1)] as Token;
  }

  #take(): Token {
    const token = this.#peek();
    this.#at++;
    return token;
  }

  #expect(sign: string): void {
    if (!this.#isSign(sign)) throw this.#error(`unexpected ${this.#describe()}, expected "${sign}"`);
    this.#at++;
  }

  #isSign(sign: string): boolean {
    return this.#peek().kind === "sign" && this.#peek().text === sign;
  }

  #isWord(word: string): boolean {
    return this.#peek().kind === "name" && this.#peek().text.toLowerCase() === word;
  }

  #takeWord(word: string): boolean {
    const is = this.#isWord(word);
    if (is) this.#at++;
    return is;
  }

  #describe(): string {
    const { kind, text } = this.#peek();
    return kind === "end" ? "end of input" : JSON.stringify(text);
  }

  #error(message: string, token = this.#peek()): QueryError {
    return syntaxError(this.#query, token.at, message);
  }

  #unsupported(what: string, token = this.#peek()): QueryError {
    return this.#error(
      `${what} not supported by the sandbox's own metrics store: install the program prometheus and it is used instead`,
      token,
    );
  }
}

function nameOf(type: string | undefined): string {
  return type === "vector" ? "instant vector" : type === "matrix" ? "range vector" : (type ?? "nothing");
}
