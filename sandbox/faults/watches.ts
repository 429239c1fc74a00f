/** Faults of watches: cut, or held without a word. */
import type { Interference, WatchStream } from "../apiserver/interference.ts";

/** What is done to a watch that is open or opened while the fault lasts. */
export type Seize = (stream: WatchStream) => void;

export class WatchRules {
  readonly #interference: Interference;
  readonly #rules = new Set<Seize>();

  constructor(interference: Interference) {
    this.#interference = interference;
  }

  add(rule: Seize): () => void {
    this.#rules.add(rule);
    this.#interference.watch = (stream) => {
      for (const each of this.#rules) each(stream);
    };
    return () => {
      this.#rules.delete(rule);
      if (this.#rules.size === 0) this.#interference.watch = undefined;
    };
  }
}
