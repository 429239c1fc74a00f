import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..", "..", "..");

/** Runs `weir demo --json` to its end. */
function demo(): Promise<{ readonly code: number | null; readonly lines: readonly Record<string, unknown>[] }> {
  const child = spawn(process.execPath, ["weir.mjs", "demo", "--json"], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    output += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      const lines = output.trim().split("\n");
      resolve({ code, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) });
    });
  });
}

test("the demo: a good release that nobody notices, a bad one that only the canary's share notices", async () => {
  const { code, lines } = await demo();
  assert.equal(code, 0, JSON.stringify(lines.slice(-8)));
  const memory = lines.findLast((line) => "memoryMb" in line)?.["memoryMb"] as Record<string, number>;
  const summary = lines.at(-1)?.["summary"] as Record<string, unknown>;
  assert.deepEqual(Object.keys(summary), [
    "promoted",
    "rolledBack",
    "requests",
    "failedRequests",
    "reactionMs",
    "seconds",
  ]);
  const failed = summary["failedRequests"] as Record<string, number>;
  assert.deepEqual(
    [summary["promoted"], summary["rolledBack"], failed["good"], failed["afterRollback"]],
    [true, true, 0, 0],
  );
  assert.ok((failed["bad"] ?? 0) > 0, "the bad release was met by somebody");
  assert.ok(Number(summary["reactionMs"]) <= 250, `reaction ${String(summary["reactionMs"])} ms`);
  assert.ok(Number(summary["seconds"]) <= 90, `${String(summary["seconds"])} s`);
  // Zero where the system does not tell (no /proc).
  assert.ok((memory["server"] ?? 0) <= 110, `the server takes ${memory["server"]} MB`);
  assert.ok((memory["controller"] ?? 0) <= 160, `the controller takes ${memory["controller"]} MB`);
});
