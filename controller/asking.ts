import type { Answer, Question } from "./decide/types.ts";

export type Answers = Readonly<Record<string, Answer>>;

/**
 * Questions that are on their way, at most one set per canary. No worker waits for them: a hook may take minutes, and its canary must
 * go on noticing lost pods, a new revision or its own deletion meanwhile, as must all the others.
 */
export interface Asking {
  /** What is known so far. */
  known(key: string): Answers;
  /** Forgets a set that is answered; throws what it ended with instead. */
  settle(key: string): void;
  /** Whether exactly these are on their way. */
  isAsking(key: string, questions: readonly Question[]): boolean;
  /** Asks, in place of whatever was asked before. `known` stays known until these are answered. */
  begin(
    key: string,
    questions: readonly Question[],
    known: Answers,
    ask: (signal: AbortSignal) => Promise<Answers>,
  ): void;
  /** Nobody wants to know any more. */
  drop(key: string): void;
  /** Drops everything and waits for its end. */
  stop(): Promise<void>;
}

interface Entry {
  readonly ids: string;
  readonly abort: AbortController;
  known: Answers;
  outcome?: "answered" | { readonly error: unknown };
}

/** `wake` is called when the questions of a canary are answered. */
export function createAsking(wake: (key: string) => void): Asking {
  const entries = new Map<string, Entry>();
  const running = new Set<Promise<void>>();

  const drop = (key: string): void => {
    entries.get(key)?.abort.abort();
    entries.delete(key);
  };

  const run = async (key: string, entry: Entry, ask: (signal: AbortSignal) => Promise<Answers>): Promise<void> => {
    try {
      entry.known = { ...entry.known, ...(await ask(entry.abort.signal)) };
      entry.outcome = "answered";
    } catch (error) {
      entry.outcome = { error };
    }
    if (!entry.abort.signal.aborted) wake(key);
  };

  return {
    drop,
    known: (key) => entries.get(key)?.known ?? {},
    settle(key) {
      const outcome = entries.get(key)?.outcome;
      if (outcome === undefined) return;
      entries.delete(key);
      if (outcome !== "answered") throw outcome.error;
    },
    isAsking: (key, questions) => entries.get(key)?.ids === idsOf(questions),
    begin(key, questions, known, ask) {
      drop(key);
      const entry: Entry = { ids: idsOf(questions), known, abort: new AbortController() };
      entries.set(key, entry);
      const ended = run(key, entry, ask).finally(() => running.delete(ended));
      running.add(ended);
    },
    async stop() {
      for (const key of [...entries.keys()]) drop(key);
      await Promise.all(running);
    },
  };
}

function idsOf(questions: readonly Question[]): string {
  return JSON.stringify(questions.map(({ id }) => id));
}
