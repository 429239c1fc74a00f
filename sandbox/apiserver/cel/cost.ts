/**
 * How much a rule may cost to evaluate, by the largest values its schema allows. The API server refuses rules above a
 * budget, so a definition that passes here should pass there. The model follows CEL's static cost estimation:
 * one per name and call, a tenth of a unit per byte of text that is looked at, and loops by the size of their list.
 */
import type { ASTNode, ParseResult } from "@marcbachmann/cel-js";
import { type JsonSchema, valuesOf } from "../crd/schema.ts";
import { childNodes } from "./compile.ts";
import { escapedName } from "./values.ts";

/** Largest request the API server takes, in bytes: bounds what no schema bounds. */
const largestRequest = 3 * 1024 * 1024;
const perByte = 0.1;
const perRegexByte = 0.25;
/** Bytes that a code point may take: `maxLength` counts code points. */
const bytesPerCharacter = 4;
const loopOverhead = 4;
const loops = new Set(["all", "exists", "exists_one", "map", "filter"]);

/** What is known of a value: its schema, or for literals its size alone. */
interface Shape {
  readonly schema?: JsonSchema | undefined;
  readonly size: number;
}

type Scope = ReadonlyMap<string, Shape>;

interface Estimate {
  readonly cost: number;
  readonly shape: Shape;
}

const scalar: Shape = { size: 1 };

/** The estimated cost of one evaluation of a rule on a value of this schema. */
export function estimateCost(rule: ParseResult, schema: JsonSchema): number {
  const self = shapeOf(schema);
  const scope = new Map([
    ["self", self],
    ["oldSelf", self],
  ]);
  return estimate(rule.ast, scope).cost;
}

/** How many values of this schema a request can hold: what a rule below unbounded lists is multiplied by. */
export function countInRequest(schema: JsonSchema): number {
  return Math.floor(largestRequest / (smallestBytes(schema) + 1));
}

/** How many items a list or map of this schema may have. */
function largestCount(schema: JsonSchema): number {
  if (schema.type === "array") {
    return schema.maxItems ?? Math.floor((largestRequest - 2) / (smallestBytes(schema.items) + 1));
  }
  const values = valuesOf(schema);
  if (values === undefined) return 1;
  return schema.maxProperties ?? Math.floor((largestRequest - 2) / (smallestBytes(values) + 6));
}

function shapeOf(schema: JsonSchema | undefined): Shape {
  if (schema === undefined) return scalar;
  if (schema.type === "string") return { schema, size: largestText(schema) };
  if (schema.type === "array" || valuesOf(schema) !== undefined) return { schema, size: largestCount(schema) };
  return { schema, size: 1 };
}

function largestText(schema: JsonSchema): number {
  if (schema.enum !== undefined) return Math.max(1, ...schema.enum.map((each) => String(each).length));
  if (schema.maxLength !== undefined) return schema.maxLength * bytesPerCharacter;
  return ["date", "date-time", "duration"].includes(schema.format ?? "") ? 40 : largestRequest - 2;
}

/** Bytes of the smallest JSON of a schema. */
function smallestBytes(schema: JsonSchema | undefined): number {
  switch (schema?.type) {
    case "boolean":
      return 4;
    case "string":
    case "array":
      return 2;
    case "object": {
      const required = schema.required ?? [];
      const fields = required.map((key) => key.length + 4 + smallestBytes(schema.properties?.[key]));
      return 2 + fields.reduce((sum, bytes) => sum + bytes, 0);
    }
    default:
      return 1;
  }
}

function estimate(node: ASTNode, scope: Scope): Estimate {
  switch (node.op) {
    case "value":
      return { cost: 0, shape: { size: typeof node.args === "string" ? node.args.length : 1 } };
    case "id":
      return { cost: 1, shape: scope.get(node.args) ?? scalar };
    case ".":
    case ".?":
      return estimateField(estimate(node.args[0], scope), node.args[1]);
    case "[]":
    case "[?]":
      return estimateItem(node.args, scope);
    case "list":
      return { cost: 10 + costOf(node.args, scope), shape: { size: node.args.length } };
    case "rcall":
      return estimateMethod(node.args, scope);
    case "call":
      return estimateCall(node.args, scope);
    case "?:":
      return estimateChoice(node.args, scope);
    case "==":
    case "!=":
    case "in":
    case "+":
      return estimateSized(node.op, node.args, scope);
    default:
      return { cost: 1 + costOf(childNodes(node.args), scope), shape: scalar };
  }
}

