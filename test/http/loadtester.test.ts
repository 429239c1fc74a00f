import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import request from "supertest";
import { createLoadtester, type Loadtester } from "../../loadtester/app.ts";

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly [name: string]: unknown;
}

const hook = (metadata: unknown, name = "podinfo", namespace = "test") => ({
  name,
  namespace,
  phase: "Progressing",
  checksum: "1",
  metadata,
});

describe("the load tester", () => {
  let folder: string;
  let lines: Line[];
  let waiting: (() => void)[];
  let loadtester: Loadtester;

  const start = (options: { namespacePattern?: RegExp; timeoutMs?: number } = {}): void => {
    loadtester = createLoadtester({
      env: process.env,
      timeoutMs: options.timeoutMs ?? 5000,
      namespacePattern: options.namespacePattern,
      log(level, msg, values) {
        lines.push({ level, msg, ...values });
        for (const resolve of waiting.splice(0)) resolve();
      },
    });
  };
  const post = (path: string, body: unknown) =>
    request(loadtester.app)
      .post(path)
      .send(body as object);
  const logged = async (msg: string, count = 1): Promise<Line[]> => {
    for (;;) {
      const found = lines.filter((line) => line.msg.startsWith(msg));
      if (found.length >= count) return found;
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "loadtester-"));
  });
  after(() => rm(folder, { recursive: true }));
  beforeEach(() => {
    lines = [];
    waiting = [];
    start();
  });
  afterEach(() => loadtester.runner.stop());

  describe("refuses", () => {
    const cases: [string, unknown, number, string][] = [
      ["a body that is no JSON", "{", 400, ""],
      ["no body", "", 400, ""],
      ["a list", [], 400, ""],
      ["metadata that is no text", hook({ cmd: 7 }), 400, ""],
      ["no metadata", hook({}), 400, "metadata not found in payload"],
      ["no command", hook({ type: "bash" }), 400, "cmd not found in metadata"],
      ["an unknown type", hook({ type: "magic" }), 400, "unknown task type magic"],
      ["a type that is not there yet", hook({ type: "ngrinder" }), 400, "task type ngrinder is not supported yet"],
      ["more than 1 MiB", hook({ cmd: "x".repeat(1024 * 1024) }), 413, "the request is larger than 1 MiB"],
    ];
    for (const [name, body, status, text] of cases) {
      it(name, async () => {
        const sent = request(loadtester.app).post("/").set("content-type", "application/json");
        const response = await sent.send(typeof body === "string" ? body : JSON.stringify(body));
        assert.equal(response.status, status);
        assert.equal(response.text, text);
      });
    }

    it("a namespace that it does not serve, but not the gates that ask nothing", async () => {
      start({ namespacePattern: /^team-/ });
      assert.equal((await post("/", hook({ cmd: "true" }))).status, 403);
      assert.equal((await post("/gate/check", hook({}))).text, "Forbidden");
      assert.equal((await post("/", hook({ cmd: "true" }, "podinfo", "team-a"))).status, 202);
      assert.equal((await post("/gate/approve", "")).status, 200);
    });
  });

  describe("a cmd task", () => {
    it("is accepted at once, and its end is logged, with the output when that is asked for", async () => {
      const response = await post("/", hook({ cmd: "echo out; echo err >&2", logCmdOutput: "true" }));
      assert.equal(response.status, 202);
      const [line] = await logged("command finished");
      assert.equal(line?.["output"], "out\nerr\n");
      assert.equal(line?.["canary"], "podinfo.test");
    });

    it("that fails is logged with its output, and no webhook fails by it", async () => {
      assert.equal((await post("/", hook({ type: "cmd", cmd: "echo oops; exit 3" }))).status, 202);
      const [line] = await logged("command failed");
      assert.deepEqual([line?.["error"], line?.["output"]], ["exit status 3", "oops\n"]);
    });

    it("does not start again while the same command of the same canary runs, but does afterwards", async () => {
      const gate = join(folder, "gate");
      const cmd = `echo run >> ${gate}.log; until test -e ${gate}; do sleep 0.02; done`;
      for (let count = 0; count < 3; count += 1) assert.equal((await post("/", hook({ cmd }))).status, 202);
      await post("/", hook({ cmd }, "other"));
      assert.equal((await logged("command skipped")).length, 2);
      assert.equal(loadtester.runner.running, 2);
      await post("/", hook({ type: "bash", cmd: `touch ${gate}` }));
      await logged("command finished echo run", 2);
      await post("/", hook({ cmd }));
      await logged("command finished echo run", 3);
      assert.equal(await readFile(`${gate}.log`, "utf8"), "run\n".repeat(3));
    });
  });

  describe("a bash task", () => {
    it("answers when it is done, with the output when that is asked for", async () => {
      const quiet = await post("/", hook({ type: "bash", cmd: "echo hello" }));
      assert.deepEqual([quiet.status, quiet.text], [200, ""]);
      const loud = await post(
        "/anything",
        hook({ type: "bash", cmd: "echo $((40 + 2)); [[ 1 == 1 ]]", returnCmdOutput: "t" }),
      );
      assert.deepEqual([loud.status, loud.text], [200, "42\n"]);
    });

    it("that fails answers 500 with what it said", async () => {
      const response = await post("/", hook({ type: "bash", cmd: "false" }));
      assert.deepEqual([response.status, response.text], [500, "command false failed: : exit status 1"]);
    });

    it("is killed at the timeout, with all that it started", async () => {
      start({ timeoutMs: 200 });
      const pidFile = join(folder, "pid");
      const response = await post("/", hook({ type: "bash", cmd: `sleep 600 & echo $! > ${pidFile}; wait` }));
      assert.equal(response.status, 500);
      assert.match(response.text, /killed after 0.2 s \(see -timeout\)$/);
      const pid = (await readFile(pidFile, "utf8")).trim();
      // Gone, or dead and not yet collected by its new parent.
      const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "gone");
      assert.match(stat, /^gone$|\) Z /);
    });

    it("with a program that is not there says so", async () => {
      const response = await post("/", hook({ type: "bash", cmd: "no-such-program --now" }));
      assert.match(response.text, /no-such-program: (command )?not found/);
    });

    it("with a hostile command fails alone", async () => {
      assert.equal((await post("/", hook({ type: "bash", cmd: "echo \u0000" }))).status, 500);
      assert.equal((await post("/", hook({ cmd: "echo \u0000" }))).status, 202);
      assert.equal((await post("/", hook({ type: "bash", cmd: `: ${"x".repeat(900_000)}` }))).status, 500);
      assert.equal((await request(loadtester.app).get("/healthz")).text, "OK");
    });
  });

  it("stopping kills what runs", async () => {
    await post("/", hook({ cmd: "echo started; sleep 600" }));
    await loadtester.runner.stop();
    const [line] = await logged("command failed");
    assert.equal(line?.["error"], "stopped: the load tester is shutting down");
  });

  for (const name of ["gate", "rollback"]) {
    it(`/${name} is closed until it is opened, for each canary alone`, async () => {
      const steps: [string, string, number, string][] = [
        [`/${name}/check`, "podinfo", 403, "Forbidden"],
        [`/${name}/open`, "podinfo", 202, ""],
        [`/${name}/check`, "podinfo", 200, "Approved"],
        [`/${name}/check`, "other", 403, "Forbidden"],
        [`/${name}/close`, "podinfo", 202, ""],
        [`/${name}/check`, "podinfo", 403, "Forbidden"],
      ];
      for (const [path, canary, status, text] of steps) {
        const response = await post(path, hook({}, canary));
        assert.deepEqual([path, response.status, response.text], [path, status, text]);
      }
      assert.equal((await post(`/${name}/check`, "")).status, 400);
    });
  }

  it("the gates that need no state answer without a body", async () => {
    assert.equal((await post("/gate/approve", "")).text, "OK");
    assert.equal((await post("/gate/halt", "")).status, 403);
  });

  it("counts tasks by type and result", async () => {
    await post("/", hook({ type: "bash", cmd: "true" }));
    const { text } = await request(loadtester.app).get("/metrics");
    assert.match(text, /weir_loadtester_tasks_total\{type="bash",result="succeeded"\} 1/);
  });
});

