/** Which fields an object states, and what differs between two objects, as sets of field paths. */
import { isEqualJson, type TypeSchema } from "../types.ts";
import { emptySet, type FieldSet, fieldElement, isEmpty, node, wholeSet } from "./fieldSet.ts";
import { elementOf, isObject, type JsonObject, shapeOf } from "./typedValue.ts";

/** The fields that a value states: what its applier will own. */
export function fieldsOf(value: unknown, schema: TypeSchema): FieldSet {
  const shape = shapeOf(schema, value);
  if (shape.kind === "leaf") return wholeSet;
  if (shape.kind === "list") {
    const items = Array.isArray(value) ? value : [];
    return node(
      false,
      items.map((item) => [elementOf(shape.schema, item), asMember(fieldsOf(item, shape.itemType))]),
    );
  }
  const entries = Object.entries(isObject(value) ? value : {}).map(([name, field]) => {
    const below = fieldsOf(field, shape.fieldType(name));
    const isBare = field === null || (isObject(field) && Object.keys(field).length === 0);
    return [fieldElement(name), isBare || !shape.isNamed(name) ? asMember(below) : below] as const;
  });
  return node(false, entries);
}

function asMember(set: FieldSet): FieldSet {
  return { member: true, children: set.children };
}

/** What a write did. A path that appears or vanishes does so with everything below it. */
export interface Comparison {
  readonly added: FieldSet;
  readonly removed: FieldSet;
  readonly modified: FieldSet;
}

const nothing: Comparison = { added: emptySet, removed: emptySet, modified: emptySet };

/** Compares two values of one type; undefined stands for absence. */
export function compare(before: unknown, after: unknown, schema: TypeSchema): Comparison {
  if (isEqualJson(before, after)) return nothing;
  const shape = shapeOf(schema, after ?? before);
  const differs = shape.kind === "leaf" || (isVoid(before) && isVoid(after));
  if (differs || !haveOneForm(before, after)) return compareLeaves(before, after);
  const parts = new Map<string, { before?: unknown; after?: unknown; type: TypeSchema }>();
  const note = (value: unknown, side: "before" | "after"): void => {
    for (const [element, part, type] of partsOf(value, shape)) {
      parts.set(element, { ...(parts.get(element) ?? { type }), [side]: part });
    }
  };
  note(before, "before");
  note(after, "after");
  const results = [...parts].map(([element, part]) => [element, compare(part.before, part.after, part.type)] as const);
  const collect = (kind: keyof Comparison, member: boolean): FieldSet =>
    node(
      member,
      results.map(([element, result]) => [element, result[kind]]),
    );
  return {
    added: collect("added", before === undefined),
    removed: collect("removed", after === undefined),
    modified: collect("modified", false),
  };
}

type Parts = (readonly [string, unknown, TypeSchema])[];

function partsOf(value: unknown, shape: Exclude<ReturnType<typeof shapeOf>, { kind: "leaf" }>): Parts {
  if (shape.kind === "list") {
    return (Array.isArray(value) ? value : []).map((item) => [elementOf(shape.schema, item), item, shape.itemType]);
  }
  return Object.entries(isObject(value) ? value : {}).map(([name, field]) => [
    fieldElement(name),
    field,
    shape.fieldType(name),
  ]);
}

function compareLeaves(before: unknown, after: unknown): Comparison {
  if (before === undefined) return { ...nothing, added: wholeSet };
  if (after === undefined) return { ...nothing, removed: wholeSet };
  return { ...nothing, modified: wholeSet };
}

function isVoid(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}

/** A value without a type may turn from a map into a scalar: then it changed as a whole. */
function haveOneForm(before: unknown, after: unknown): boolean {
  const forms = [before, after].filter((value) => value !== undefined && value !== null);
  return forms.every(isObject) || forms.every(Array.isArray);
}

/** Makes the fields of structs members where something below them is: removing all of it must remove them, too. */
export function withNamedParents(set: FieldSet, schema: TypeSchema, value?: unknown): FieldSet {
  const shape = shapeOf(schema, value);
  if (shape.kind === "leaf") return set;
  const children = [...set.children].map(([element, child]) => {
    const name = element.slice(2);
    if (shape.kind === "list") return [element, withNamedParents(child, shape.itemType)] as const;
    const below = withNamedParents(child, shape.fieldType(name), isEmpty(child) ? undefined : {});
    return [element, shape.isNamed(name) && child.children.size > 0 ? asMember(below) : below] as const;
  });
  return node(set.member, children);
}

/** Takes the members of `set` out of a value. What loses its last field vanishes itself. */
export function withoutFields(value: unknown, set: FieldSet, schema: TypeSchema): unknown {
  const shape = shapeOf(schema, value);
  if (shape.kind === "leaf" || set.children.size === 0) return value;
  if (shape.kind === "list") {
    if (!Array.isArray(value)) return value;
    const kept = value.flatMap((item) => {
      const below = set.children.get(elementOf(shape.schema, item));
      if (below === undefined) return [item];
      return below.member ? [] : [withoutFields(item, below, shape.itemType)];
    });
    return kept.length === 0 && value.length > 0 ? undefined : kept;
  }
  if (!isObject(value)) return value;
  const kept: JsonObject = {};
  for (const [name, field] of Object.entries(value)) {
    const below = set.children.get(fieldElement(name));
    if (below?.member === true) continue;
    const rest = below === undefined ? field : withoutFields(field, below, shape.fieldType(name));
    if (rest !== undefined) kept[name] = rest;
  }
  return Object.keys(kept).length === 0 && Object.keys(value).length > 0 ? undefined : kept;
}
