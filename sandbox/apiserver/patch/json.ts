/**
 * JSON patch (RFC 6902) the way a Kubernetes API server applies it (shared/kube/http/patch-json.json): `replace` of an
 * absent key acts like `add`, every operation that cannot be made is one and the same 422 without a word of why.
 */
import { isDeepStrictEqual } from "node:util";
import { ApiError, clone } from "../types.ts";

interface Operation {
  readonly op?: unknown;
  readonly path?: unknown;
  readonly from?: unknown;
  readonly value?: unknown;
}

type Container = Record<string, unknown> | unknown[];

/** Returns the patched copy. Throws ApiError 400 when the patch is no list of operations, 422 when one cannot be made. */
export function applyJsonPatch<T>(document: T, operations: unknown): T {
  if (!Array.isArray(operations)) {
    const found = operations === null ? "null" : typeof operations;
    throw new ApiError(
      400,
      "BadRequest",
      `error decoding patch: json: cannot unmarshal ${found} into Go value of type []handlers.jsonPatchOp`,
    );
  }
  const root = { document: clone(document) as unknown };
  for (const operation of operations) {
    if (typeof operation !== "object" || operation === null) throw rejected();
    perform(root, operation as Operation);
  }
  return root.document as T;
}

function perform(root: { document: unknown }, operation: Operation): void {
  const path = pointer(operation.path);
  switch (operation.op) {
    case "add":
    case "replace":
      write(root, path, clone(operation.value), operation.op);
      return;
    case "remove":
      remove(root, path);
      return;
    case "test":
      if (!isDeepStrictEqual(lookUp(root, path) ?? null, operation.value ?? null)) throw rejected();
      return;
    case "copy":
      write(root, path, clone(read(root, pointer(operation.from))), "add");
      return;
    case "move": {
      const from = pointer(operation.from);
      const value = read(root, from);
      remove(root, from);
      write(root, path, value, "add");
      return;
    }
    default:
      throw rejected();
  }
}

function rejected(): ApiError {
  return new ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {});
}

/** The path's tokens. The document as a whole cannot be addressed: a real API server refuses that too. */
function pointer(path: unknown): string[] {
  if (typeof path !== "string" || !path.startsWith("/")) throw rejected();
  return path
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The container that holds the last token, and that token. */
function locate(root: { document: unknown }, path: readonly string[]): { parent: Container; token: string } {
  let at: unknown = root.document;
  for (const token of path.slice(0, -1)) at = child(at, token);
  if (typeof at !== "object" || at === null) throw rejected();
  return { parent: at as Container, token: path.at(-1) ?? "" };
}

function child(container: unknown, token: string): unknown {
  if (Array.isArray(container)) return container[index(token, container.length - 1)];
  if (typeof container !== "object" || container === null || !Object.hasOwn(container, token)) throw rejected();
  return (container as Record<string, unknown>)[token];
}

function index(token: string, highest: number): number {
  if (!/^(0|-?[1-9][0-9]*)$/.test(token)) throw rejected();
  const number = Number(token);
  const position = number < 0 ? number + highest + 1 : number;
  if (position < 0 || position > highest) throw rejected();
  return position;
}

function read(root: { document: unknown }, path: readonly string[]): unknown {
  const { parent, token } = locate(root, path);
  return child(parent, token);
}

/** Like `read`, but an absent key is undefined: `test` against null holds for it. */
function lookUp(root: { document: unknown }, path: readonly string[]): unknown {
  const { parent, token } = locate(root, path);
  return !Array.isArray(parent) && !Object.hasOwn(parent, token) ? undefined : child(parent, token);
}

function write(root: { document: unknown }, path: readonly string[], value: unknown, op: "add" | "replace"): void {
  const { parent, token } = locate(root, path);
  if (!Array.isArray(parent)) {
    define(parent, token, value);
  } else if (op === "replace") {
    parent[index(token, parent.length - 1)] = value;
  } else {
    parent.splice(token === "-" ? parent.length : index(token, parent.length), 0, value);
  }
}

/** A key like `__proto__` is data, too: a plain assignment would lose it or worse. */
function define(parent: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true });
}

function remove(root: { document: unknown }, path: readonly string[]): void {
  const { parent, token } = locate(root, path);
  if (Array.isArray(parent)) {
    parent.splice(index(token, parent.length - 1), 1);
  } else {
    if (!Object.hasOwn(parent, token)) throw rejected();
    delete parent[token];
  }
}
