import { Agent, request as send } from "undici";
import { startApiServer } from "../../sandbox/apiserver/server.ts";
import type { ApiServer } from "../../sandbox/apiserver/types.ts";
import { Bindings, type RecordedResponse, type Recording, type Step } from "./recording.ts";

/** What came back differently from what a real server answered. */
export interface Difference {
  readonly step: number;
  readonly about: string;
  readonly differences: readonly string[];
}

/** Plays a recording against a sandbox of its own. */
export async function replay(
  recording: Recording,
  prepare: (server: ApiServer) => Promise<void>,
): Promise<Difference[]> {
  // The recorder was fast: what it did within one second must not fall into two, for owners are ordered by time.
  const now = new Date();
  const server = await startApiServer({ log: () => undefined, clock: () => now, issuer: "https://lab" });
  const player = new Player(server);
  try {
    await player.createNamespaces(recording.setup?.namespaces ?? []);
    await prepare(server);
    return await player.play(recording);
  } finally {
    await player.close();
    await server.stop();
  }
}

const admin = { username: "admin", groups: ["system:masters", "system:authenticated"] };
const answerWithinMs = 15_000;

class Player {
  readonly #server: ApiServer;
  readonly #agent: Agent;
  readonly #token: string;
  readonly #bindings = new Bindings();

