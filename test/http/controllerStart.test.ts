import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";

const program = join(import.meta.dirname, "..", "..", "weir.ts");

test("a controller that cannot have its port says so and leaves, though its watches have begun", async (t) => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const home = await mkdtemp(join(tmpdir(), "weir-"));
  t.after(async () => {
    taken.close();
    await rm(home, { recursive: true });
  });
  const kubeconfig = join(home, "config");
  // Nobody answers there as an API server would: watches go on trying, for as long as the process lives.
  const cluster = { name: "here", cluster: { server: `http://127.0.0.1:${port}` } };
  const context = { name: "here", context: { cluster: "here", user: "me" } };
  const user = { name: "me", user: { token: "t" } };
  await writeFile(
    kubeconfig,
    JSON.stringify({ "current-context": "here", clusters: [cluster], contexts: [context], users: [user] }),
  );
  const args = [program, "controller", "--kubeconfig", kubeconfig, "--host", "127.0.0.1", "--port", String(port)];
  const controller = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  const hanging = setTimeout(() => controller.kill("SIGKILL"), 8_000);
  const [said, [code]] = await Promise.all([text(controller.stderr), once(controller, "exit")]);
  clearTimeout(hanging);
  assert.match(said, /it is in use: choose another one with --port/);
  assert.equal(code, 1);
});
