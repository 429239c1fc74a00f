/** The functions that Kubernetes adds to CEL, as far as rules of CustomResourceDefinitions and match conditions use them. */
import { isIPv4, isIPv6 } from "node:net";
import { Environment, Optional } from "@marcbachmann/cel-js";
import { patternOf } from "../crd/regularExpressions.ts";
import { approximate, compareQuantities, parseQuantity, Quantity, wholeOf } from "./quantity.ts";

type List = readonly unknown[];

/** A fresh environment without variables. */
export function kubernetesEnvironment(): Environment {
  const environment = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false });
  addStrings(environment);
  addLists(environment);
  addQuantities(environment);
  addUrls(environment);
  addAddresses(environment);
  return environment;
}

function addStrings(environment: Environment): void {
  const find = (text: string, pattern: string) => patternOf(pattern)?.exec(text)?.[0] ?? "";
  environment
    .registerFunction("string.replace(string, string): string", (text: string, from: string, to: string) =>
      text.replaceAll(from, () => to),
    )
    .registerFunction("string.replace(string, string, int): string", replaceSome)
    .registerFunction("string.charAt(int): string", (text: string, at: bigint) => [...text][Number(at)] ?? "")
    .registerFunction("string.find(string): string", find)
    .registerFunction("string.findAll(string): list<string>", (text: string, pattern: string) => findAll(text, pattern))
    .registerFunction("string.findAll(string, int): list<string>", (text: string, pattern: string, most: bigint) =>
      most < 0n ? findAll(text, pattern) : findAll(text, pattern).slice(0, Number(most)),
    )
    .registerFunction("string.format(list): string", (text: string, values: List) => formatted(text, values));
}

function replaceSome(text: string, from: string, to: string, most: bigint): string {
  if (most < 0n) return text.replaceAll(from, () => to);
  const parts = text.split(from);
  const count = Math.min(Number(most), parts.length - 1);
  const head = parts.slice(0, count + 1).join(to);
  return [head, ...parts.slice(count + 1)].join(from);
}

function findAll(text: string, pattern: string): string[] {
  const expression = patternOf(pattern);
  if (expression === undefined) return [];
  return [...text.matchAll(new RegExp(expression.source, `${expression.flags.replace("g", "")}g`))].map((m) => m[0]);
}

