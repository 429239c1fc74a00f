import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync } from "node:fs";
import { describe, it } from "node:test";
import { detach } from "../../../controller/kube/detached.ts";
import { createLineWriter, createLogger, type Logger } from "../../../controller/kube/log.ts";

function loggerTo(lines: unknown[]): Logger {
  return createLogger({
    write: (line) => lines.push(JSON.parse(line)),
    now: () => new Date("2026-01-01T00:00:00Z"),
  });
}

describe("the log", () => {
  it("writes one JSON object per line: a constant message, values as keys", () => {
    const lines: unknown[] = [];
    const log = loggerTo(lines).with({ room: "kube" });
    log.info("listed", { total: 3 });
    log.debug("not at this level");
    assert.deepEqual(lines, [{ ts: "2026-01-01T00:00:00.000Z", level: "info", msg: "listed", room: "kube", total: 3 }]);
  });

  it("says what it can of values that JSON can't say", () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    const lines: Record<string, unknown>[] = [];
    loggerTo(lines).warn("odd", {
      circle,
      big: 10n,
      error: new Error("outer", { cause: Object.assign(new Error("inner"), { code: "EPIPE" }) }),
      date: new Date(Number.NaN),
      long: "x".repeat(10_000),
    });
    const [line] = lines;
    assert.deepEqual(line?.["error"], { message: "outer", cause: { message: "inner", code: "EPIPE" } });
    assert.deepEqual([line?.["big"], line?.["date"]], ["10", "invalid date"]);
    assert.ok(JSON.stringify(line).length < 9000);
  });

  it("never throws: a line that can't be made or written is counted", () => {
    let dropped = 0;
    const write = (): void => {
      throw new Error("disk full");
    };
    const log = createLogger({ write, onDropped: () => (dropped += 1) });
    log.error("x");
    const hostile = {
      get value(): never {
        throw new Error("getter");
      },
    };
    log.error("x", { hostile });
    assert.equal(dropped, 2);
  });

  it("detached work that fails is logged", async () => {
    const lines: Record<string, unknown>[] = [];
    detach(Promise.reject(new Error("no")), "relist", loggerTo(lines));
    await Promise.resolve();
    await Promise.resolve();
    assert.deepEqual([lines[0]?.["what"], lines[0]?.["error"]], ["relist", "no"]);
  });

  const program = `
    const { createLineWriter } = await import(${JSON.stringify(new URL("../../../controller/kube/log.ts", import.meta.url).href)});
    const writer = createLineWriter(process.stdout);
    for (let count = 0; count < 50; count += 1) {
      writer.write("line\\n");
      await new Promise((resolve) => setImmediate(resolve));
    }
    process.stderr.write(String(writer.dropped()));`;
  const exitOf = async (stdout: number | "pipe"): Promise<{ code: number; dropped: number }> => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", stdout, "pipe"],
    });
    child.stdout?.destroy();
    let told = "";
    child.stderr?.on("data", (chunk) => (told += chunk));
    const [code] = await once(child, "close");
    return { code, dropped: Number(told) };
  };

  it("a reader that went away does not end the process", async () => {
    const { code, dropped } = await exitOf("pipe");
    assert.equal(code, 0);
    assert.ok(dropped > 0);
  });

  it("a full disk does not end the process", { skip: !existsSync("/dev/full") }, async () => {
    const full = openSync("/dev/full", "w");
    const { code, dropped } = await exitOf(full);
    closeSync(full);
    assert.equal(code, 0);
    assert.ok(dropped > 0);
  });

  it("lines that are written are not counted as dropped", () => {
    const lines: string[] = [];
    const writer = createLineWriter({
      write(line, done) {
        lines.push(line);
        done?.();
      },
      on: () => undefined,
    });
    writer.write("a\n");
    assert.deepEqual([lines, writer.dropped()], [["a\n"], 0]);
  });
});