describe("the stand-ins for missing programs", () => {
  const bin = fileURLToPath(new URL("../../loadtester/bin", import.meta.url));
  let target: Server;
  let requests: IncomingMessage[];
  let port: number;

  beforeEach(async () => {
    requests = [];
    target = createServer((incoming, response) => {
      requests.push(incoming);
      response.statusCode = incoming.url?.endsWith("/500") ? 500 : 200;
      response.end(`you said ${incoming.method}`);
    });
    target.listen(0, "127.0.0.1");
    await once(target, "listening");
    port = (target.address() as AddressInfo).port;
  });
  afterEach(() => {
    target.closeAllConnections();
    target.close();
  });

  const run = async (command: string, env: Record<string, string> = {}): Promise<string> => {
    const { PATH: _, ...rest } = process.env;
    const child = spawn("/bin/sh", ["-c", `${command}; echo "exit $?"`], {
      env: { ...rest, ...env, PATH: `${bin}:/usr/bin:/bin`, WEIR_NODE: process.execPath },
    });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    await once(child, "close");
    return output;
  };

  it("hey sends the load that was asked for and sums it up", async () => {
    const url = `http://127.0.0.1:${port}/status/500`;
    const output = await run(`hey -n 20 -c 4 -m POST -d body -host app.example.com -H 'X-Canary: insider' ${url}`);
    assert.match(output, /^\s*Summary:/);
    assert.match(output, /Status code distribution:\n {2}\[500\]\t20 responses/);
    assert.match(output, /exit 0/);
    assert.equal(requests.length, 20);
    assert.equal(requests[0]?.headers.host, "app.example.com");
    assert.equal(requests[0]?.headers["x-canary"], "insider");
  });

  it("hey reaches names of the cluster through the proxy that the environment names", async () => {
    const url = "http://gateway-istio.istio-ingress/";
    await run(`hey -n 2 -c 1 -h2 ${url}`, { http_proxy: `http://test@127.0.0.1:${port}`, no_proxy: "" });
    assert.equal(requests[0]?.url, url);
    assert.equal(requests[0]?.headers.host, "gateway-istio.istio-ingress");
    assert.equal(requests[0]?.headers["proxy-authorization"], `Basic ${Buffer.from("test:").toString("base64")}`);
  });

  it("hey does not spin when nobody listens", async () => {
    target.close();
    const output = await run(`hey -z 300ms -q 10 -c 2 http://127.0.0.1:${port}/`);
    const errors = Number(/\[(\d+)\]\t.*ECONNREFUSED/.exec(output)?.[1]);
    assert.ok(errors > 0 && errors <= 30, output);
  });

  it("curl does what acceptance commands ask of it", async () => {
    const url = `http://127.0.0.1:${port}`;
    const cases: [string, string][] = [
      [`curl -sd 'test' ${url}/token | grep POST`, "you said POST\nexit 0\n"],
      [`curl -s -o /dev/null -w '%{http_code}\\n' -H 'Host: x' ${url}/500`, "500\nexit 0\n"],
      [`curl -sf ${url}/500`, "exit 22\n"],
      ["curl -s http://127.0.0.1:1/", "exit 7\n"],
      ["curl --unknown http://127.0.0.1:1/ 2>/dev/null", "exit 2\n"],
    ];
    for (const [command, output] of cases) assert.equal(await run(command), output, command);
  });
});

