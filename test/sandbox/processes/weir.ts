import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";

const program = join(import.meta.dirname, "..", "..", "..", "weir.mjs");
const longestMs = 25_000;

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `weir <args>` in a process of its own, as people start it. */
export interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** The first line of standard output or error in which the text is; fails when the process ends without it. */
  line(text: string): Promise<string>;
}

export function weir(
  args: readonly string[],
  options: { readonly stdio?: StdioOptions; readonly env?: NodeJS.ProcessEnv } = {},
): Run {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: options.stdio ?? ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
    timeout: longestMs,
    killSignal: "SIGKILL",
  });
  const said = { out: [] as string[], err: [] as string[] };
  const waiting = new Set<(line: string) => void>();
  for (const [name, stream] of [["out", child.stdout] as const, ["err", child.stderr] as const]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on("line", (line) => {
      said[name].push(line);
      for (const each of waiting) each(line);
    });
  }
  const ended = once(child, "close").then(([code]) => ({
    code: code as number | null,
    out: said.out.join("\n"),
    err: said.err.join("\n"),
  }));
  const line = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (each: string): void => void (each.includes(text) && resolve(each));
      for (const each of [...said.out, ...said.err]) look(each);
      waiting.add(look);
      void ended.then(({ code, out, err }) =>
        reject(new Error(`ended with ${code} without "${text}":\n${out}\n${err}`)),
      );
    });
  return { child, ended, line };
}

/** A folder that is gone after the test. */
export function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "weir-test-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

/** A port that somebody else listens on, on all addresses. */
export async function portInUse(t: TestContext): Promise<string> {
  const holder = createServer().listen(0);
  await once(holder, "listening");
  t.after(() => holder.close());
  return String((holder.address() as AddressInfo).port);
}

/** A kubeconfig of a cluster where nobody answers. */
export function kubeconfigOfNobody(t: TestContext): string {
  const path = join(folder(t), "kubeconfig");
  const context = { cluster: "nobody", user: "me" };
  writeFileSync(
    path,
    JSON.stringify({
      "current-context": "here",
      contexts: [{ name: "here", context }],
      // Port 1 of loopback: refused at once, everywhere.
      clusters: [{ name: "nobody", cluster: { server: "https://127.0.0.1:1" } }],
      users: [{ name: "me", user: { token: "t" } }],
    }),
  );
  return path;
}
