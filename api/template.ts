import { WeirError } from "./errors.ts";
import { callBuiltin, isBuiltin, type TemplateValue, truth } from "./templateFunctions.ts";
import { type Action, type Token, tokensOf } from "./templateTokens.ts";

/** What a query may ask for: the names that stand alone, and the map `variables`. */
export interface QueryModel {
  readonly name: string;
  readonly namespace: string;
  readonly target: string;
  readonly service: string;
  readonly ingress: string;
  readonly route: string;
  readonly interval: string;
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * Fills in a query: the part of Go's text/template that queries are written in. Names, `variables.x`, string and number literals, pipelines,
 * parentheses, printf and its kin, comparisons, if/else, comments and trim marks. Anything else is refused with its word, as is
 * a variable that is not set: a query with a hole would measure something else. Throws `metrics.template`.
 */
export function renderTemplate(text: string, model: QueryModel): string {
  const tokens = tokensOf(text);
  const state: State = { tokens, at: 0, model };
  const rendered = renderUntil(state, true, 0);
  const left = state.tokens[state.at];
  if (left !== undefined) {
    throw refused(`unexpected {{${left.kind === "action" ? left.text : ""}}}`);
  }
  return rendered;
}

/**
 * Everything that is wrong with a query as a template, in words, whatever the Canary: every branch is looked at, and variables count
 * as set. Empty when it renders.
 */
export function templateMistakes(text: string): readonly string[] {
  const model = { ...anyNames, variables: Object.fromEntries(variablesIn(text).map((name) => [name, someText])) };
  try {
    const actions = tokensOf(text).filter((token) => token.kind === "action");
    const evaluated = actions.flatMap(({ words }) => mistakeOf(() => void evaluateAction(words, model)));
    const mistakes = [...new Set(evaluated)];
    return mistakes.length > 0 ? mistakes : mistakeOf(() => void renderTemplate(text, model));
  } catch (error) {
    return [wordsOf(error)];
  }
}

/** The names `x` of every `variables.x` in a query. */
export function variablesIn(text: string): readonly string[] {
  return [...new Set([...text.matchAll(/\bvariables\.([\w-]+)/g)].map(([, name = ""]) => name))];
}

/** Long enough for whatever a query may cut from it. */
const someText = "x".repeat(64);
const anyNames = {
  name: someText,
  namespace: someText,
  target: someText,
  service: someText,
  ingress: someText,
  route: someText,
  interval: someText,
};

function evaluateAction(words: Words, model: QueryModel): void {
  const first = words[0]?.text ?? "";
  if (first === "end" || (first === "else" && words.length === 1)) {
    return;
  }
  evaluate(first === "else" ? words.slice(2) : first === "if" ? words.slice(1) : words, model);
}

function mistakeOf(attempt: () => void): readonly string[] {
  try {
    attempt();
    return [];
  } catch (error) {
    return [wordsOf(error)];
  }
}

/** What `renderTemplate` refused; anything else is a mistake of ours. */
function wordsOf(error: unknown): string {
  if (error instanceof WeirError && error.code === "metrics.template") {
    return error.message;
  }
  throw error;
}

interface State {
  readonly tokens: readonly Token[];
  at: number;
  readonly model: QueryModel;
}

/** Deeper nesting is no query. */
const maxDepth = 50;

/** Renders up to an `end` or `else` that it leaves in place, or to the end. Branches not taken are read, but not evaluated. */
function renderUntil(state: State, taken: boolean, depth: number): string {
  if (depth > maxDepth) {
    throw refused("too many nested blocks");
  }
  let output = "";
  for (;;) {
    const token = state.tokens[state.at];
    if (token === undefined || (token.kind === "action" && /^(end|else)\b/.test(token.text))) {
      return output;
    }
    state.at++;
    if (token.kind === "text") {
      output += taken ? token.text : "";
    } else if (token.words[0]?.text === "if") {
      output += renderIf(state, token, taken, depth);
    } else if (taken) {
      output += printed(evaluate(token.words, state.model));
    }
  }
}

function renderIf(state: State, start: Action, taken: boolean, depth: number): string {
  const holds = taken && truth(evaluate(start.words.slice(1), state.model));
  let output = renderUntil(state, holds, depth + 1);
  let done = holds;
  for (;;) {
    const token = state.tokens[state.at++];
    if (token?.kind !== "action") {
      throw refused("an {{if}} has no {{end}}");
    }
    if (token.text === "end") {
      return output;
    }
    const [, keyword, ...condition] = token.words;
    if (keyword !== undefined && keyword.text !== "if") {
      throw refused(`unexpected "${keyword.text}" after else`);
    }
    const next = taken && !done && (keyword === undefined || truth(evaluate(condition, state.model)));
    output += renderUntil(state, next, depth + 1);
    done = done || next;
  }
}

type Words = Action["words"];

/** A pipeline: commands between `|`, each result the last argument of the next command. */
function evaluate(words: Words, model: QueryModel, depth = 0): TemplateValue {
  if (depth > maxDepth) {
    throw refused("too many nested parentheses");
  }
  let piped: TemplateValue | undefined;
  for (const command of commandsOf(words)) {
    piped = runCommand(command, piped, model, depth);
  }
  if (piped === undefined) {
    throw refused("an empty {{ }}");
  }
  return piped;
}

function commandsOf(words: Words): readonly Words[] {
  const commands: Words[number][][] = [[]];
  let open = 0;
  for (const word of words) {
    open += word.kind === "(" ? 1 : word.kind === ")" ? -1 : 0;
    if (word.kind === "|" && open === 0) {
      commands.push([]);
    } else {
      commands.at(-1)?.push(word);
    }
  }
  return commands;
}

function runCommand(words: Words, piped: TemplateValue | undefined, model: QueryModel, depth: number): TemplateValue {
  const first = words[0];
  if (first === undefined) {
    throw refused("a command is missing");
  }
  if (first.kind === "name" && isBuiltin(first.text)) {
    const given = argumentsOf(words.slice(1), model, depth);
    return callBuiltin(first.text, piped === undefined ? given : [...given, piped]);
  }
  const [value, ...more] = argumentsOf(words, model, depth);
  if (value === undefined || more.length > 0 || piped !== undefined) {
    throw refused(`"${first.text}" takes no arguments`);
  }
  return value;
}

function argumentsOf(words: Words, model: QueryModel, depth: number): readonly TemplateValue[] {
  const values: TemplateValue[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (word?.kind === "(") {
      const close = closing(words, at);
      values.push(evaluate(words.slice(at + 1, close), model, depth + 1));
      at = close;
    } else if (word !== undefined) {
      values.push(word.kind === "literal" ? word.value : named(word.text, model));
    }
  }
  return values;
}

function closing(words: Words, from: number): number {
  let open = 0;
  for (let at = from; at < words.length; at++) {
    open += words[at]?.kind === "(" ? 1 : words[at]?.kind === ")" ? -1 : 0;
    if (open === 0) {
      return at;
    }
  }
  throw refused("a closing parenthesis is missing");
}

const names: ReadonlySet<string> = new Set(["name", "namespace", "target", "service", "ingress", "route", "interval"]);

function named(word: string, model: QueryModel): TemplateValue {
  if (names.has(word)) {
    return model[word as Exclude<keyof QueryModel, "variables">];
  }
  if (word === "variables") {
    return model.variables;
  }
  if (word === "true" || word === "false") {
    return word === "true";
  }
  const key = /^variables\.([^.]+)$/.exec(word)?.[1];
  if (key !== undefined) {
    if (!Object.hasOwn(model.variables, key)) {
      throw refused(`"${word}" is not set: add ${key} to templateVariables`);
    }
    return model.variables[key] ?? "";
  }
  const hint = /^[.$]/.test(word) ? `, names are written without a dot or $ here` : "";
  throw refused(`"${word}" is not known${hint} (known: ${[...names, "variables.x"].join(", ")})`);
}

function printed(value: TemplateValue): string {
  return typeof value === "object" ? callBuiltin("print", [value]).toString() : String(value);
}

function refused(message: string): WeirError {
  return new WeirError("metrics.template", "terminal", message);
}
