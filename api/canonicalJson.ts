type Fields = Readonly<Record<string, unknown>>;

/** Stands for a value that no object can hold in sorted order. */
const unordered = Symbol("unordered");

/**
 * JSON with sorted keys, and without keys whose value is null: absent and null mean the same to the API server. Admission does this for
 * every update, so what is in order already (nearly all that API servers send) is left as it is, and JSON.stringify does the rest.
 */
export function canonicalJson(value: unknown): string {
  const sorted = inOrder(value);
  return sorted === unordered ? spelled(value) : (JSON.stringify(sorted) ?? "null");
}

/** The value with its keys sorted and nulls gone; itself when there is nothing to change. */
function inOrder(value: unknown): unknown {
  if (typeof value !== "object" || value === null) {
    return value;
  }
  return Array.isArray(value) ? itemsInOrder(value) : fieldsInOrder(value as Fields);
}

function itemsInOrder(items: readonly unknown[]): unknown {
  let copy: unknown[] | undefined;
  for (const [at, item] of items.entries()) {
    const sorted = inOrder(item);
    if (sorted === unordered) {
      return unordered;
    }
    if (sorted !== item) {
      copy ??= [...items];
      copy[at] = sorted;
    }
  }
  return copy ?? items;
}

function fieldsInOrder(fields: Fields): unknown {
  const keys = Object.keys(fields);
  let changed: Map<string, unknown> | undefined;
  let tidy = true;
  let previous = "";
  for (const key of keys) {
    const field = fields[key];
    const sorted = inOrder(field);
    if (sorted === unordered || key === "__proto__") {
      return unordered;
    }
    if (sorted !== field) {
      changed ??= new Map();
      changed.set(key, sorted);
    }
    tidy &&= field !== null && field !== undefined && key >= previous;
    previous = key;
  }
  if (tidy && changed === undefined) {
    return fields;
  }
  const sorted: Record<string, unknown> = {};
  for (const key of keys.sort()) {
    // Objects put keys that look like numbers first, whatever the order they were set in.
    if (/^\d/.test(key)) {
      return unordered;
    }
    const field = changed?.get(key) ?? fields[key];
    if (field !== null && field !== undefined) {
      sorted[key] = field;
    }
  }
  return sorted;
}

/** For any JSON. */
function spelled(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(spelled).join(",")}]`;
  }
  if (typeof value !== "object" || value === null) {
    return JSON.stringify(value) ?? "null";
  }
  const fields = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  const sorted = fields.sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${sorted.map(([key, field]) => `${JSON.stringify(key)}:${spelled(field)}`).join(",")}}`;
}
