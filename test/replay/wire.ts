import { Agent, type Dispatcher, request as send } from "undici";
import type { ApiServer } from "../../sandbox/apiserver/types.ts";
import type { Bindings } from "./bindings.ts";
import type { RecordedRequest, RecordedResponse } from "./recording.ts";

const answerWithinMs = 20_000;

/** Sends recorded requests to a sandbox and compares its answers. */
export class Wire {
  readonly #url: string;
  readonly #agent: Agent;
  readonly #token: string;
  readonly bindings: Bindings;

  constructor(server: ApiServer, bindings: Bindings) {
    this.#url = server.url;
    this.#agent = new Agent({ connect: { ca: server.ca } });
    const config = JSON.parse(server.kubeconfig("admin")) as { users: { user: { token: string } }[] };
    this.#token = config.users[0]?.user.token ?? "";
    this.bindings = bindings;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async send(step: RecordedRequest): Promise<Dispatcher.ResponseData> {
    const fill = (text: string) => this.bindings.fill(text);
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(step.query ?? {})) {
      for (const each of [value].flat()) query.append(name, fill(each));
    }
    const search = query.size === 0 ? "" : `?${query}`;
    const headers: Record<string, string> = { ...step.headers };
    if (step.auth !== "none" && headers["Authorization"] === undefined) {
      headers["Authorization"] = `Bearer ${this.#token}`;
    }
    const text = step.bodyText ?? (step.body === undefined ? undefined : JSON.stringify(grown(step.body)));
    return await send(`${this.#url}${fill(step.path ?? "")}${search}`, {
      method: (step.method ?? "GET") as "GET",
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, fill(value)])),
      body: text === undefined ? null : fill(text),
      dispatcher: this.#agent,
      headersTimeout: answerWithinMs,
      bodyTimeout: answerWithinMs,
    });
  }

  /** A writer that read the object in between knows of it what no recorded answer shows. */
  async learnWhatWasRead({ method, path = "", body }: RecordedRequest): Promise<void> {
    const stated = (body as { metadata?: Record<string, unknown> } | undefined)?.metadata ?? {};
    const unknown = ["uid", "resourceVersion"].filter(
      (field) => typeof stated[field] === "string" && this.bindings.isUnknown(stated[field]),
    );
    if (method !== "PUT" || unknown.length === 0) return;
    const answer = await this.send({ method: "GET", path });
    const live = (await answer.body.json()) as { metadata?: Record<string, unknown> };
    for (const field of unknown) this.bindings.learn(String(stated[field]), String(live.metadata?.[field] ?? "1"));
  }

  /** What an answer has other than the recorded one, except for its headers. */
  answerDiffers(recorded: RecordedResponse, statusCode: number, text: string): string[] {
    const status = this.bindings.differences(recorded.status, statusCode, "status");
    if (status.length > 0) return [...status, text.slice(0, 600)];
    if (recorded.text !== undefined) return this.#textDiffers(recorded.text, text);
    if (recorded.body === undefined) return [];
    try {
      return this.bindings.differences(recorded.body, JSON.parse(text), "body");
    } catch {
      return [`body: no JSON: ${text.slice(0, 200)}`];
    }
  }

  #textDiffers(recorded: string, text: string): string[] {
    if (recorded === "(gzip)") return text.startsWith("\u001f") ? [] : ["text: want it compressed"];
    // The recorder cut the end of indented documents.
    const whole = recorded.startsWith("{") ? text.trimEnd() : text;
    return this.bindings.differences(recorded, whole, "text");
  }
}

/** The recorder described a body that was too large instead of writing it out. */
function grown(body: unknown): unknown {
  const size = /^a Deployment with a (\d+) byte annotation$/.exec((body as { note?: string } | null)?.note ?? "")?.[1];
  if (size === undefined) return body;
  const annotations = { big: "x".repeat(Number(size)) };
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "big", annotations } };
}

export function headerDiffers(name: string, recorded: string | string[] | undefined, actual: unknown): string[] {
  const want = [recorded ?? []].flat();
  const got = [actual ?? []]
    .flat()
    .flatMap((value) => (name === "warning" ? splitWarnings(String(value)) : [String(value)]));
  return JSON.stringify(want) === JSON.stringify(got)
    ? []
    : [`header ${name}: want ${JSON.stringify(want)}, got ${JSON.stringify(got)}`];
}

/** Several warnings may stand in one line. Header bytes are UTF-8. */
function splitWarnings(value: string): string[] {
  return (
    Buffer.from(value, "latin1")
      .toString()
      .match(/299 - "(?:[^"\\]|\\.)*"/gs) ?? []
  );
}
