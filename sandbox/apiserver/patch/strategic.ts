/**
 * Strategic merge patch: a merge patch that knows the type. Lists with a merge key merge by that key, lists of scalars
 * with strategy `merge` unite, everything else is replaced; directives (`$patch`, `$retainKeys`, `$setElementOrder/…`,
 * `$deleteFromPrimitiveList/…`) steer it. Answers and texts as recorded in shared/kube/http/patch-strategic.json.
 */
import { isDeepStrictEqual } from "node:util";
import { ApiError, clone, type TypeSchema } from "../types.ts";
import { inServerOrder } from "./order.ts";

type Fields = Record<string, unknown>;

const directive = "$patch";
const retainKeys = "$retainKeys";
const setElementOrder = "$setElementOrder/";
const deleteFromPrimitiveList = "$deleteFromPrimitiveList/";

/** Returns the patched copy. Throws ApiError 500 for directives that make no sense, as the API server does. */
export function applyStrategicPatch<T extends object>(document: T, patch: unknown, schema: TypeSchema): T {
  if (!isObject(patch)) {
    const found = Array.isArray(patch) ? "array" : patch === null ? "null" : typeof patch;
    throw new ApiError(
      400,
      "BadRequest",
      `error decoding patch: json: cannot unmarshal ${found} into Go value of type map[string]interface {}`,
    );
  }
  return mergeObject(clone(document) as Fields, clone(patch), schema) as T;
}

/**
 * What is left of a patch once it has been applied: the API server quotes that in its errors, without the lists that
 * came with an order.
 */
export function spentPatch(document: object, patch: unknown, schema: TypeSchema): unknown {
  const spent = clone(patch);
  if (isObject(spent)) mergeObject(clone(document) as Fields, spent, schema);
  return spent;
}

function senseless(message: string): ApiError {
  return new ApiError(500, "", message);
}

function mergeObject(original: Fields, patch: Fields, schema: TypeSchema | undefined): Fields {
  if (Object.hasOwn(patch, directive)) {
    const wish = patch[directive];
    if (wish === "delete") return {};
    if (wish === "replace") return withoutKey(patch, directive);
    if (wish !== "merge") throw senseless(`unknown patch type: ${go(wish)} in map: ${go(patch)}`);
    delete patch[directive];
  }
  applyRetainKeys(original, patch);
  applyElementOrders(original, patch, schema);
  for (const [key, value] of Object.entries(patch)) mergeField(original, key, value, schema);
  return original;
}

function mergeField(original: Fields, key: string, value: unknown, schema: TypeSchema | undefined): void {
  if (key.startsWith(deleteFromPrimitiveList)) {
    const name = key.slice(deleteFromPrimitiveList.length);
    const list = Object.hasOwn(original, name) ? original[name] : undefined;
    if (!Array.isArray(value)) throw senseless(`invalid value for ${key}: it must be a list`);
    if (Array.isArray(list)) original[name] = list.filter((item) => !value.includes(item));
    return;
  }
  if (value === null) {
    delete original[key];
    return;
  }
  const type = fieldOf(schema, key);
  define(original, key, mergeValue(Object.hasOwn(original, key) ? original[key] : undefined, value, type));
}

function mergeValue(present: unknown, value: unknown, type: TypeSchema | undefined): unknown {
  if (isObject(present) && isObject(value)) {
    return strategyIs(type, "replace") ? value : mergeObject(present, value, type);
  }
  if (Array.isArray(present) && Array.isArray(value)) return mergeList(present, value, type);
  return withoutDirectives(value);
}

/** A key like `__proto__` is data, too: reading or assigning it plainly would reach the prototype of all objects. */
function define(fields: Fields, key: string, value: unknown): void {
  Object.defineProperty(fields, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Keys that the patch does not name are dropped: how `strategy` changes its type, or a volume its source. */
function applyRetainKeys(original: Fields, patch: Fields): void {
  const retained = patch[retainKeys];
  if (retained === undefined) return;
  delete patch[retainKeys];
  if (!Array.isArray(retained)) throw senseless(`${retainKeys} must be a list`);
  for (const key of Object.keys(patch)) {
    if (!key.startsWith("$") && !retained.includes(key)) {
      throw senseless("retain keys must contain all fields present in the patch");
    }
  }
  for (const key of Object.keys(original)) if (!retained.includes(key)) delete original[key];
}

function applyElementOrders(original: Fields, patch: Fields, schema: TypeSchema | undefined): void {
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(setElementOrder)) continue;
    delete patch[key];
    if (!Array.isArray(order)) throw senseless(`${key} must be a list`);
    const name = key.slice(setElementOrder.length);
    const type = fieldOf(schema, name);
    const before = Object.hasOwn(original, name) ? original[name] : undefined;
    const change = Object.hasOwn(patch, name) ? patch[name] : undefined;
    delete patch[name];
    if (before === undefined && change === undefined) continue;
    const previous = Array.isArray(before) ? before : [];
    const merged = Array.isArray(change) ? mergeList(previous, change, type) : previous;
    original[name] = inServerOrder(merged, order, previous, type?.patchMergeKey);
  }
}

