import assert from "node:assert/strict";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { request } from "undici";
import { kubeconfigOfNobody, type Run, weir } from "./weir.ts";

const timeout = 40_000;

interface Command {
  readonly name: string;
  readonly args: (t: TestContext, port?: string) => string[];
  /** In the line that tells the port. */
  readonly up: string;
  readonly portKey: string;
}

const server: Command = {
  name: "server",
  args: (t, port = "0") => {
    const fixed = ["--kubeconfig", kubeconfigOfNobody(t), "--port", "0", "--drain-seconds", "0"];
    return [...fixed, "--metrics-port", port];
  },
  up: '"msg":"starting"',
  portKey: "metricsPort",
};
const controller: Command = {
  name: "controller",
  args: (t, port = "0") => ["--kubeconfig", kubeconfigOfNobody(t), "--host", "127.0.0.1", "--port", port],
  up: '"msg":"started"',
  portKey: "port",
};
const loadtester: Command = {
  name: "loadtester",
  args: (_, port = "0") => ["-port", port],
  up: '"msg":"load tester listens"',
  portKey: "port",
};

/** The end of a process that is asked to leave. */
async function leave(run: Run, signal: NodeJS.Signals = "SIGTERM") {
  run.child.kill(signal);
  return run.ended;
}

async function answerOf(command: Command, line: string, path: string): Promise<{ status: number; text: string }> {
  const answer = await request(`http://127.0.0.1:${JSON.parse(line)[command.portKey]}${path}`);
  return { status: answer.statusCode, text: await answer.body.text() };
}

/** Resolves once the address answers with 200; fails when the process ends before. */
async function answers(url: string, run: Run): Promise<void> {
  let over = false;
  void run.ended.then(() => {
    over = true;
  });
  for (;;) {
    assert.equal(over, false, "the process has ended");
    const answer = await request(url).catch(() => undefined);
    await answer?.body.dump();
    if (answer?.statusCode === 200) return;
    await delay(20);
  }
}

async function freePort(): Promise<string> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return String(port);
}

/** Everything that the process has started, and what that has started. */
function descendantsOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

/** A zombie is dead: whoever inherited it has not looked yet. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

describe("while the API server is not there", { timeout }, () => {
  const cases: readonly [Command, string][] = [
    [server, "no certificate yet"],
    [server, "watch failed"],
    [controller, "watch failed"],
  ];
  for (const [command, complaint] of cases) {
    test(`weir ${command.name} says "${complaint}", is alive but not ready, and goes on trying`, async (t) => {
      const run = weir([command.name, ...command.args(t)]);
      const up = await run.line(command.up);
      const said = await run.line(complaint);
      assert.match(said, /127\.0\.0\.1:1|ECONNREFUSED/);
      assert.match(said, /"(retryMs|waitMs)":\d+/);
      assert.deepEqual((await answerOf(command, up, "/healthz")).status, 200);
      const ready = await answerOf(command, up, "/readyz");
      assert.equal(ready.status, 503);
      assert.match(ready.text, /\w+ \w+/, "says why");
      const { code, err } = await leave(run);
      assert.deepEqual([code, err], [0, ""]);
    });
  }
});

describe("when nobody takes what is logged", { timeout }, () => {
  const alive: readonly Command[] = [server, controller, loadtester];
  for (const command of alive) {
    test(`weir ${command.name} outlives the reader of its log`, async (t) => {
      const run = weir([command.name, ...command.args(t)]);
      const up = await run.line(command.up);
      run.child.stdout?.destroy();
      run.child.stderr?.destroy();
      for (const path of ["/healthz", "/nothing-here", "/healthz"]) await answerOf(command, up, path);
      assert.equal((await answerOf(command, up, "/healthz")).status, 200);
      assert.equal((await leave(run)).code, 0);
    });

    test(`weir ${command.name} works while the disk of its log is full`, {
      skip: !existsSync("/dev/full"),
    }, async (t) => {
      const full = openSync("/dev/full", "w");
      t.after(() => closeSync(full));
      const port = await freePort();
      const run = weir([command.name, ...command.args(t, port)], { stdio: ["ignore", full, full] });
      await answers(`http://127.0.0.1:${port}/healthz`, run);
      assert.equal((await leave(run)).code, 0);
    });
  }

  test("weir sandbox serves while nobody reads what it says", async () => {
    const run = weir(["sandbox", "--json", "--no-prometheus"]);
    const { metrics, kubeconfig } = JSON.parse(await run.line("kubeconfig"));
    run.child.stdout?.destroy();
    run.child.stderr?.destroy();
    const answer = await request(`${metrics}/-/healthy`);
    assert.equal(answer.statusCode, 200);
    await answer.body.dump();
    assert.equal((await leave(run)).code, 0);
    assert.equal(existsSync(kubeconfig), false);
  });
});

describe("weir demo", { timeout }, () => {
  for (const when of ["a cluster in one process", "the admission webhook"]) {
    test(`interrupted while it starts ${when} leaves no process behind`, {
      skip: !existsSync("/proc/self/task"),
    }, async () => {
      const run = weir(["demo", "--plain"]);
      await run.line(when);
      const group = descendantsOf(run.child.pid ?? 0);
      const { code } = await leave(run, "SIGINT");
      assert.equal(code, 1);
      assert.deepEqual(
        group.filter(isAlive).map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8")),
        [],
      );
    });
  }
});
