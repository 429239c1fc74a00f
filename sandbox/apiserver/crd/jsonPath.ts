/** JSON paths of printer columns and scale subresources: fields, indexes, wildcards and filters. */
import { isMap } from "./schema.ts";

type Step = (values: readonly unknown[]) => unknown[];

const tokens =
  /\.?\[\?\(@([^=!<>)]*?)\s*(?:(==|!=|<=|>=|<|>)\s*("[^"]*"|'[^']*'|[^)]*?))?\s*\)\]|\.?\[(-?\d+|\*)\]|\.?\['([^']*)'\]|\.?\["([^"]*)"\]|\.((?:\\.|[^.[\]])+)/y;

/** Compiles a path such as `.status.conditions[?(@.type=="Ready")].status`; what it cannot read finds nothing. */
export function compileJsonPath(path: string): (root: unknown) => unknown[] {
  const trimmed = path.replace(/^\{(.*)\}$/, "$1").replace(/^\$/, "");
  const text = trimmed.startsWith(".") || trimmed.startsWith("[") ? trimmed : `.${trimmed}`;
  const steps: Step[] = [];
  // A scanner of its own: filters compile paths while this one is being read.
  const scanner = new RegExp(tokens);
  while (scanner.lastIndex < text.length) {
    const match = scanner.exec(text);
    if (match === null) return () => [];
    steps.push(stepOf(match));
  }
  return (root) => steps.reduce<unknown[]>((values, step) => step(values), [root]);
}

function stepOf(match: RegExpExecArray): Step {
  const [, filterPath, operator, literal, index, single, double, name] = match;
  if (filterPath !== undefined) return filterStep(filterPath, operator, literal);
  if (index === "*" || name === "*") return (values) => values.flatMap(membersOf);
  if (index !== undefined) return (values) => values.flatMap((value) => itemAt(value, Number(index)));
  const key = single ?? double ?? (name ?? "").replace(/\\(.)/g, "$1");
  return (values) => values.flatMap((value) => (isMap(value) && Object.hasOwn(value, key) ? [value[key]] : []));
}

function membersOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return isMap(value) ? Object.values(value) : [];
}

function itemAt(value: unknown, index: number): unknown[] {
  if (!Array.isArray(value)) return [];
  const at = index < 0 ? value.length + index : index;
  return at in value ? [value[at]] : [];
}

function filterStep(path: string, operator: string | undefined, literal: string | undefined): Step {
  const read = path.trim() === "" ? (value: unknown) => [value] : compileJsonPath(path.trim());
  const wanted = literal === undefined ? undefined : literalOf(literal);
  return (values) =>
    values.flatMap(membersOf).filter((member) => {
      const [found] = read(member);
      return operator === undefined ? found !== undefined : found !== undefined && compare(found, operator, wanted);
    });
}

function literalOf(text: string): unknown {
  const quoted = /^(["'])(.*)\1$/.exec(text);
  if (quoted !== null) return quoted[2];
  if (text === "true" || text === "false") return text === "true";
  return Number.isNaN(Number(text)) ? text : Number(text);
}

function compare(found: unknown, operator: string, wanted: unknown): boolean {
  if (operator === "==") return found === wanted;
  if (operator === "!=") return found !== wanted;
  if (typeof found !== typeof wanted) return false;
  const [left, right] = [found as number, wanted as number];
  if (operator === "<") return left < right;
  if (operator === "<=") return left <= right;
  return operator === ">" ? left > right : left >= right;
}
