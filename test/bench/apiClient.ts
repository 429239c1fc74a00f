/** HTTPS to the API server, at the least price: what is measured is the server. */
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { load } from "js-yaml";

/** Requests under way at a time. */
const CONNECTIONS = 24;

export class Api {
  readonly #server: URL;
  readonly #ca: string;
  readonly #headers: Record<string, string>;
  readonly #agent: Agent;

  constructor(kubeconfig: string) {
    const config = load(readFileSync(kubeconfig, "utf8")) as {
      clusters: { cluster: { server: string; "certificate-authority-data": string } }[];
      users: { user: { token: string } }[];
    };
    const cluster = config.clusters[0]?.cluster;
    this.#server = new URL(cluster?.server ?? "");
    this.#ca = Buffer.from(cluster?.["certificate-authority-data"] ?? "", "base64").toString();
    this.#headers = { authorization: `Bearer ${config.users[0]?.user.token}`, accept: "application/json" };
    this.#agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, ca: this.#ca });
  }

  get(path: string): Promise<Buffer> {
    return this.send("GET", path);
  }

  send(method: string, path: string, body?: string, type = "application/json"): Promise<Buffer> {
    const headers = body === undefined ? this.#headers : { ...this.#headers, "content-type": type };
    return new Promise((resolve, reject) => {
      const call = request(new URL(path, this.#server), { method, headers, agent: this.#agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const answer = Buffer.concat(chunks);
          if ((response.statusCode ?? 500) < 300) resolve(answer);
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${answer.toString("utf8", 0, 300)}`));
        });
      });
      call.on("error", reject);
      call.end(body);
    });
  }

  /** Resolves when the watch has been answered; chunks follow. */
  watch(path: string, onData: (chunk: Buffer) => void): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const options = { headers: this.#headers, agent: false, ca: this.#ca };
      const call = request(new URL(path, this.#server), options, (response) => {
        response.on("data", onData);
        response.on("error", () => undefined);
        resolve(() => call.destroy());
      });
      call.on("error", reject);
      call.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Runs so many tasks, a few at a time. */
export async function inParallel(count: number, task: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await task(next - 1);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
}