  constructor(server: ApiServer) {
    this.#server = server;
    this.#agent = new Agent({ connect: { ca: server.ca } });
    const config = JSON.parse(server.kubeconfig("admin")) as { users: { user: { token: string } }[] };
    this.#token = config.users[0]?.user.token ?? "";
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async createNamespaces(names: readonly string[]): Promise<void> {
    const client = this.#server.as(admin);
    for (const name of names) {
      const metadata = { name: "default", namespace: name };
      await client.create("namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
      await client.create("serviceaccounts", { apiVersion: "v1", kind: "ServiceAccount", metadata });
      const rootCa = { ...metadata, name: "kube-root-ca.crt" };
      await client.create("configmaps", { apiVersion: "v1", kind: "ConfigMap", metadata: rootCa });
    }
  }

  async play(recording: Recording): Promise<Difference[]> {
    const found: Difference[] = [];
    const open: { step: number; recorded: Step; stream: OpenStream }[] = [];
    const check = (index: number, step: Step, differences: string[]) => {
      if (differences.length === 0) return;
      const about = `${step.note ?? ""} ${step.method} ${step.path} ${JSON.stringify(step.query ?? {})}`;
      found.push({ step: index, about: about.trim(), differences });
    };
    for (const [index, step] of recording.steps.entries()) {
      if (step.method !== undefined) {
        if (step.openDuring !== undefined) {
          open.push({ step: index, recorded: step, stream: await this.#openStream(step) });
        } else check(index, step, await this.#playStep(step));
      }
    }
    for (const { step, recorded, stream } of open) {
      const events = recorded.response?.events ?? [];
      const got = await stream.take(events.length);
      await stream.close();
      check(step, recorded, this.#bindings.differences(events, got, "events"));
    }
    return found;
  }

  /** A writer that read the object in between knows a version that no recorded answer shows. */
  async #learnVersion(step: Step): Promise<void> {
    const body = step.body as { metadata?: { resourceVersion?: string } } | undefined;
    const name = body?.metadata?.resourceVersion;
    if (step.method !== "PUT" || name === undefined || !this.#bindings.isUnknown(name)) return;
    const { path = "" } = step;
    const answer = await this.#send({ method: "GET", path });
    const live = (await answer.body.json()) as { metadata?: { resourceVersion?: string } };
    this.#bindings.learn(name, live.metadata?.resourceVersion ?? "1");
  }

  async #playStep(step: Step): Promise<string[]> {
    await this.#learnVersion(step);
    const { response: recorded } = step;
    if (recorded?.events !== undefined) return await this.#playWatch(step, recorded);
    const answer = await this.#send(step);
    const text = await answer.body.text();
    if (recorded === undefined) return [];
    const status = this.#bindings.differences(recorded.status, answer.statusCode, "status");
    if (step.setup === true || status.length > 0) return status.length > 0 ? [...status, text.slice(0, 600)] : [];
    return [...headersDiffer(recorded, answer.headers), ...this.#bodyDiffers(recorded, text)];
  }

  #bodyDiffers(recorded: RecordedResponse, text: string): string[] {
    if (recorded.text !== undefined) return this.#bindings.differences(recorded.text, text, "text");
    if (recorded.body === undefined) return [];
    try {
      return this.#bindings.differences(recorded.body, JSON.parse(text), "body");
    } catch {
      return [`body: no JSON: ${text.slice(0, 200)}`];
    }
  }

  async #playWatch(step: Step, recorded: RecordedResponse): Promise<string[]> {
    const stream = await this.#openStream(step);
    const events = recorded.events ?? [];
    const got = recorded.endedBy === "server" ? await stream.all() : await stream.take(events.length);
    await stream.close();
    return this.#bindings.differences(events, got, "events");
  }

  async #openStream(step: Step): Promise<OpenStream> {
    const answer = await this.#send(step);
    return new OpenStream(answer.body);
  }

  async #send(step: Step) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(step.query ?? {})) {
      for (const each of [value].flat()) query.append(name, this.#bindings.fill(each));
    }
    const search = query.size === 0 ? "" : `?${query}`;
    const headers: Record<string, string> = { ...step.headers };
    if (step.auth !== "none" && headers["Authorization"] === undefined) {
      headers["Authorization"] = `Bearer ${this.#token}`;
    }
    const text = step.bodyText ?? (step.body === undefined ? undefined : JSON.stringify(step.body));
    return await send(`${this.#server.url}${this.#bindings.fill(step.path ?? "")}${search}`, {
      method: (step.method ?? "GET") as "GET",
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, this.#bindings.fill(value)])),
      body: text === undefined ? null : this.#bindings.fill(text),
      dispatcher: this.#agent,
      headersTimeout: answerWithinMs,
      bodyTimeout: answerWithinMs,
    });
  }
}

function headersDiffer(recorded: RecordedResponse, headers: Record<string, unknown>): string[] {
  return ["content-type", "warning", "retry-after"].flatMap((name) => {
    const want = [recorded.headers?.[name] ?? []].flat();
    const got = [headers[name] ?? []]
      .flat()
      .flatMap((value) => (name === "warning" ? splitWarnings(String(value)) : [value]));
    return JSON.stringify(want) === JSON.stringify(got)
      ? []
      : [`header ${name}: want ${JSON.stringify(want)}, got ${JSON.stringify(got)}`];
  });
}

function splitWarnings(value: string): string[] {
  return value.match(/299 - "(?:[^"\\]|\\.)*"/g) ?? [];
}

/** Lines of a watch, as they come. */
class OpenStream {
  readonly #events: unknown[] = [];
  readonly #body: { destroy(): void };
  readonly #finished: Promise<void>;
  #arrived: () => void = () => undefined;

  constructor(body: AsyncIterable<Buffer> & { destroy(): void }) {
    this.#body = body;
    this.#finished = this.#read(body).catch(() => undefined);
  }

  async #read(body: AsyncIterable<Buffer>): Promise<void> {
    let rest = "";
    for await (const chunk of body) {
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop() ?? "";
      this.#events.push(...lines.filter((line) => line !== "").map((line) => JSON.parse(line)));
      this.#arrived();
    }
  }

  /** The first events, as soon as there are that many; fewer when the stream ends or nothing comes for a while. */
  async take(count: number): Promise<unknown[]> {
    let ended = false;
    const deadline = setTimeout(() => this.#body.destroy(), 2_000);
    void this.#finished.then(() => {
      ended = true;
      this.#arrived();
    });
    while (this.#events.length < count && !ended) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    clearTimeout(deadline);
    return this.#events.slice(0, Math.max(count, 0));
  }

  async all(): Promise<unknown[]> {
    await this.#finished;
    return this.#events;
  }

  async close(): Promise<void> {
    this.#body.destroy();
    await this.#finished;
  }
}
