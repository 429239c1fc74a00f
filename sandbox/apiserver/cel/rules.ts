/** `x-kubernetes-validations`: compiled once per schema, evaluated for every node of an object that has rules. */
import type { Environment, ParseResult } from "@marcbachmann/cel-js";
import {
  childPath,
  isMap,
  type JsonSchema,
  jsonEqual,
  type Old,
  oldChild,
  oldItem,
  type ValidationRule,
  valuesOf,
} from "../crd/schema.ts";
import type { FieldError } from "../types.ts";
import { compileExpression } from "./compile.ts";
import { evaluationText, kubernetesEnvironment, optionalOf } from "./library.ts";
import { celValue, escapedName } from "./values.ts";

interface CompiledRule {
  readonly rule: ValidationRule;
  /** Looks at the stored value: skipped where there is none, unless it takes an optional. */
  readonly transition: boolean;
  readonly evaluate: ParseResult;
  readonly message: ParseResult | undefined;
}

interface RuleNode {
  readonly schema: JsonSchema;
  readonly rules: readonly CompiledRule[];
  readonly properties: ReadonlyMap<string, RuleNode>;
  readonly values: RuleNode | undefined;
  readonly items: RuleNode | undefined;
  /** Some rule here or below is a transition rule: an unchanged value must still be walked. */
  readonly transitions: boolean;
}

let environment: Environment | undefined;

/** Rules are written once and compiled for their check, their cost and every schema that repeats them. */
const compiledTexts = new Map<string, ParseResult>();
const rememberedTexts = 5_000;

/** Compiles the text of a rule or of a message; throws what is wrong with its syntax. */
export function compileText(text: string): ParseResult {
  const known = compiledTexts.get(text);
  if (known !== undefined) return known;
  if (compiledTexts.size >= rememberedTexts) compiledTexts.clear();
  const compiled = compileExpression(ruleEnvironment(), text);
  compiledTexts.set(text, compiled);
  return compiled;
}

/** The environment of rules: `self` and `oldSelf` are what the schema says, which only evaluation finds out. */
function ruleEnvironment(): Environment {
  environment ??= kubernetesEnvironment().registerVariable("self", "dyn").registerVariable("oldSelf", "dyn");
  return environment;
}

const compiledSchemas = new WeakMap<JsonSchema, { readonly node: RuleNode | undefined }>();

function ruleNodeOf(schema: JsonSchema): RuleNode | undefined {
  const known = compiledSchemas.get(schema);
  if (known !== undefined) return known.node;
  const node = buildNode(schema);
  compiledSchemas.set(schema, { node });
  return node;
}

function buildNode(schema: JsonSchema): RuleNode | undefined {
  const rules = (schema["x-kubernetes-validations"] ?? []).map(compileRule);
  const properties = new Map<string, RuleNode>();
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    const node = buildNode(child);
    if (node !== undefined) properties.set(key, node);
  }
  const valueSchema = valuesOf(schema);
  const values = valueSchema === undefined ? undefined : buildNode(valueSchema);
  const items = schema.items === undefined ? undefined : buildNode(schema.items);
  if (rules.length === 0 && properties.size === 0 && values === undefined && items === undefined) return undefined;
  const below = [...properties.values(), values, items];
  const transitions = rules.some((rule) => rule.transition) || below.some((node) => node?.transitions === true);
  return { schema, rules, properties, values, items, transitions };
}

/** Compiles one rule; throws what is wrong with its syntax. */
function compileRule(rule: ValidationRule): CompiledRule {
  return {
    rule,
    transition: /\boldSelf\b/.test(rule.rule),
    evaluate: compileText(rule.rule),
    message: rule.messageExpression ? compileText(rule.messageExpression) : undefined,
  };
}

/** Evaluates every rule of a schema on a value. Rules without `oldSelf` are skipped on values that did not change. */
export function validateRules(schema: JsonSchema, value: unknown, path: string, old?: Old): FieldError[] {
  const node = ruleNodeOf(schema);
  if (node === undefined) return [];
  const oldCel = old === undefined ? undefined : { value: celValue(schema, old.value) };
  return walk(node, { value, cel: celValue(schema, value), path, old, oldCel });
}

interface Place {
  readonly value: unknown;
  /** The same value as CEL sees it; converted once for the whole object. */
  readonly cel: unknown;
  readonly path: string;
  readonly old: Old | undefined;
  readonly oldCel: Old | undefined;
}

