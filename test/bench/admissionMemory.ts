import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileAhead, startProcess, type WeirProcess } from "../../examples/demo/processes.ts";
import { frugal, lean } from "../../examples/demo/stack.ts";
import { aCanary } from "../unit/mutators/builders.ts";
import { Api, inParallel } from "./apiClient.ts";
import { reviewOf, shoot } from "./reviews.ts";
import { memoryMegabytes, startSandboxProcess } from "./sandboxProcess.ts";

const canaries = 5_000;
const firstReviews = 10_000;
const allReviews = 1_000_000;
const connections = 10;
const namespace = "demo";
const crds = join(import.meta.dirname, "..", "..", "manifests", "crds");

/** Memory of a `weir server` that knows many Canaries, after ten thousand reviews and after a million. */
export async function measureAdmissionMemory(print: (line: Record<string, string | number>) => void): Promise<void> {
  const logFolder = await mkdtemp(join(tmpdir(), "weir-bench-"));
  const sandbox = await startSandboxProcess();
  const api = new Api(sandbox.kubeconfig);
  try {
    await createCanaries(api);
    const { server, port } = await startServer(sandbox.kubeconfig, logFolder);
    const aim = { name: "weir", port, body: reviewOf("podinfo-0") };
    const idleMb = memoryMegabytes(server.pid);
    try {
      await shoot(aim, { connections, amount: firstReviews });
      const earlyMb = memoryMegabytes(server.pid);
      await shoot(aim, { connections, amount: allReviews - firstReviews });
      const lateMb = memoryMegabytes(server.pid);
      const growthPercent = Math.round(((lateMb - earlyMb) * 1000) / earlyMb) / 10;
      print({ bench: "admissionMemory", canaries, reviews: allReviews, idleMb, earlyMb, lateMb, growthPercent });
    } finally {
      await server.stop();
    }
  } finally {
    api.close();
    sandbox.child.kill("SIGTERM");
    await once(sandbox.child, "close");
    await rm(logFolder, { recursive: true });
  }
}

async function createCanaries(api: Api): Promise<void> {
  for (const file of readdirSync(crds)) {
    const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    await api.send("POST", path, readFileSync(join(crds, file), "utf8"), "application/yaml");
  }
  await api.send("POST", "/api/v1/namespaces", JSON.stringify({ metadata: { name: namespace } }));
  const { apiVersion, kind, spec } = aCanary();
  await inParallel(canaries, async (index) => {
    const name = `podinfo-${index}`;
    const canary = { apiVersion, kind, metadata: { name }, spec: { ...spec, targetRef: { ...spec.targetRef, name } } };
    await api.send("POST", `/apis/flagger.app/v1beta1/namespaces/${namespace}/canaries`, JSON.stringify(canary));
  });
}

/** As the image starts it. Resolves when the server has published its authority: its caches are complete then. */
async function startServer(kubeconfig: string, logFolder: string): Promise<{ server: WeirProcess; port: number }> {
  await compileAhead([{ name: "server", nodeFlags: lean }], AbortSignal.timeout(60_000));
  const at = ["--kubeconfig", kubeconfig, "--publish-url", "https://127.0.0.1", "--port", "0", "--metrics-port", "0"];
  let port = 0;
  const server = await startProcess({
    name: "server",
    args: ["server", ...at],
    env: frugal,
    nodeFlags: lean,
    logFolder,
    isReady(line) {
      port = line["msg"] === "listening" ? Number(line["port"]) : port;
      return line["msg"] === "authority published";
    },
  });
  return { server, port };
}
