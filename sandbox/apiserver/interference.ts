import type { Call } from "./cluster.ts";

/** One watch that is being answered over HTTP. */
export interface WatchStream {
  readonly call: Call;
  /** Ends the answer, as after its timeout. */
  end(): void;
  /** Breaks the connection. */
  cut(): void;
  /** Nothing is sent any more, but the connection stays; `release` sends what came meanwhile. */
  hold(): void;
  release(): void;
}

/** What faults put between an API server and its clients. Nothing is set by default, and then nothing is asked. */
export interface Interference {
  /** Before a request over HTTP is handled: may throw the error to answer, or take its time. */
  request: ((call: Call) => Promise<void>) | undefined;
  /** A watch over HTTP has been opened; nothing was sent on it yet. */
  watch: ((stream: WatchStream) => void) | undefined;
  /** Whether calls of this webhook find nobody. */
  webhook: ((name: string) => boolean) | undefined;
}

/** A request to a path below `/sandbox/`, which only members of system:masters may make. */
export interface ControlRequest {
  readonly method: string;
  /** Below `/sandbox/`, as in `faults/3`. */
  readonly path: string;
  /** Undefined when there is none. */
  readonly body: unknown;
}

/** Undefined: there is no such path. */
export type Control = (request: ControlRequest) => { readonly code: number; readonly document: unknown } | undefined;
