export type LogLevel = "debug" | "info" | "warn" | "error";

export function isLogLevel(text: string): text is LogLevel {
  return Object.hasOwn(RANK, text);
}

export type LogValues = Readonly<Record<string, unknown>>;

/** One JSON object per line: a constant message, and what varies as keys. Never throws, never blocks on the caller. */
export interface Logger {
  debug(message: string, values?: LogValues): void;
  info(message: string, values?: LogValues): void;
  warn(message: string, values?: LogValues): void;
  error(message: string, values?: LogValues): void;
  /** A logger that adds these to every line. */
  with(values: LogValues): Logger;
}

export interface LoggerOptions {
  /** `info` unless stated. */
  readonly level?: LogLevel;
  /** Takes one line with its line break. What it throws counts as a dropped line. */
  readonly write: (line: string) => void;
  readonly now?: () => Date;
  readonly onDropped?: () => void;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const LONGEST_TEXT = 8192;
const DEEPEST = 6;

export function createLogger(options: LoggerOptions): Logger {
  const threshold = RANK[options.level ?? "info"];
  const now = options.now ?? (() => new Date());

  const loggerWith = (shared: LogValues): Logger => {
    const log = (level: LogLevel, message: string, values: LogValues = {}): void => {
      if (RANK[level] < threshold) return;
      try {
        const line = { ts: now().toISOString(), level, msg: message, ...shared, ...values };
        options.write(`${JSON.stringify(printable(line, 0))}\n`);
      } catch {
        options.onDropped?.();
      }
    };
    return {
      debug: (message, values) => log("debug", message, values),
      info: (message, values) => log("info", message, values),
      warn: (message, values) => log("warn", message, values),
      error: (message, values) => log("error", message, values),
      with: (values) => loggerWith({ ...shared, ...values }),
    };
  };
  return loggerWith({});
}

/** The part of a stream that lines go to. */
export interface LineSink {
  write(line: string, done?: (error?: Error | null) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
}

/**
 * Writes lines to standard output or the like, whose failing (a closed pipe, a full disk) must not end the process:
 * lines that could not be written are counted.
 */
export function createLineWriter(sink: LineSink): { write: (line: string) => void; readonly dropped: () => number } {
  let dropped = 0;
  // Without a listener the error would be thrown where nobody can catch it.
  sink.on("error", () => undefined);
  return {
    write(line) {
      sink.write(line, (error) => {
        if (error) dropped += 1;
      });
    },
    dropped: () => dropped,
  };
}

/** What JSON can say of a value; of errors the message, code and causes. */
function printable(value: unknown, depth: number): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "string") return value.length > LONGEST_TEXT ? `${value.slice(0, LONGEST_TEXT)}…` : value;
  if (typeof value === "function" || typeof value === "symbol") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= DEEPEST) return "…";
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "invalid date" : value.toISOString();
  if (value instanceof Error) return printableError(value, depth);
  if (Array.isArray(value)) return value.map((item) => printable(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, printable(item, depth + 1)]));
}

function printableError(error: Error & { code?: unknown }, depth: number): object {
  return {
    message: error.message,
    ...(error.code === undefined ? {} : { code: printable(error.code, depth + 1) }),
    ...(error.cause === undefined ? {} : { cause: printable(error.cause, depth + 1) }),
  };
}
