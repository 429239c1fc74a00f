/** Resource quantities (`1500m`, `2Gi`) as the rules of CustomResourceDefinitions calculate with them. */

const suffixes: Record<string, readonly [base: bigint, exponent: number]> = {
  n: [10n, -9],
  u: [10n, -6],
  m: [10n, -3],
  "": [10n, 0],
  k: [10n, 3],
  M: [10n, 6],
  G: [10n, 9],
  T: [10n, 12],
  P: [10n, 15],
  E: [10n, 18],
  Ki: [2n, 10],
  Mi: [2n, 20],
  Gi: [2n, 30],
  Ti: [2n, 40],
  Pi: [2n, 50],
  Ei: [2n, 60],
};

const syntax = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i)?)$/;
const nanosPerUnit = 10n ** 9n;

/** An exact amount, kept in billionths; anything finer is rounded up, as the API server does. */
export class Quantity {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** `undefined` when the text is no quantity. */
export function parseQuantity(text: string): Quantity | undefined {
  const match = syntax.exec(text);
  const [, sign, whole = "", fraction = "", exponent, suffix = ""] = match ?? [];
  if (match === null || whole + fraction === "") return undefined;
  const [base, power] = exponent === undefined ? (suffixes[suffix] ?? [10n, 0]) : ([10n, Number(exponent)] as const);
  let numerator = BigInt(whole + fraction) * nanosPerUnit;
  let denominator = 10n ** BigInt(fraction.length);
  if (power >= 0) numerator *= base ** BigInt(power);
  else denominator *= base ** BigInt(-power);
  const rounded = (numerator + denominator - 1n) / denominator;
  return new Quantity(sign === "-" ? -rounded : rounded);
}

/** -1, 0 or 1. */
export function compareQuantities(a: Quantity, b: Quantity): bigint {
  return a.nanos < b.nanos ? -1n : a.nanos > b.nanos ? 1n : 0n;
}

/** The amount as a whole number, or `undefined` when it is none. */
export function wholeOf(quantity: Quantity): bigint | undefined {
  return quantity.nanos % nanosPerUnit === 0n ? quantity.nanos / nanosPerUnit : undefined;
}

export function approximate(quantity: Quantity): number {
  return Number(quantity.nanos) / Number(nanosPerUnit);
}
