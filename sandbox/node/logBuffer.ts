/** The last lines a container wrote. */

const MOST_LINES = 1000;

interface LogLine {
  readonly at: Date;
  readonly text: string;
}

export class LogBuffer {
  #lines: LogLine[] = [];

  add(at: Date, text: string): void {
    this.#lines.push({ at, text });
    // In one go for many lines: shifting each time would cost as much as the buffer is long.
    if (this.#lines.length > 2 * MOST_LINES) this.#lines = this.#lines.slice(-MOST_LINES);
  }

  /** The newest lines, as `kubectl logs` prints them. */
  text(options: { tailLines?: number; timestamps?: boolean } = {}): string {
    const lines = this.#lines.slice(-Math.min(options.tailLines ?? MOST_LINES, MOST_LINES));
    if (options.tailLines === 0) return "";
    return lines.map(({ at, text }) => `${options.timestamps ? `${at.toISOString()} ` : ""}${text}\n`).join("");
  }
}
