/** Values beside the message: never a Secret, never a whole object. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

const levels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof levels)[number];

export type Log = Readonly<Record<LogLevel, (message: string, fields?: LogFields) => void>>;

export function isLogLevel(text: string): text is LogLevel {
  return (levels as readonly string[]).includes(text);
}

/** One JSON line per entry, with a constant message. Lines that cannot be written are dropped: a full disk stops no review. */
export function createLog(level: LogLevel, out: NodeJS.WritableStream): Log {
  const least = levels.indexOf(level);
  out.on("error", () => undefined);
  const at =
    (each: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (levels.indexOf(each) >= least) {
        const entry = { time: new Date().toISOString(), level: each, process: "server", message, ...fields };
        out.write(`${JSON.stringify(entry)}\n`);
      }
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
