import { quoted } from "./recording.ts";

const placeholder = /\{\{([a-zA-Z]+)(?::(\w+))?\}\}/g;

const shapes: Record<string, string> = {
  uid: "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
  rv: "\\d+",
  time: "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ",
  microtime: "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z",
  ip: "\\d+\\.\\d+\\.\\d+\\.\\d+",
  suffix: "[bcdfghjklmnpqrstvwxz2456789]{5}",
};

/** Long values of one character, which the recorder described instead of writing them out. */
const repeated = /\((\d+) times (.)\)/g;

/** Values of the placeholders of one scenario, learned from answers and put into later requests. */
export class Bindings {
  readonly #values = new Map<string, string>();

  /** The text with every known placeholder replaced; one that no answer has shown yet gets a made-up value. */
  fill(text: string): string {
    const long = text.replace(repeated, (_, count: string, character: string) => character.repeat(Number(count)));
    return long.replace(placeholder, (whole, kind: string) => this.#values.get(whole) ?? invented(kind));
  }

  /** True when no answer has shown this placeholder yet. */
  isUnknown(text: string): boolean {
    return text.startsWith("{{") && !this.#values.has(text);
  }

  learn(name: string, value: string): void {
    this.#values.set(name, value);
  }

  /** Some tokens the recorder made by hand out of one that it had been given. */
  makeContinueTokens(note: string, text: string): void {
    for (const [name] of text.matchAll(/\{\{continue:\d+\}\}/g)) {
      if (this.#values.has(name)) continue;
      const given = [...this.#values].filter(([key]) => key.startsWith("{{continue:")).at(-1)?.[1] ?? "";
      const version = Number(/with rv (\d+)/.exec(note)?.[1]);
      const token = Number.isNaN(version) ? "not a token" : forged(given, version);
      this.#values.set(name, Buffer.from(token).toString("base64url"));
    }
  }

  /** Compares, and learns placeholders that appear for the first time. Returns what differs, with paths. */
  differences(expected: unknown, actual: unknown, path = "", loose = false): string[] {
    if (typeof expected === "string") return this.#textDiffers(expected, actual, path);
    if (Array.isArray(expected)) return this.#listDiffers(expected, actual, path, loose);
    if (typeof expected === "object" && expected !== null) {
      return this.#objectDiffers(expected as Record<string, unknown>, actual, path, loose);
    }
    return Object.is(expected, actual) ? [] : [`${path}: want ${show(expected)}, got ${show(actual)}`];
  }

  #textDiffers(expected: string, actual: unknown, path: string): string[] {
    if (expected === actual || expected === "(omitted)" || areAges(path, expected, actual)) return [];
    const wrong = [`${path}: want ${show(this.fill(expected))}, got ${show(actual)}`];
    if (typeof actual !== "string") return wrong;
    const names: string[] = [];
    let pattern = "";
    let end = 0;
    for (const match of expected.matchAll(placeholder)) {
      const [whole, kind = ""] = match;
      pattern += quoted(expected.slice(end, match.index));
      end = match.index + whole.length;
      // Seconds pass differently here than in the recording.
      const known = kind.endsWith("time") ? undefined : this.#values.get(whole);
      pattern += `(${known === undefined ? (shapes[kind] ?? ".+?") : quoted(known)})`;
      names.push(whole);
    }
    const match = new RegExp(`^${pattern}${quoted(expected.slice(end))}$`, "s").exec(actual);
    if (match === null) return wrong;
    for (const [index, name] of names.entries()) {
      const value = match[index + 1];
      if (value !== undefined) this.#values.set(name, value);
    }
    return [];
  }

  #listDiffers(expected: readonly unknown[], actual: unknown, path: string, loose: boolean): string[] {
    if (!Array.isArray(actual)) return [`${path}: want a list, got ${show(actual)}`];
    const length =
      expected.length === actual.length ? [] : [`${path}: want ${expected.length} items, got ${actual.length}`];
    return [
      ...length,
      ...expected.flatMap((item, index) => this.differences(item, actual[index], `${path}[${index}]`, loose)),
    ];
  }

  #objectDiffers(expected: Record<string, unknown>, actual: unknown, path: string, loose: boolean): string[] {
    if (typeof actual !== "object" || actual === null || Array.isArray(actual)) {
      return [`${path}: want an object, got ${show(actual)}`];
    }
    const got = actual as Record<string, unknown>;
    if (expected["omitted"] === true) {
      return "kind" in expected ? this.differences(expected["kind"], got["kind"], `${path}.kind`) : [];
    }
    // The recorder shortened some bodies; what it left out is not compared.
    const shortened = loose || isShortened(expected);
    const keys = new Set(Object.keys(expected).map((key) => this.fill(key)));
    const differing: string[] = [];
    for (const [recordedKey, value] of Object.entries(expected)) {
      const key = this.fill(recordedKey);
      if (key === "itemNames") differing.push(...this.differences(value, namesOf(got), `${path}.itemNames`));
      else if (key === "itemsOmitted" || key === "omitted") continue;
      else if (key === "items" && typeof value === "number") {
        differing.push(...this.differences(value, (got["items"] as unknown[]).length, `${path}.items`));
      } else differing.push(...this.differences(value, got[key], `${path}.${key}`, shortened));
    }
    for (const key of shortened ? [] : Object.keys(got)) {
      if (!keys.has(key)) differing.push(`${path}.${key}: want nothing, got ${show(got[key])}`);
    }
    return differing;
  }
}

/** The token of another version. */
function forged(token: string, version: number): string {
  return JSON.stringify({ ...JSON.parse(Buffer.from(token, "base64url").toString()), rv: version });
}

/** How old an object was when it was printed depends on the recorder's leisure. */
function areAges(path: string, expected: string, actual: unknown): boolean {
  const age = /^(\d+[smhd])+$/;
  return path.includes(".cells[") && age.test(expected) && typeof actual === "string" && age.test(actual);
}

function isShortened(expected: Record<string, unknown>): boolean {
  if (typeof expected["omitted"] === "string") return true;
  return "itemNames" in expected || "itemsOmitted" in expected || ("kind" in expected && !("apiVersion" in expected));
}

function namesOf(list: Record<string, unknown>): unknown[] {
  const items = (list["items"] ?? []) as { metadata?: { name?: string } }[];
  return items.map((item) => item.metadata?.name);
}

function invented(kind: string): string {
  const now = new Date().toISOString();
  const inventions: Record<string, string> = {
    uid: "11111111-2222-4333-8444-555555555555",
    time: `${now.slice(0, 19)}Z`,
    ip: "10.96.255.77",
    microtime: `${now.slice(0, 23)}000Z`,
  };
  return inventions[kind] ?? "1";
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
