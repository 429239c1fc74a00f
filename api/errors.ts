/** What a caller should do about an error. */
export type ErrorClass =
  /** Passing: try again with backoff. */
  | "retry"
  /** Stays until somebody changes something: tell the user, do not retry. */
  | "terminal"
  /** Our view was stale: observe again at once. */
  | "conflict"
  /** We were told to stop. */
  | "aborted";

/** Closed list of error codes: a code appears in logs, metrics and tests, so it never changes its meaning. */
export type ErrorCode =
  | "api.unreachable" // no connection, TLS, or timeout
  | "api.unavailable" // 429, 500, 502, 503, 504
  | "api.forbidden" // 401, 403
  | "api.notFound"
  | "api.conflict" // 409, resourceVersion or apply conflict
  | "api.gone" // 410, watch history expired
  | "api.invalid" // 400, 422
  | "api.protocol" // an answer that is no JSON, a line too long
  | "config.invalid" // flags, kubeconfig, files
  | "metrics.unreachable"
  | "metrics.failed" // the provider answered with an error
  | "metrics.template" // a query that does not render
  | "hook.failed"
  | "tls.invalid"
  | "lease.lost"
  | "aborted";

/** What the API server said when it refused: the readable parts of its Status. */
export interface ServerAnswer {
  /** HTTP status. */
  readonly status: number;
  /** Status.reason, such as `AlreadyExists`; empty when the answer was no Status. */
  readonly reason: string;
  readonly causes: readonly { readonly field: string; readonly message: string; readonly reason: string }[];
}

/** The one error type that crosses rooms. Always says what happened in words a user can act on, and keeps the cause. */
export class WeirError extends Error {
  readonly code: ErrorCode;
  readonly class: ErrorClass;
  /** Not before this many milliseconds (Retry-After). */
  readonly retryAfterMs: number | undefined;
  /** Present when the API server answered. */
  readonly answer: ServerAnswer | undefined;

  constructor(
    code: ErrorCode,
    errorClass: ErrorClass,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number; answer?: ServerAnswer } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = "WeirError";
    this.code = code;
    this.class = errorClass;
    this.retryAfterMs = options.retryAfterMs;
    this.answer = options.answer;
  }
}

/** For the end of a switch over a union: a case that was forgotten does not compile. */
export function assertNever(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
