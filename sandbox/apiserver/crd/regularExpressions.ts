/** Patterns of schemas and rules are RE2; this runs them with JavaScript's engine, which knows almost all of the syntax. */

const classes: Record<string, string> = {
  alpha: "A-Za-z",
  digit: "0-9",
  alnum: "0-9A-Za-z",
  upper: "A-Z",
  lower: "a-z",
  space: "\\s",
  punct: "!-\\/:-@\\[-`{-~",
  xdigit: "0-9A-Fa-f",
  word: "\\w",
};

const compiled = new Map<string, RegExp | undefined>();

/** The compiled pattern, or `undefined` when it is none. */
export function patternOf(source: string): RegExp | undefined {
  if (compiled.has(source)) return compiled.get(source);
  const expression = compile(source);
  compiled.set(source, expression);
  return expression;
}

function compile(source: string): RegExp | undefined {
  const flags = /^\(\?([ims]+)\)/.exec(source);
  const body = (flags === null ? source : source.slice(flags[0].length))
    .replace(/\[:(\w+):\]/g, (whole, name: string) => classes[name] ?? whole)
    .replace(/\\z/g, "$$")
    .replace(/\\A/g, "^")
    .replace(/\(\?P</g, "(?<");
  for (const mode of ["u", ""]) {
    try {
      return new RegExp(body, (flags?.[1] ?? "") + mode);
    } catch {
      // Unicode mode refuses needless escapes that RE2 allows: the second attempt goes without it.
    }
  }
  return undefined;
}
