import type { Narrator, Outcome } from "./story.ts";
import type { Traffic } from "./traffic.ts";
import type { Watcher } from "./watcher.ts";

/** How the demo is shown. */
export interface View extends Narrator {
  progress(text: string): void;
  /** Called once the cluster is up. */
  follow(watcher: Watcher, traffic: readonly Traffic[]): void;
  finish(outcome: Outcome, memory: Readonly<Record<string, number>>): void;
  fail(message: string): void;
}

type Write = (text: string) => void;

/** One JSON object per line; the last one is the summary. */
export function jsonView(write: Write): View {
  const line = (value: object): void => write(`${JSON.stringify(value)}\n`);
  return {
    progress: (text) => line({ progress: text }),
    chapter: (title) => line({ chapter: title }),
    note: (text) => line({ note: text }),
    follow(watcher) {
      watcher.onChange((state) => line({ state }));
      watcher.onEvent((event) => line({ event }));
    },
    finish({ summary, problems }, memory) {
      line({ memoryMb: memory });
      for (const problem of problems) line({ problem });
      line({ summary });
    },
    fail: (message) => line({ error: message }),
  };
}

/** Plain lines, for logs and pipes. */
export function lineView(write: Write): View {
  const started = performance.now();
  const line = (text: string): void =>
    write(`${((performance.now() - started) / 1000).toFixed(1).padStart(5)}s  ${text}\n`);
  let before = "";
  return {
    progress: (text) => line(`starting ${text}`),
    chapter: (title) => line(`── ${title} ──`),
    note: line,
    follow(watcher, traffic) {
      watcher.onEvent(({ type, message }) => line(`${type === "Warning" ? "!" : " "} ${message}`));
      watcher.onChange(({ phase, routed }) => {
        const now = `${phase} ${routed}`;
        if (now === before) return;
        before = now;
        line(`  ${phase.padEnd(12)} ${bar(routed ?? 0, 20)} ${share(routed)}  ${recent(traffic)}`);
      });
    },
    finish: (outcome, memory) => write(closing(outcome, memory)),
    fail: (message) => write(`\nThe demo failed: ${message}\n`),
  };
}

const frameMs = 200;
const shownEvents = 14;

/** A picture that is drawn again and again, for terminals. */
export function screenView(write: Write): View {
  const started = performance.now();
  const log: string[] = [];
  let title = "starting";
  let timer: NodeJS.Timeout | undefined;
  let drawn = 0;
  const draw = (lines: readonly string[]): void => {
    write(`${drawn > 0 ? `\u001b[${drawn}A` : ""}${lines.map((text) => `\u001b[2K${text}\n`).join("")}`);
    drawn = lines.length;
  };
  const note = (text: string): void => void log.push(text);
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
  };
  return {
    progress: (text) => write(`starting ${text}\n`),
    chapter(text) {
      title = text;
      note(`\u001b[1m── ${text} ──\u001b[0m`);
    },
    note: (text) => note(`\u001b[2m${text}\u001b[0m`),
    follow(watcher, traffic) {
      watcher.onEvent(({ type, message }) => note(type === "Warning" ? `\u001b[33m${message}\u001b[0m` : message));
      timer = setInterval(() => {
        const { phase, routed, failedChecks, targetAvailable, primaryAvailable } = watcher.state;
        const width = Math.max(40, process.stdout.columns ?? 100);
        const seconds = ((performance.now() - started) / 1000).toFixed(0);
        const head = [
          "",
          `  \u001b[1m${title}\u001b[0m   ${seconds}s`,
          `  phase    ${phase || "-"}${failedChecks > 0 ? `   \u001b[33m${failedChecks} failed checks\u001b[0m` : ""}`,
          `  traffic  ${bar(routed ?? 0, 50)} ${share(routed)}`,
          `  pods     primary ${"●".repeat(primaryAvailable)}  canary ${"●".repeat(targetAvailable)}`,
          `  visitors ${recent(traffic)}`,
          "",
        ];
        const tail = log.slice(-shownEvents).map((text) => `  ${cut(text, width - 4)}`);
        draw([...head, ...tail, ...Array.from({ length: shownEvents - tail.length }, () => "")]);
      }, frameMs);
    },
    finish(outcome, memory) {
      stop();
      write(closing(outcome, memory));
    },
    fail(message) {
      stop();
      write(`\nThe demo failed: ${message}\n`);
    },
  };
}

function bar(canaryPercent: number, width: number): string {
  const filled = Math.round((canaryPercent / 100) * width);
  return `${"▓".repeat(filled)}${"░".repeat(width - filled)}`;
}

function share(routed: number | undefined): string {
  return routed === undefined ? "no route yet" : `${String(routed).padStart(3)}% to the canary`;
}

/** Success rate and 95th percentile of the last two seconds. */
function recent(traffic: readonly Traffic[]): string {
  const since = Date.now() - 2_000;
  const hits = traffic.flatMap(({ hits: all }) => all.slice(-100)).filter((hit) => hit.sentAt >= since);
  if (hits.length === 0) return "no requests yet";
  const good = hits.filter((hit) => hit.ok).length;
  const times = hits.map((hit) => hit.milliseconds).sort((a, b) => a - b);
  const p95 = times[Math.floor(times.length * 0.95)] ?? 0;
  const versions = [...new Set(hits.map((hit) => hit.version).filter((version) => version !== undefined))].sort();
  return `${((good / hits.length) * 100).toFixed(1).padStart(5)}% ok   p95 ${p95.toFixed(1)} ms   versions ${versions.join(", ")}`;
}

/** Cuts what is visible; colours are left alone. */
function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…\u001b[0m`;
}

function closing({ summary, problems }: Outcome, memory: Readonly<Record<string, number>>): string {
  const { failedRequests: failed } = summary;
  const processes = Object.entries(memory).map(([name, mb]) => `${name} ${mb} MB`);
  return `
  good release   ${summary.promoted ? "promoted" : "NOT promoted"}, ${failed.good} of its visitors saw an error
  bad release    ${summary.rolledBack ? "taken back" : "NOT taken back"}, ${failed.bad} errors before that, ${failed.afterRollback} after
  reaction       ${summary.reactionMs} ms from the image change to the canary's scale-up
  requests       ${summary.requests} in ${summary.seconds} s
  memory         ${processes.join(", ")}
${problems.map((problem) => `  ! ${problem}\n`).join("")}
  To try things by hand: make sandbox
`;
}
