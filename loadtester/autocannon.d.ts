/** The part of autocannon that hey.ts uses; the package brings no types. */
declare module "autocannon" {
  import type { EventEmitter } from "node:events";

  interface Options {
    readonly url: string;
    readonly connections: number;
    /** Seconds. */
    readonly duration?: number;
    readonly amount?: number;
    /** Requests per second and connection. */
    readonly connectionRate?: number;
    /** Seconds. */
    readonly timeout: number;
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: Buffer;
    readonly requests: readonly { readonly path: string }[];
    /** Milliseconds between two looks at whether it is time to stop. */
    readonly sampleInt: number;
    /** Called with every connection before it is used. */
    readonly setupClient: (client: autocannon.Client) => void;
  }

  interface Instance extends EventEmitter {
    stop(): void;
  }

  namespace autocannon {
    interface Client {
      /** Sends nothing more and closes the connection. */
      destroy(): void;
    }
  }
  function autocannon(options: Options, done: (error: Error | null) => void): Instance;
  export = autocannon;
}