function formatted(template: string, values: List): string {
  let next = 0;
  return template.replace(/%(%|(?:\.(\d+))?([sdfexXob]))/g, (_whole, verb: string, digits?: string, kind?: string) => {
    if (verb === "%") return "%";
    const value = values[next++];
    if (kind === "f" && digits !== undefined) return Number(value).toFixed(Number(digits));
    if (kind === "x") return BigInt(value as bigint).toString(16);
    return textOf(value);
  });
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(textOf).join(", ")}]`;
  return value instanceof Date ? value.toISOString().replace(".000Z", "Z") : String(value);
}

function addLists(environment: Environment): void {
  const less = (a: unknown, b: unknown) => (a as number) < (b as number);
  environment
    .registerFunction("list.sum(): dyn", (values: List) => sum(values))
    .registerFunction("list.min(): dyn", (values: List) => extreme(values, "min", less))
    .registerFunction("list.max(): dyn", (values: List) => extreme(values, "max", (a, b) => less(b, a)))
    .registerFunction("list.isSorted(): bool", (values: List) =>
      values.every((value, at) => at === 0 || !less(value, values[at - 1])),
    )
    .registerFunction("list.indexOf(dyn): int", (values: List, value: unknown) => BigInt(values.indexOf(value)))
    .registerFunction("list.lastIndexOf(dyn): int", (values: List, value: unknown) =>
      BigInt(values.lastIndexOf(value)),
    );
}

function sum(values: List): unknown {
  if (values.length === 0) return 0n;
  return values.slice(1).reduce((total, value) => (total as number) + (value as number), values[0]);
}

function extreme(values: List, name: string, better: (a: unknown, b: unknown) => boolean): unknown {
  if (values.length === 0) throw new Error(`${name} called on empty list`);
  return values.reduce((best, value) => (better(value, best) ? value : best));
}

function addQuantities(environment: Environment): void {
  const parsed = (text: string): Quantity => {
    const quantity = parseQuantity(text);
    if (quantity === undefined) {
      throw new Error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
    }
    return quantity;
  };
  const whole = (quantity: Quantity): bigint => {
    const value = wholeOf(quantity);
    if (value === undefined) throw new Error("cannot convert value to integer");
    return value;
  };
  environment
    .registerType("Quantity", Quantity)
    .registerFunction("quantity(string): Quantity", parsed)
    .registerFunction("isQuantity(string): bool", (text: string) => parseQuantity(text) !== undefined)
    .registerFunction("Quantity.isGreaterThan(Quantity): bool", (a, b) => compareQuantities(a, b) > 0n)
    .registerFunction("Quantity.isLessThan(Quantity): bool", (a, b) => compareQuantities(a, b) < 0n)
    .registerFunction("Quantity.compareTo(Quantity): int", compareQuantities)
    .registerFunction("Quantity.sign(): int", (quantity) => compareQuantities(quantity, new Quantity(0n)))
    .registerFunction("Quantity.isInteger(): bool", (quantity) => wholeOf(quantity) !== undefined)
    .registerFunction("Quantity.asInteger(): int", whole)
    .registerFunction("Quantity.asApproximateFloat(): double", approximate)
    .registerFunction("Quantity.add(Quantity): Quantity", (a: Quantity, b: Quantity) => new Quantity(a.nanos + b.nanos))
    .registerFunction(
      "Quantity.sub(Quantity): Quantity",
      (a: Quantity, b: Quantity) => new Quantity(a.nanos - b.nanos),
    );
}

/** A parsed URL; `URL` of the platform fills in paths, so the text is kept. */
class CelUrl {
  readonly url: URL;
  readonly text: string;
  constructor(url: URL, text: string) {
    this.url = url;
    this.text = text;
  }
}

const anywhere = "http://placeholder.invalid";

function parseUrl(text: string): CelUrl | undefined {
  if (text.startsWith("/")) return URL.canParse(text, anywhere) ? new CelUrl(new URL(text, anywhere), text) : undefined;
  return URL.canParse(text) ? new CelUrl(new URL(text), text) : undefined;
}

function addUrls(environment: Environment): void {
  const absolute = (url: CelUrl) => !url.text.startsWith("/");
  const parsed = (text: string): CelUrl => {
    const url = parseUrl(text);
    if (url === undefined)
      throw new Error(`URL parse error during conversion from string: parse "${text}": invalid URI`);
    return url;
  };
  environment
    .registerType("kubernetes.URL", CelUrl)
    .registerFunction("url(string): kubernetes.URL", parsed)
    .registerFunction("isURL(string): bool", (text: string) => parseUrl(text) !== undefined)
    .registerFunction("kubernetes.URL.getScheme(): string", (it) => (absolute(it) ? it.url.protocol.slice(0, -1) : ""))
    .registerFunction("kubernetes.URL.getHost(): string", (it) => (absolute(it) ? it.url.host : ""))
    .registerFunction("kubernetes.URL.getHostname(): string", (it) => (absolute(it) ? it.url.hostname : ""))
    .registerFunction("kubernetes.URL.getPort(): string", (it) => (absolute(it) ? it.url.port : ""))
    .registerFunction("kubernetes.URL.getEscapedPath(): string", (it) => it.url.pathname)
    .registerFunction("kubernetes.URL.getQuery(): map", (it: CelUrl) => queryOf(it.url));
}

function queryOf(url: URL): Record<string, string[]> {
  return Object.fromEntries([...url.searchParams.keys()].map((key) => [key, url.searchParams.getAll(key)]));
}

function addAddresses(environment: Environment): void {
  const isCidr = (text: string): boolean => {
    const [address = "", bits = "", ...rest] = text.split("/");
    const most = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
    return rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= most;
  };
  environment
    .registerFunction("isIP(string): bool", (text: string) => isIPv4(text) || isIPv6(text))
    .registerFunction("isCIDR(string): bool", isCidr);
}

/** The optional of CEL for a value that may be absent. */
export function optionalOf(value: unknown): Optional {
  return value === undefined ? Optional.none() : Optional.of(value);
}

/** The error of an evaluation in the words of the API server. */
export function evaluationText(error: unknown): string {
  const summary = error instanceof Error && "summary" in error ? String(error.summary) : String(error);
  const text = summary.replace(/^Error: /, "").split("\n")[0] ?? "";
  return text
    .replace(/^No such key: /, "no such key: ")
    .replace(/^.*index out of bounds, index (\d+).*$/, "index out of bounds: $1");
}
