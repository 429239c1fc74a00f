import type { LabelMatcher } from "../sampleStore.ts";

/** One condition of a selector. Regular expressions match the whole value. Throws on one that can't be read. */
export function labelMatcher(name: string, operator: "=" | "!=" | "=~" | "!~", value: string): LabelMatcher {
  switch (operator) {
    case "=":
      return { name, exact: value, matches: (actual) => actual === value };
    case "!=":
      return { name, matches: (actual) => actual !== value };
    case "=~": {
      const pattern = wholePattern(value);
      return { name, matches: (actual) => pattern.test(actual) };
    }
    case "!~": {
      const pattern = wholePattern(value);
      return { name, matches: (actual) => !pattern.test(actual) };
    }
  }
}

/** RE2 puts flags in front of a pattern, JavaScript behind. */
function wholePattern(source: string): RegExp {
  const flags = /^\(\?([is]+)\)/.exec(source);
  const body = flags === null ? source : source.slice(flags[0].length);
  try {
    return new RegExp(`^(?:${body})$`, flags?.[1] ?? "");
  } catch {
    throw new Error(`error parsing regexp: ${source}`);
  }
}