describe("weir loadtester, the process", () => {
  const main = new URL("../../loadtester/main.ts", import.meta.url).href;
  const launch = (...args: string[]): ChildProcess => {
    const script = `process.exitCode = await (await import(${JSON.stringify(main)})).main(${JSON.stringify(args)})`;
    return spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "pipe"] });
  };
  const finished = async (child: ChildProcess): Promise<{ code: number; output: string }> => {
    let output = "";
    child.stdout?.on("data", (chunk) => (output += chunk));
    child.stderr?.on("data", (chunk) => (output += chunk));
    const [code] = await once(child, "close");
    return { code, output };
  };

  it("takes flags with one dash or two, and says what is wrong with one", async () => {
    const help = await finished(launch("--help"));
    assert.equal(help.code, 0);
    assert.match(help.output, /-namespace-regexp/);
    const wrong = await finished(launch("-port=8080", "--timeout", "soon"));
    assert.deepEqual(wrong, {
      code: 2,
      output: "weir loadtester: -timeout soon: not a duration such as 30m; see weir loadtester -help\n",
    });
  });

  it("says in one line that its port is in use", async () => {
    const squatter = createServer().listen(0);
    await once(squatter, "listening");
    const { port } = squatter.address() as AddressInfo;
    const { code, output } = await finished(launch("-port", String(port)));
    squatter.close();
    assert.equal(code, 1);
    assert.equal(
      output,
      `weir loadtester: port ${port} is in use: stop what listens there, or choose another with -port\n`,
    );
  });

  it("on SIGTERM kills what runs, answers who waits, and exits 0", async () => {
    const child = launch("-port=0");
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const closed = once(child, "close");
    let answered: Promise<Response> | undefined;
    for await (const line of lines) {
      const { msg, port } = JSON.parse(line) as { msg: string; port: number };
      if (msg === "load tester listens") {
        const body = JSON.stringify(hook({ type: "bash", cmd: "sleep 600" }));
        answered = fetch(`http://127.0.0.1:${port}/`, { method: "POST", body });
      }
      if (msg.startsWith("running command")) child.kill("SIGTERM");
    }
    const response = await answered;
    assert.equal(response?.status, 500);
    assert.match((await response?.text()) ?? "", /the load tester is shutting down/);
    assert.deepEqual(await closed, [0, null]);
  });
});
