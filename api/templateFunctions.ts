import { WeirError } from "./errors.ts";

export type TemplateValue = string | number | boolean | Readonly<Record<string, string>>;

type Builtin = (args: readonly TemplateValue[]) => TemplateValue;

const builtins: Readonly<Record<string, Builtin>> = {
  print: (args) => args.map(plain).join(""),
  println: (args) => `${args.map(plain).join(" ")}\n`,
  printf: ([format, ...args]) => formatted(textOf("printf", format), args),
  index: ([map, key]) => {
    if (typeof map !== "object") {
      throw refused("index takes variables and a name");
    }
    return map[textOf("index", key)] ?? "";
  },
  len: ([value]) => (typeof value === "object" ? Object.keys(value).length : textOf("len", value).length),
  not: ([value]) => !truth(value),
  and: (args) => args.find((value) => !truth(value)) ?? last("and", args),
  or: (args) => args.find(truth) ?? last("or", args),
  eq: ([first, ...others]) => others.some((other) => compare("eq", first, other) === 0),
  ne: ([a, b]) => compare("ne", a, b) !== 0,
  lt: ([a, b]) => compare("lt", a, b) < 0,
  le: ([a, b]) => compare("le", a, b) <= 0,
  gt: ([a, b]) => compare("gt", a, b) > 0,
  ge: ([a, b]) => compare("ge", a, b) >= 0,
};

export function isBuiltin(name: string): boolean {
  return Object.hasOwn(builtins, name);
}

/** Throws `metrics.template` for arguments that the function cannot take. */
export function callBuiltin(name: string, args: readonly TemplateValue[]): TemplateValue {
  const builtin = Object.hasOwn(builtins, name) ? builtins[name] : undefined;
  if (builtin === undefined) {
    throw refused(`"${name}" is not known`);
  }
  return builtin(args);
}

/** Empty texts and maps, 0 and false do not hold. */
export function truth(value: TemplateValue | undefined): boolean {
  return typeof value === "object" ? Object.keys(value).length > 0 : Boolean(value);
}

const verb = /%(?<flags>[-+# 0]*)(?<width>[0-9]*)(?:\.(?<precision>[0-9]*))?(?<verb>.)/gsu;

/** Wider fields only serve to fill memory. */
const maxWidth = 256;

function formatted(format: string, args: readonly TemplateValue[]): string {
  let used = 0;
  const text = format.replaceAll(verb, (whole, ...rest) => {
    const groups = rest.at(-1) as Readonly<Record<string, string | undefined>>;
    if (groups["verb"] === "%") {
      return "%";
    }
    const value = args[used++];
    if (value === undefined) {
      throw refused(`printf has no argument for ${whole}`);
    }
    return padded(verbText(whole, groups, value), groups);
  });
  if (used < args.length) {
    throw refused(`printf has more arguments than verbs in "${format}"`);
  }
  return text;
}

function verbText(whole: string, groups: Readonly<Record<string, string | undefined>>, value: TemplateValue): string {
  const precision = groups["precision"] === undefined ? undefined : Math.min(maxWidth, Number(groups["precision"]));
  switch (groups["verb"]) {
    case "s":
    case "v":
      return precision === undefined ? plain(value) : plain(value).slice(0, precision);
    case "q":
      return JSON.stringify(plain(value));
    case "t":
      return String(truth(value));
    case "d":
      return numberFor(whole, value).toFixed(0);
    case "f":
      return numberFor(whole, value).toFixed(Math.min(100, precision ?? 6));
    default:
      throw refused(`printf does not know ${whole}`);
  }
}

function numberFor(whole: string, value: TemplateValue): number {
  if (typeof value !== "number") {
    throw refused(`printf ${whole} needs a number, not "${plain(value)}"`);
  }
  return value;
}

function padded(text: string, groups: Readonly<Record<string, string | undefined>>): string {
  const width = Math.min(maxWidth, Number(groups["width"] ?? 0));
  const flags = groups["flags"] ?? "";
  return flags.includes("-") ? text.padEnd(width) : text.padStart(width, flags.includes("0") ? "0" : " ");
}

function compare(name: string, a: TemplateValue | undefined, b: TemplateValue | undefined): number {
  if (typeof a !== typeof b || a === undefined || b === undefined || typeof a === "object" || typeof b === "object") {
    throw refused(`${name} compares two values of one kind`);
  }
  return a === b ? 0 : a < b ? -1 : 1;
}

function plain(value: TemplateValue): string {
  if (typeof value !== "object") {
    return String(value);
  }
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, text]) => `${key}:${text}`).join(" ")}]`;
}

function textOf(name: string, value: TemplateValue | undefined): string {
  if (typeof value !== "string") {
    throw refused(`${name} needs a text`);
  }
  return value;
}

function last(name: string, args: readonly TemplateValue[]): TemplateValue {
  const value = args.at(-1);
  if (value === undefined) {
    throw refused(`${name} needs an argument`);
  }
  return value;
}

function refused(message: string): WeirError {
  return new WeirError("metrics.template", "terminal", message);
}
