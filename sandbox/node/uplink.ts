/** A node's line to the API server, which can be cut: what is written meanwhile waits, and so does what is heard. */
import type { Client } from "../apiserver/types.ts";

export class Uplink {
  /** The API over this line. Reads are not held up: a node knows what it knew. */
  readonly client: Client;
  #mended: PromiseWithResolvers<void> | undefined;
  #heard: (() => void)[] = [];

  constructor(client: Client) {
    this.client = {
      ...client,
      create: async (...input) => {
        await this.#mended?.promise;
        return await client.create(...input);
      },
      update: async (...input) => {
        await this.#mended?.promise;
        return await client.update(...input);
      },
      patch: async (...input) => {
        await this.#mended?.promise;
        return await client.patch(...input);
      },
      delete: async (...input) => {
        await this.#mended?.promise;
        await client.delete(...input);
      },
      watch: (key, listener) =>
        client.watch(key, (event) => {
          if (this.#mended === undefined) listener(event);
          else this.#heard.push(() => listener(event));
        }),
    };
  }

  get isCut(): boolean {
    return this.#mended !== undefined;
  }

  cut(): void {
    this.#mended ??= Promise.withResolvers<void>();
  }

  /** Lets through, in order, what came meanwhile. */
  mend(): void {
    const mended = this.#mended;
    this.#mended = undefined;
    for (const hear of this.#heard.splice(0)) hear();
    mended?.resolve();
  }
}
