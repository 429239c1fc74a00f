/** Lines of a watch, as they come. */
export class EventStream {
  readonly #events: unknown[] = [];
  readonly #body: { destroy(): void };
  readonly #finished: Promise<void>;
  #arrived: () => void = () => undefined;

  constructor(body: AsyncIterable<Buffer> & { destroy(): void }) {
    this.#body = body;
    this.#finished = this.#read(body).catch(() => undefined);
  }

  async #read(body: AsyncIterable<Buffer>): Promise<void> {
    let rest = "";
    for await (const chunk of body) {
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop() ?? "";
      this.#events.push(...lines.filter((line) => line !== "").map((line) => JSON.parse(line)));
      this.#arrived();
    }
  }

  /** The first events, as soon as there are that many; fewer when the stream ends or nothing comes for a while. */
  async take(count: number): Promise<unknown[]> {
    let ended = false;
    const deadline = setTimeout(() => this.#body.destroy(), 2_000);
    void this.#finished.then(() => {
      ended = true;
      this.#arrived();
    });
    while (this.#events.length < count && !ended) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    clearTimeout(deadline);
    return this.#events.slice(0, Math.max(count, 0));
  }

  async all(): Promise<unknown[]> {
    await this.#finished;
    return this.#events;
  }

  async close(): Promise<void> {
    this.#body.destroy();
    await this.#finished;
  }
}
