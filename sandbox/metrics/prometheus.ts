import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** The program, running on a port of loopback. */
export interface PrometheusProcess {
  readonly port: number;
  /** Resolves when it ends, for whatever reason, with what it last said. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

/** The one page that is scraped, on loopback. */
export interface ScrapedPage {
  readonly port: number;
  readonly path: string;
  readonly intervalMs: number;
}

const READY_WITHIN_MS = 15_000;
const STOP_WITHIN_MS = 3000;

/** The program's path, when it is in one of the folders of `searchPath` (the form of `PATH`). */
export function findPrometheus(searchPath: string): string | undefined {
  return searchPath
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, "prometheus"))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * Runs Prometheus on one page that has everything. Its own service discovery passes new targets on only every five seconds,
 * too late for pods that live for twenty; so the sandbox gathers the pages and Prometheus scrapes the sum of them.
 * Rejects when it does not come up; `signal` ends it at any time.
 */
export async function startPrometheus(
  program: string,
  folder: string,
  page: ScrapedPage,
  signal: AbortSignal,
): Promise<PrometheusProcess> {
  const port = await freePort();
  await mkdir(folder, { recursive: true });
  const config = join(folder, "prometheus.yml");
  await writeFile(config, configOf(page));
  const child = spawn(
    program,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      "--storage.tsdb.retention.time=2h",
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
    ],
    { stdio: ["ignore", "ignore", "pipe"], signal },
  );
  const killWithUs = (): void => {
    child.kill("SIGKILL");
  };
  process.once("exit", killWithUs);
  const ended = watchEnd(child, () => process.removeListener("exit", killWithUs));
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await Promise.race([ended, delay(STOP_WITHIN_MS, undefined, { ref: false })]);
    child.kill("SIGKILL");
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilReady(port, ended);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, ended, stop };
}

function configOf({ port, path, intervalMs }: ScrapedPage): string {
  return JSON.stringify({
    global: { scrape_interval: `${intervalMs}ms`, scrape_timeout: `${intervalMs}ms` },
    scrape_configs: [
      {
        job_name: "sandbox",
        honor_labels: true,
        metrics_path: path,
        static_configs: [{ targets: [`127.0.0.1:${port}`] }],
      },
    ],
  });
}

function watchEnd(child: ChildProcess, onEnd: () => void): Promise<string> {
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2000);
  });
  return new Promise((resolve) => {
    child.once("error", (error) => {
      onEnd();
      resolve(error.message);
    });
    child.once("close", (code, signal) => {
      onEnd();
      resolve(`ended with ${signal ?? code}: ${said.trim().split("\n").at(-1) ?? ""}`);
    });
  });
}

async function untilReady(port: number, ended: Promise<string>): Promise<void> {
  const giveUp = Date.now() + READY_WITHIN_MS;
  const end = ended.then((why) => ({ why }));
  while (Date.now() < giveUp) {
    const outcome = await Promise.race([isReady(port), end]);
    if (outcome === true) return;
    if (typeof outcome === "object") throw new Error(`prometheus ${outcome.why}`);
    await delay(30);
  }
  throw new Error(`prometheus was not ready within ${READY_WITHIN_MS / 1000} s`);
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port, path: "/-/ready", timeout: 1000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(false));
    asked.end();
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