function walk(node: RuleNode, place: Place): FieldError[] {
  const unchanged = place.old !== undefined && jsonEqual(place.old.value, place.value);
  if (unchanged && !node.transitions) return [];
  if (place.value === null) return [];
  const errors: FieldError[] = [];
  for (const rule of node.rules) {
    if (unchanged && !rule.transition) continue;
    const error = evaluate(node, rule, place);
    if (error !== undefined) errors.push(error);
  }
  for (const [child, below] of children(node, place)) errors.push(...walk(child, below));
  return errors;
}

function* children(node: RuleNode, place: Place): Generator<[RuleNode, Place]> {
  const { value, cel, path, old, oldCel } = place;
  if (Array.isArray(value)) {
    if (node.items === undefined) return;
    for (const [at, item] of value.entries()) {
      const oldValue = oldItem(node.schema, old, item);
      const oldItemCel = oldValue === undefined ? undefined : { value: celValue(node.items.schema, oldValue.value) };
      const below = { value: item, cel: (cel as unknown[])[at], path: `${path}[${at}]` };
      yield [node.items, { ...below, old: oldValue, oldCel: oldItemCel }];
    }
    return;
  }
  if (!isMap(value) || !isMap(cel)) return;
  for (const key of Object.keys(value)) {
    const named = node.schema.properties !== undefined && Object.hasOwn(node.schema.properties, key);
    const child = named ? node.properties.get(key) : node.values;
    if (child === undefined) continue;
    const celKey = named ? escapedName(key) : key;
    const oldBelow = { old: oldChild(old, key), oldCel: oldChild(oldCel, celKey) };
    yield [child, { value: value[key], cel: cel[celKey], path: childPath(path, key), ...oldBelow }];
  }
}

function evaluate(node: RuleNode, compiled: CompiledRule, place: Place): FieldError | undefined {
  const { rule } = compiled;
  const optional = rule.optionalOldSelf === true;
  if (compiled.transition && place.oldCel === undefined && !optional) return undefined;
  const oldSelf = optional ? optionalOf(place.oldCel?.value) : place.oldCel?.value;
  const context = compiled.transition ? { self: place.cel, oldSelf } : { self: place.cel };
  try {
    const holds: unknown = compiled.evaluate(context);
    if (holds === true) return undefined;
  } catch (error) {
    const about = rule.message ?? rule.rule.trim();
    const type = JSON.stringify(node.schema.type ?? "");
    const message = `Invalid value: ${type}: ${evaluationText(error)} evaluating rule: ${about}`;
    return { reason: "FieldValueInvalid", field: place.path, message };
  }
  return failure(compiled, place, context);
}

function failure(compiled: CompiledRule, place: Place, context: Record<string, unknown>): FieldError {
  const { rule } = compiled;
  const text = dynamicMessage(compiled.message, context) ?? rule.message ?? `failed rule: ${rule.rule.trim()}`;
  const field = place.path + relativePath(rule.fieldPath, place.path === "");
  const scalar = typeof place.value !== "object";
  const shown = scalar ? `${JSON.stringify(place.value)}: ` : "";
  switch (rule.reason) {
    case "FieldValueForbidden":
      return { reason: rule.reason, field, message: `Forbidden: ${text}` };
    case "FieldValueRequired":
      return { reason: rule.reason, field, message: `Required value: ${text}` };
    case "FieldValueDuplicate":
      return { reason: rule.reason, field, message: `Duplicate value: ${shown}${text}` };
    default:
      return {
        reason: "FieldValueInvalid",
        field: field === "" ? "<nil>" : field,
        message: `Invalid value: ${shown}${text}`,
      };
  }
}

/** `.a.b` and `['a-b']` below the node of the rule. */
function relativePath(fieldPath: string | undefined, atRoot: boolean): string {
  if (fieldPath === undefined) return "";
  const joined = fieldPath.replace(/\['([^']*)'\]/g, ".$1");
  return atRoot ? joined.replace(/^\./, "") : joined;
}

/** The computed message; an expression that fails or yields no line of text gives way to the fixed one. */
function dynamicMessage(expression: ParseResult | undefined, context: Record<string, unknown>): string | undefined {
  if (expression === undefined) return undefined;
  try {
    const text: unknown = expression(context);
    return typeof text === "string" && text.trim() !== "" && !text.includes("\n") ? text.trim() : undefined;
  } catch {
    return undefined;
  }
}