function mergeList(original: unknown[], patch: unknown[], type: TypeSchema | undefined): unknown[] {
  if (!strategyIs(type, "merge")) return withoutDirectives(patch) as unknown[];
  const elements = [...original, ...patch];
  if (elements.length === 0) return original;
  if (!elements.every(isObject)) {
    const united = elements.filter((item, at) => elements.indexOf(item) === at);
    return inServerOrder(united, patch, original, undefined);
  }
  const mergeKey = type?.patchMergeKey;
  if (mergeKey === undefined) throw senseless("cannot merge lists without merge key");
  return mergeByKey(original as Fields[], patch as Fields[], mergeKey, type?.items);
}

function mergeByKey(original: Fields[], patch: Fields[], mergeKey: string, item: TypeSchema | undefined): Fields[] {
  const { kept, changes } = applyElementDirectives(original, patch, mergeKey);
  const merged = kept.map((element) => clone(element));
  for (const change of changes) {
    const key = change[mergeKey];
    if (key === undefined) {
      throw senseless(`map: ${go(change)} does not contain declared merge key: ${mergeKey}`);
    }
    const at = merged.findIndex((element) => isDeepStrictEqual(element[mergeKey], key));
    const found = merged[at];
    if (found === undefined) merged.push(withoutDirectives(change) as Fields);
    else merged[at] = mergeObject(found, change, item);
  }
  return inServerOrder(merged, changes, kept, mergeKey) as Fields[];
}

/** Elements that are orders rather than data: `$patch: replace` empties the list, `$patch: delete` takes one away. */
function applyElementDirectives(
  original: Fields[],
  patch: Fields[],
  mergeKey: string,
): { kept: Fields[]; changes: Fields[] } {
  let kept = original;
  const changes: Fields[] = [];
  for (const element of patch) {
    const wish = element[directive];
    if (wish === undefined) {
      changes.push(element);
    } else if (wish === "replace") {
      kept = [];
    } else if (wish === "delete") {
      const key = element[mergeKey];
      if (key === undefined) throw senseless("delete patch type with no merge key defined");
      kept = kept.filter((candidate) => !isDeepStrictEqual(candidate[mergeKey], key));
    } else if (wish === "merge") {
      throw senseless("merging lists cannot yet be specified in the patch");
    } else {
      throw senseless(`unknown patch type: ${go(wish)} in map: ${go(element)}`);
    }
  }
  return { kept, changes };
}

/** What enters an object as new must not carry directives or nulls along. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter((item) => !(isObject(item) && Object.hasOwn(item, directive))).map(withoutDirectives);
  }
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([key, field]) => field !== null && !isDirective(key));
  return Object.fromEntries(kept.map(([key, field]) => [key, withoutDirectives(field)]));
}

function isDirective(key: string): boolean {
  return (
    key === directive ||
    key === retainKeys ||
    key.startsWith(setElementOrder) ||
    key.startsWith(deleteFromPrimitiveList)
  );
}

function withoutKey(fields: Fields, unwanted: string): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => key !== unwanted));
}

function fieldOf(schema: TypeSchema | undefined, key: string): TypeSchema | undefined {
  const { fields = {}, values } = schema ?? {};
  return Object.hasOwn(fields, key) ? fields[key] : values;
}

function strategyIs(type: TypeSchema | undefined, strategy: "merge" | "replace"): boolean {
  return type?.patchStrategy?.includes(strategy) === true;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as Go's `%v` prints it: that is how the API server quotes patches in its errors. */
export function go(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(go).join(" ")}]`;
  if (!isObject(value)) return String(value);
  const keys = Object.keys(value).sort();
  return `map[${keys.map((key) => `${key}:${go(value[key])}`).join(" ")}]`;
}
