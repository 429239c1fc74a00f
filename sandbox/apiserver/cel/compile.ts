/** Parsing of expressions, with one gap of the library closed. */
import type { ASTNode, Environment, ParseResult } from "@marcbachmann/cel-js";

/**
 * Parses an expression; throws what is wrong with its syntax.
 * The library's `has()` knows chains of fields only. `has(list[0].field)`, as in the rules of HTTPRoute, is therefore
 * put as `list[0].?field.hasValue()`, which means the same.
 */
export function compileExpression(environment: Environment, source: string): ParseResult {
  let parsed = environment.parse(source);
  let text = source;
  for (let found = indexedHas(parsed.ast); found !== undefined; found = indexedHas(parsed.ast)) {
    const { call, owner, field } = found;
    const rewritten = `(${text.slice(owner.range.start, owner.range.end)}).?${field}.hasValue()`;
    text = text.slice(0, call.range.start) + rewritten + text.slice(call.range.end);
    parsed = environment.parse(text);
  }
  return parsed;
}

interface IndexedHas {
  readonly call: ASTNode;
  readonly owner: ASTNode;
  readonly field: string;
}

/** The first `has(owner.field)` in the tree whose owner is more than a chain of fields. */
function indexedHas(node: ASTNode): IndexedHas | undefined {
  if (node.op === "call" && node.args[0] === "has") {
    const [argument] = node.args[1];
    if (argument?.op === "." && !isFieldChain(argument)) {
      return { call: node, owner: argument.args[0], field: argument.args[1] };
    }
  }
  for (const child of childNodes(node.args)) {
    const found = indexedHas(child);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isFieldChain(node: ASTNode): boolean {
  if (node.op === "." || node.op === ".?") return isFieldChain(node.args[0]);
  return node.op === "id";
}

/** The nodes directly below, whatever the operator keeps them in. */
export function childNodes(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(childNodes);
  return typeof args === "object" && args !== null && "op" in args ? [args as ASTNode] : [];
}