function costOf(nodes: readonly ASTNode[], scope: Scope): number {
  return nodes.reduce((sum, node) => sum + estimate(node, scope).cost, 0);
}

function estimateField(owner: Estimate, name: string): Estimate {
  const { schema } = owner.shape;
  const entry = Object.entries(schema?.properties ?? {}).find(([key]) => escapedName(key) === name);
  const field = entry?.[1] ?? (schema === undefined ? undefined : valuesOf(schema));
  return { cost: owner.cost + 1, shape: shapeOf(field) };
}

function estimateItem([list, index]: readonly [ASTNode, ASTNode], scope: Scope): Estimate {
  const owner = estimate(list, scope);
  return { cost: owner.cost + estimate(index, scope).cost + 1, shape: itemOf(owner.shape) };
}

function itemOf({ schema }: Shape): Shape {
  return shapeOf(schema?.items ?? (schema === undefined ? undefined : valuesOf(schema)));
}

function estimateChoice([condition, yes, no]: readonly [ASTNode, ASTNode, ASTNode], scope: Scope): Estimate {
  const branches = [estimate(yes, scope), estimate(no, scope)];
  const largest = branches.reduce((a, b) => (b.cost > a.cost ? b : a));
  return { cost: estimate(condition, scope).cost + largest.cost, shape: largest.shape };
}

function estimateSized(operator: string, [left, right]: readonly [ASTNode, ASTNode], scope: Scope): Estimate {
  const [a, b] = [estimate(left, scope), estimate(right, scope)];
  const both = a.cost + b.cost;
  if (operator === "in") return { cost: both + b.shape.size, shape: scalar };
  if (operator === "+") {
    const size = a.shape.size + b.shape.size;
    return { cost: both + size * perByte, shape: { size } };
  }
  return { cost: both + Math.ceil(Math.min(a.shape.size, b.shape.size) * perByte), shape: scalar };
}

/** `has()` looks at nothing but the owner of the field. */
function estimateCall([name, args]: readonly [string, readonly ASTNode[]], scope: Scope): Estimate {
  const [tested] = args;
  if (name === "has" && tested?.op === ".") return { cost: estimate(tested.args[0], scope).cost, shape: scalar };
  return { cost: 1 + costOf(args, scope), shape: scalar };
}

function estimateMethod(
  [name, receiver, args]: readonly [string, ASTNode, readonly ASTNode[]],
  scope: Scope,
): Estimate {
  const owner = estimate(receiver, scope);
  const [variable, ...bodies] = args;
  if (loops.has(name) && variable?.op === "id") {
    const isMap = owner.shape.schema?.type === "object";
    const inner = new Map(scope).set(variable.args, isMap ? scalar : itemOf(owner.shape));
    const cost = owner.cost + owner.shape.size * (loopOverhead + costOf(bodies, inner));
    return { cost, shape: name === "map" ? { size: owner.shape.size } : name === "filter" ? owner.shape : scalar };
  }
  const given = args.map((each) => estimate(each, scope));
  const base = owner.cost + 1 + given.reduce((sum, each) => sum + each.cost, 0);
  const argumentSize = given[0]?.shape.size ?? 1;
  const text = owner.shape.size * perByte;
  switch (name) {
    case "matches":
      return { cost: base + text * argumentSize * perRegexByte, shape: scalar };
    case "contains":
      return { cost: base + text * argumentSize * perByte, shape: scalar };
    case "startsWith":
    case "endsWith":
      return { cost: base + argumentSize * perByte, shape: scalar };
    case "size":
      return { cost: base, shape: scalar };
    default:
      return { cost: base + text, shape: { size: owner.shape.size } };
  }
}
