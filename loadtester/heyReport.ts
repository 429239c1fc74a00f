/** What a load test saw. */
export interface Tally {
  add(status: number, seconds: number, bytes: number): void;
  addError(message: string): void;
  readonly responses: number;
  readonly errors: number;
  /** The summary, in the shape that people know from hey. */
  report(totalSeconds: number): string;
}

// Enough for an exact distribution, little enough to stay in memory for any length of test.
const KEPT_TIMES = 1_000_000;
const BARS = 10;
const PERCENTILES = [10, 25, 50, 75, 90, 95, 99] as const;

export function createTally(): Tally {
  const times: number[] = [];
  const statuses = new Map<number, number>();
  const errors = new Map<string, number>();
  let bytes = 0;
  let responses = 0;
  let sum = 0;
  let failed = 0;
  return {
    add(status, seconds, size) {
      responses += 1;
      sum += seconds;
      bytes += size;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (times.length < KEPT_TIMES) times.push(seconds);
    },
    addError(message) {
      failed += 1;
      errors.set(message, (errors.get(message) ?? 0) + 1);
    },
    get responses() {
      return responses;
    },
    get errors() {
      return failed;
    },
    report(totalSeconds) {
      times.sort((a, b) => a - b);
      const lines = [
        "",
        "Summary:",
        `  Total:\t${totalSeconds.toFixed(4)} secs`,
        `  Slowest:\t${(times.at(-1) ?? 0).toFixed(4)} secs`,
        `  Fastest:\t${(times[0] ?? 0).toFixed(4)} secs`,
        `  Average:\t${(responses === 0 ? 0 : sum / responses).toFixed(4)} secs`,
        `  Requests/sec:\t${(totalSeconds === 0 ? 0 : responses / totalSeconds).toFixed(4)}`,
        "",
      ];
      if (bytes > 0) {
        lines.push(`  Total data:\t${bytes} bytes`, `  Size/request:\t${Math.round(bytes / responses)} bytes`, "");
      }
      if (times.length > 0) lines.push(...histogram(times), ...distribution(times));
      lines.push("Status code distribution:");
      for (const [status, count] of [...statuses].sort()) lines.push(`  [${status}]\t${count} responses`);
      lines.push("");
      if (errors.size > 0) {
        lines.push("Error distribution:");
        for (const [message, count] of errors) lines.push(`  [${count}]\t${message}`);
        lines.push("");
      }
      return `${lines.join("\n")}\n`;
    },
  };
}

function histogram(times: readonly number[]): string[] {
  const fastest = times[0] ?? 0;
  const slowest = times.at(-1) ?? 0;
  const width = (slowest - fastest) / BARS;
  const counts = new Array<number>(BARS + 1).fill(0);
  for (const time of times) {
    const bar = width === 0 ? 0 : Math.min(BARS, Math.ceil((time - fastest) / width));
    counts[bar] = (counts[bar] ?? 0) + 1;
  }
  const most = Math.max(...counts);
  const lines = counts.map((count, bar) => {
    const mark = (fastest + width * bar).toFixed(3);
    return `  ${mark} [${count}]\t|${"■".repeat(Math.round((count / most) * 40))}`;
  });
  return ["Response time histogram:", ...lines, ""];
}

function distribution(times: readonly number[]): string[] {
  const lines = PERCENTILES.map((percent) => {
    const time = times[Math.min(times.length - 1, Math.floor((times.length * percent) / 100))] ?? 0;
    return `  ${percent}% in ${time.toFixed(4)} secs`;
  });
  return ["Latency distribution:", ...lines, ""];
}
