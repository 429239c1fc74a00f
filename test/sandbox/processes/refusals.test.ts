import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { folder, kubeconfigOfNobody, portInUse, weir } from "./weir.ts";

const commands = ["server", "controller", "loadtester", "sandbox", "up", "demo"] as const;
const timeout = 30_000;

/** Standard error is one line, for a person. */
function assertOneLine(err: string, command: string, advice: RegExp): void {
  assert.match(err, advice);
  assert.equal(err.split("\n").length, 1, err);
  assert.ok(err.startsWith(`weir ${command}: `), err);
}

describe("a port in use ends a start with one line that names the flag", { timeout }, () => {
  const nobody = (t: TestContext) => ["--kubeconfig", kubeconfigOfNobody(t)];
  const cases: readonly [string, RegExp, (port: string, t: TestContext) => string[]][] = [
    ["sandbox", /--port/, (port) => ["--port", port, "--no-prometheus"]],
    ["server", /--port/, (port, t) => [...nobody(t), "--self-signed", "--port", port, "--metrics-port", "0"]],
    ["server", /--metrics-port/, (port, t) => [...nobody(t), "--self-signed", "--port", "0", "--metrics-port", port]],
    ["controller", /--port/, (port, t) => [...nobody(t), "--port", port]],
    ["loadtester", /-port/, (port) => ["-port", port]],
    ["up", /--port/, (port) => ["--port", port]],
  ];
  for (const [command, flag, args] of cases) {
    test(`weir ${command}, ${flag.source}`, async (t) => {
      const port = await portInUse(t);
      const { code, err } = await weir([command, ...args(port, t)]).ended;
      assert.equal(code, 1);
      assertOneLine(err, command, flag);
      assert.match(err, new RegExp(`${port}.*in use`));
    });
  }
});

describe("a kubeconfig that cannot be used ends a start with one line that names it", { timeout }, () => {
  const cases: readonly [string, RegExp, (path: string) => void][] = [
    ["is missing", /it does not exist/, () => undefined],
    ["is no YAML", /is not YAML/, (path) => writeFileSync(path, "clusters: [")],
    ["is binary", /is not/, (path) => writeFileSync(path, Buffer.from([0, 255, 1, 254]))],
    ["has no cluster", /current-context/, (path) => writeFileSync(path, "kind: Config\n")],
  ];
  for (const command of ["server", "controller"] as const) {
    for (const [name, why, make] of cases) {
      test(`weir ${command}, a file that ${name}`, async (t) => {
        const path = join(folder(t), "kubeconfig");
        make(path);
        const { code, err } = await weir([command, "--kubeconfig", path]).ended;
        assert.equal(code, 1);
        assertOneLine(err, command, why);
      });
    }
    test(`weir ${command}, a folder`, async (t) => {
      const { code, err } = await weir([command, "--kubeconfig", folder(t)]).ended;
      assert.equal(code, 1);
      assertOneLine(err, command, /cannot read kubeconfig/);
    });
  }
});

describe("the command line", { timeout }, () => {
  for (const command of commands) {
    test(`weir ${command} refuses a flag it does not know, and says where the flags are listed`, async () => {
      const { code, out, err } = await weir([command, "--no-such-flag"]).ended;
      assert.notEqual(code, 0);
      assertOneLine(err, command, /no-such-flag.*help/);
      assert.equal(out, "");
    });
    test(`weir ${command} --help says what it is and what each flag does`, async () => {
      const { code, out, err } = await weir([command, "--help"]).ended;
      assert.deepEqual([code, err], [0, ""]);
      assert.match(out, new RegExp(`weir ${command}`));
      const flags = out.split("\n").filter((line) => /^ {2,}--?[a-z]/.test(line));
      assert.ok(flags.length >= 3, out);
      for (const line of flags) assert.match(line, /^ {2,}-\S.*\S ?.* [a-z]{3,}/, line);
    });
  }

  test("weir with a command that is none lists those there are", async () => {
    const { code, out, err } = await weir(["sever"]).ended;
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err.split("\n")[0] ?? "", /no command "sever"/);
    for (const command of commands) assert.match(err, new RegExp(`weir ${command} `));
  });
});
