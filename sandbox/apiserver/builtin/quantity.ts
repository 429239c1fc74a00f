/** Quantities (`500m`, `128Mi`) in the one form in which the API server answers them. */

const binary = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const decimal: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  "": 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const decimalDownwards = ["E", "P", "T", "G", "M", "k", "", "m", "u", "n"];
const nano = 10n ** 9n;

/** The canonical form: the largest unit that keeps the number whole. What is no quantity comes back as it is. */
export function canonicalQuantity(value: unknown): unknown {
  const match = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d{1,3})|([KMGTPE]i|[numkMGTPE]))?$/.exec(String(value));
  if (match === null) return value;
  const [, sign = "", digits = "", exponent, unit = ""] = match;
  const scale = unit.endsWith("i") ? 0 : (decimal[unit] ?? 0) + Number(exponent ?? 0);
  const power = unit.endsWith("i") ? 1024n ** BigInt(binary.indexOf(unit)) : 1n;
  const amount = scaled(digits, scale) * power;
  if (amount === 0n) return "0";
  const isBinary = unit.endsWith("i") && amount % nano === 0n;
  const text = isBinary ? inBinary(amount / nano) : inDecimal(amount);
  return sign === "-" ? `-${text}` : text;
}

/** In billionths, rounded up. */
function scaled(digits: string, scale: number): bigint {
  const [whole = "", fraction = ""] = digits.split(".");
  const exponent = 9 + scale - fraction.length;
  const number = BigInt(`${whole}${fraction}` || "0");
  if (exponent >= 0) return number * 10n ** BigInt(exponent);
  const divisor = 10n ** BigInt(-exponent);
  return (number + divisor - 1n) / divisor;
}

function inBinary(amount: bigint): string {
  let unit = 0;
  let rest = amount;
  while (rest % 1024n === 0n && unit < binary.length - 1) {
    rest /= 1024n;
    unit += 1;
  }
  return `${rest}${binary[unit]}`;
}

function inDecimal(amount: bigint): string {
  for (const unit of decimalDownwards) {
    const size = 10n ** BigInt(9 + (decimal[unit] ?? 0));
    if (amount % size === 0n) return `${amount / size}${unit}`;
  }
  return String(amount);
}
