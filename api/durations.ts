const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const part = /([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)/g;
const whole = /^(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))+$/;

/** Milliseconds of a duration in Go's notation ("1m30s"), or undefined when it is none. Signs are refused. */
export function parseDuration(text: string | undefined): number | undefined {
  if (text === undefined || text.length > 64 || !whole.test(text)) {
    return undefined;
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(part)) {
    total += Number(amount) * (unitMs[unit ?? ""] ?? 0);
  }
  return Number.isFinite(total) ? total : undefined;
}

/** As Go prints a duration: "1m30s", "500ms", "1.515s", "0s". Known event texts contain it. */
export function formatGoDuration(milliseconds: number): string {
  if (!Number.isFinite(milliseconds)) {
    return "0s";
  }
  const sign = milliseconds < 0 ? "-" : "";
  const nanoseconds = Math.round(Math.abs(milliseconds) * 1e6);
  if (nanoseconds === 0) {
    return "0s";
  }
  if (nanoseconds < 1e9) {
    const [unit, size] = nanoseconds < 1e3 ? ["ns", 1] : nanoseconds < 1e6 ? ["µs", 1e3] : ["ms", 1e6];
    return `${sign}${nanoseconds / (size as number)}${unit}`;
  }
  const hours = Math.floor(nanoseconds / 3.6e12);
  const minutes = Math.floor((nanoseconds % 3.6e12) / 6e10);
  const seconds = (nanoseconds % 6e10) / 1e9;
  const tail = `${seconds}s`;
  return hours > 0
    ? `${sign}${hours}h${minutes}m${tail}`
    : minutes > 0
      ? `${sign}${minutes}m${tail}`
      : `${sign}${tail}`;
}
