export type LogLevel = "debug" | "info" | "warn" | "error";

/** One JSON object per line. Never throws: a closed pipe or a full disk must not end a load test. */
export type Log = (level: LogLevel, msg: string, values?: Readonly<Record<string, unknown>>) => void;

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export function isLogLevel(text: string): text is LogLevel {
  return Object.hasOwn(RANK, text);
}

/** Logs to standard output or the like. */
export function createLog(level: LogLevel, sink: NodeJS.WritableStream): Log {
  // Without a listener a failing write would be thrown where nobody can catch it.
  sink.on("error", () => undefined);
  return (lineLevel, msg, values = {}) => {
    if (RANK[lineLevel] < RANK[level]) return;
    sink.write(`${JSON.stringify({ level: lineLevel, ts: new Date().toISOString(), msg, ...values })}\n`);
  };
}
