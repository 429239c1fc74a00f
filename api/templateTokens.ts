import { WeirError } from "./errors.ts";

export interface Action {
  readonly kind: "action";
  /** Between the braces, trimmed. */
  readonly text: string;
  readonly words: readonly Word[];
}

export type Token = { readonly kind: "text"; readonly text: string } | Action;

export type Word =
  | { readonly kind: "literal"; readonly text: string; readonly value: string | number }
  | { readonly kind: "name" | "(" | ")" | "|"; readonly text: string };

/** Cuts a template at its `{{ }}`. Comments are gone; trim marks have eaten the blanks beside them. Throws `metrics.template`. */
export function tokensOf(template: string): readonly Token[] {
  const tokens: Token[] = [];
  let rest = template;
  let trimStart = false;
  for (;;) {
    const open = rest.indexOf("{{");
    if (open < 0) {
      tokens.push({ kind: "text", text: trimStart ? rest.trimStart() : rest });
      return tokens.filter((token) => token.kind === "action" || token.text !== "");
    }
    const trimEnd = /^\{\{-\s/.test(rest.slice(open, open + 4));
    const before = trimStart ? rest.slice(0, open).trimStart() : rest.slice(0, open);
    tokens.push({ kind: "text", text: trimEnd ? before.trimEnd() : before });
    const inside = rest.slice(open + (trimEnd ? 3 : 2));
    const close = closeOf(inside);
    trimStart = /\s-$/.test(inside.slice(0, close));
    const text = inside.slice(0, trimStart ? close - 1 : close).trim();
    if (!/^\/\*[\s\S]*\*\/$/.test(text)) {
      tokens.push({ kind: "action", text, words: wordsOf(text) });
    }
    rest = inside.slice(close + 2);
  }
}

/** Where the action ends: at the first `}}` that is in no string and no comment. */
function closeOf(inside: string): number {
  const skipped = /\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|`[^`]*`|\}\}/g;
  for (const match of inside.matchAll(skipped)) {
    if (match[0] === "}}") {
      return match.index;
    }
  }
  throw new WeirError("metrics.template", "terminal", `"{{" is not closed: ${inside.slice(0, 40).trim()}`);
}

const word =
  /\s+|(?<string>"(?:[^"\\\n]|\\.)*")|(?<raw>`[^`]*`)|(?<number>-?[0-9]+(?:\.[0-9]+)?)(?![\w.])|(?<name>[$.]?[\w.$-]+)|(?<mark>[()|])|(?<other>.)/gsu;

function wordsOf(text: string): readonly Word[] {
  const words: Word[] = [];
  for (const match of text.matchAll(word)) {
    const { string, raw, number, name, mark, other } = match.groups ?? {};
    if (string !== undefined) {
      words.push({ kind: "literal", text: string, value: unquoted(string) });
    } else if (raw !== undefined) {
      words.push({ kind: "literal", text: raw, value: raw.slice(1, -1) });
    } else if (number !== undefined) {
      words.push({ kind: "literal", text: number, value: Number(number) });
    } else if (name !== undefined) {
      words.push({ kind: "name", text: name });
    } else if (mark !== undefined) {
      words.push({ kind: mark as "(" | ")" | "|", text: mark });
    } else if (other !== undefined) {
      throw new WeirError("metrics.template", "terminal", `unexpected "${other}" in {{ ${text} }}`);
    }
  }
  return words;
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

/** The escapes that Go and queries share: a backslash before a letter it does not know stands for the letter. */
function unquoted(literal: string): string {
  return literal.slice(1, -1).replaceAll(/\\(.)/g, (_, letter: string) => escapes[letter] ?? letter);
}
