/** Labels with the metric's name under `__name__`. */
export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?\s*/y;

/** Reads a page in the Prometheus text format. Comments are skipped; a line that isn't one throws, as a scrape fails as a whole. */
export function parseExposition(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    samples.push(parseLine(trimmed));
  }
  return samples;
}

function parseLine(line: string): Sample {
  NAME.lastIndex = 0;
  const name = NAME.exec(line)?.[0];
  if (name === undefined) throw new Error(`not a sample: ${line.slice(0, 80)}`);
  const labels: Record<string, string> = { __name__: name };
  let at = NAME.lastIndex;
  if (line[at] === "{") {
    at++;
    for (;;) {
      LABEL.lastIndex = at;
      const found = LABEL.exec(line);
      if (found === null) break;
      labels[found[1] ?? ""] = (found[2] ?? "").replaceAll(/\\(.)/g, (_, one: string) => (one === "n" ? "\n" : one));
      at = LABEL.lastIndex;
    }
    if (line[at] !== "}") throw new Error(`labels are not closed: ${line.slice(0, 80)}`);
    at++;
  }
  // What follows the value is a timestamp, which scrapes here ignore.
  const value = line.slice(at).trim().split(/\s+/)[0] ?? "";
  return { labels, value: parseValue(value) };
}

/** A number as Prometheus reads it: exporters write `NaN` and `Inf` in letters of any case. Throws on anything else. */
export function parseValue(text: string): number {
  const special: Record<string, number> = { "+inf": Infinity, inf: Infinity, "-inf": -Infinity, nan: Number.NaN };
  const word = text.toLowerCase();
  const value = special[word] ?? Number(text);
  if (text === "" || (Number.isNaN(value) && word !== "nan")) throw new Error(`not a number: ${text.slice(0, 80)}`);
  return value;
}

/** A number as Prometheus writes it in answers: never with an exponent. */
export function printValue(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (Object.is(value, -0)) return "-0";
  const text = String(value);
  const found = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (found === null) return text;
  const [, sign = "", lead = "", fraction = "", exponent = "0"] = found;
  const digits = lead + fraction;
  const point = 1 + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return sign + digits.padEnd(point, "0");
}

/** One text for one set of labels, whatever their order. */
export function labelKey(labels: Labels): string {
  const names = Object.keys(labels).sort();
  return names.map((name) => `${name}\u0000${labels[name]}`).join("\u0001");
}

/** Samples as a page of the text format. */
export function printExposition(samples: readonly Sample[]): string {
  return samples.map(({ labels, value }) => `${printSeries(labels)} ${printValue(value)}\n`).join("");
}

function printSeries(labels: Labels): string {
  const { __name__: name = "", ...rest } = labels;
  const pairs = Object.entries(rest).map(
    ([key, value]) => `${key}="${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`,
  );
  return pairs.length === 0 ? name : `${name}{${pairs.join(",")}}`;
}
