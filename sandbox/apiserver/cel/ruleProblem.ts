/** Why a rule does not compile against its schema, in the API server's layout. */
import type { ASTNode } from "@marcbachmann/cel-js";
import { type JsonSchema, type ValidationRule, valuesOf } from "../crd/schema.ts";
import { childNodes } from "./compile.ts";
import { compileText } from "./rules.ts";
import { escapedName } from "./values.ts";

/** `undefined` when the rule compiles; finds syntax errors, types that cannot be, and unknown fields of `self`. */
export function ruleProblem(rule: ValidationRule, schema: JsonSchema): string | undefined {
  for (const expression of [rule.rule, rule.messageExpression ?? ""]) {
    if (expression === "") continue;
    const problem = expressionProblem(expression, schema);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function expressionProblem(expression: string, schema: JsonSchema): string | undefined {
  try {
    const parsed = compileText(expression);
    const unknown = unknownField(parsed.ast, schema);
    if (unknown !== undefined) return located(expression, unknown.at, `undefined field '${unknown.name}'`);
    const checked = parsed.check();
    return checked.valid ? undefined : located(expression, rangeStart(checked.error), summaryOf(checked.error));
  } catch (error) {
    return located(expression, rangeStart(error), `Syntax error: ${summaryOf(error)}`);
  }
}

function located(expression: string, at: number, text: string): string {
  const before = expression.slice(0, at);
  const line = before.split("\n").length;
  const column = at - (before.lastIndexOf("\n") + 1);
  const source = expression.split("\n")[line - 1] ?? "";
  return `ERROR: <input>:${line}:${column + 1}: ${text}\n | ${source}\n | ${".".repeat(column)}^`;
}

function rangeStart(error: unknown): number {
  const range = (error as { range?: { start?: number } } | undefined)?.range;
  return range?.start ?? 0;
}

function summaryOf(error: unknown): string {
  const summary = (error as { summary?: string } | undefined)?.summary;
  return summary ?? (error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error));
}

interface UnknownField {
  readonly name: string;
  /** Offset of the dot before it. */
  readonly at: number;
}

/** The first field of `self` or `oldSelf` in the tree that the schema does not have. */
function unknownField(node: ASTNode, schema: JsonSchema): UnknownField | undefined {
  if (node.op === ".") {
    const [owner, name] = node.args;
    const inner = unknownField(owner, schema);
    if (inner !== undefined) return inner;
    const known = schemaAt(owner, schema);
    return known !== undefined && fieldOf(known, name) === "absent" ? { name, at: owner.range.end } : undefined;
  }
  for (const child of childNodes(node.args)) {
    const found = unknownField(child, schema);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The schema of what an expression reaches by fields and indexes from `self`; undefined when that cannot be told. */
function schemaAt(node: ASTNode, schema: JsonSchema): JsonSchema | undefined {
  if (node.op === "id") return node.args === "self" || node.args === "oldSelf" ? schema : undefined;
  if (node.op !== "." && node.op !== "[]") return undefined;
  const owner = schemaAt(node.args[0], schema);
  if (owner === undefined) return undefined;
  if (node.op === "[]") return owner.items ?? valuesOf(owner);
  const field = fieldOf(owner, node.args[1]);
  return typeof field === "string" ? undefined : field;
}

function fieldOf(owner: JsonSchema, name: string): JsonSchema | "absent" | "unknown" {
  const values = valuesOf(owner);
  if (values !== undefined) return values;
  if (owner.type !== "object" || owner.properties === undefined) return "unknown";
  if (name === "apiVersion" || name === "kind" || name === "metadata") return "unknown";
  for (const [key, child] of Object.entries(owner.properties)) if (escapedName(key) === name) return child;
  return "absent";
}
