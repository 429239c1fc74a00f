/**
 * Sets of field paths, as `managedFields` writes them (FieldsV1). A path element is kept in its encoded form:
 * `f:name` a field, `k:{"name":"a"}` a list element by its keys, `v:"a"` an element of a set, `i:0` one by its place.
 */

/** A node of the tree: whether the path to here is in the set, and what is below. Never changed once built. */
export interface FieldSet {
  readonly member: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

export type FieldPath = readonly string[];

export const emptySet: FieldSet = { member: false, children: new Map() };
export const wholeSet: FieldSet = { member: true, children: new Map() };

export function isEmpty(set: FieldSet): boolean {
  return !set.member && set.children.size === 0;
}

/** Builds a node and leaves out children that hold nothing. */
export function node(member: boolean, children: Iterable<readonly [string, FieldSet]>): FieldSet {
  return { member, children: new Map([...children].filter(([, child]) => !isEmpty(child))) };
}

export function setOfPaths(paths: readonly FieldPath[]): FieldSet {
  return paths.reduce((set, path) => union(set, pathSet(path)), emptySet);
}

function pathSet([first, ...rest]: FieldPath): FieldSet {
  return first === undefined ? wholeSet : node(false, [[first, pathSet(rest)]]);
}

export function union(left: FieldSet, right: FieldSet): FieldSet {
  const children = new Map(left.children);
  for (const [element, child] of right.children) {
    const present = children.get(element);
    children.set(element, present === undefined ? child : union(present, child));
  }
  return { member: left.member || right.member, children };
}

export function intersection(left: FieldSet, right: FieldSet): FieldSet {
  const shared = [...left.children].flatMap(([element, child]) => {
    const other = right.children.get(element);
    return other === undefined ? [] : [[element, intersection(child, other)] as const];
  });
  return node(left.member && right.member, shared);
}

/** Members of `left` that are not members of `right`; a path is not the paths below it. */
export function difference(left: FieldSet, right: FieldSet): FieldSet {
  const remaining = [...left.children].map(([element, child]) => {
    const other = right.children.get(element);
    return [element, other === undefined ? child : difference(child, other)] as const;
  });
  return node(left.member && !right.member, remaining);
}

/** Like `difference`, but a member of `right` takes everything below it along. */
export function without(left: FieldSet, right: FieldSet): FieldSet {
  if (right.member) return emptySet;
  const remaining = [...left.children].map(([element, child]) => {
    const other = right.children.get(element);
    return [element, other === undefined ? child : without(child, other)] as const;
  });
  return node(left.member, remaining);
}

export function has(set: FieldSet, path: FieldPath): boolean {
  let at: FieldSet | undefined = set;
  for (const element of path) at = at?.children.get(element);
  return at?.member === true;
}

export function equal(left: FieldSet, right: FieldSet): boolean {
  if (left.member !== right.member || left.children.size !== right.children.size) return false;
  return [...left.children].every(([element, child]) => {
    const other = right.children.get(element);
    return other !== undefined && equal(child, other);
  });
}

/** Every member, in order. */
export function paths(set: FieldSet, prefix: FieldPath = []): FieldPath[] {
  const own = set.member ? [prefix] : [];
  return [...own, ...sorted(set).flatMap(([element, child]) => paths(child, [...prefix, element]))];
}

function sorted(set: FieldSet): [string, FieldSet][] {
  return [...set.children].sort(([left], [right]) => compareElements(left, right));
}

const ranks = "fkvi";

function compareElements(left: string, right: string): number {
  const rank = ranks.indexOf(left.charAt(0)) - ranks.indexOf(right.charAt(0));
  if (rank !== 0) return rank;
  if (left.startsWith("f:")) return left < right ? -1 : 1;
  return compareValues(JSON.parse(left.slice(2)), JSON.parse(right.slice(2)));
}

function compareValues(left: unknown, right: unknown): number {
  if (typeof left === "number" && typeof right === "number") return left - right;
  if (isObject(left) && isObject(right)) {
    for (const key of Object.keys(left)) {
      const order = compareValues(left[key], right[key]);
      if (order !== 0) return order;
    }
    return 0;
  }
  const [one, other] = [String(left), String(right)];
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/** As it stands in `fieldsV1`. */
export function encodeFields(set: FieldSet): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  if (set.member && set.children.size > 0) fields["."] = {};
  for (const [element, child] of sorted(set)) fields[element] = encodeFields(child);
  return fields;
}

/** Reads `fieldsV1`. Throws when it is none. */
export function decodeFields(fields: unknown): FieldSet {
  const set = decodeNode(fields);
  return set.children.size === 0 ? emptySet : { ...set, member: false };
}

function decodeNode(fields: unknown): FieldSet {
  if (!isObject(fields)) throw new TypeError("fieldsV1 must be an object of objects");
  const entries = Object.entries(fields);
  const children = entries
    .filter(([element]) => element !== ".")
    .map(([element, child]) => [canonical(element), decodeNode(child)] as const);
  return node(children.length === 0 || entries.length > children.length, children);
}

function canonical(element: string): string {
  if (element.startsWith("f:")) return element;
  const value: unknown = JSON.parse(element.slice(2));
  if (element.startsWith("k:") && isObject(value)) return keyElement(value);
  if (element.startsWith("v:") || element.startsWith("i:")) return element.slice(0, 2) + JSON.stringify(value);
  throw new TypeError(`unknown path element ${element}`);
}

export function fieldElement(name: string): string {
  return `f:${name}`;
}

export function valueElement(value: unknown): string {
  return `v:${JSON.stringify(value)}`;
}

export function keyElement(keys: Record<string, unknown>): string {
  const names = Object.keys(keys).sort();
  return `k:${JSON.stringify(Object.fromEntries(names.map((name) => [name, keys[name]])))}`;
}

/** `.spec.containers[name="podinfo"].image`: how messages write a path. */
export function printPath(path: FieldPath): string {
  return path.map(printElement).join("");
}

function printElement(element: string): string {
  const rest = element.slice(2);
  switch (element.charAt(0)) {
    case "f":
      return `.${rest}`;
    case "k":
      return `[${printKeys(JSON.parse(rest))}]`;
    case "v":
      return `[=${rest}]`;
    default:
      return `[${rest}]`;
  }
}

function printKeys(keys: Record<string, unknown>): string {
  return Object.entries(keys)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(",");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
