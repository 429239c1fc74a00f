import type { ReviewRequest } from "../../sandbox/apiserver/admission/review.ts";
import { startWebhookServer, type WebhookAnswer, type WebhookServer } from "../sandbox/webhookBench.ts";
import { type BadServers, startBadServers } from "./badServers.ts";
import type { Bindings } from "./bindings.ts";
import type { RecordedReview, WebhookStep } from "./webhookRecording.ts";

/** Larger than what anybody answers: white space in front of an answer. */
const padding = " ".repeat(4 * 1024 * 1024);

/** Plays the webhooks of a recording: answers what they answered, and notes what they were asked. */
export class RecordedWebhooks {
  readonly #hook: WebhookServer;
  readonly #bad: BadServers;
  readonly #bindings: Bindings;
  #expected: RecordedReview[] = [];
  #problems: string[] = [];
  #current = "";
  #outcome = "";
  /** Called while a webhook thinks. */
  meanwhile: (path: string) => Promise<void> = async () => undefined;

  private constructor(hook: WebhookServer, bad: BadServers, bindings: Bindings) {
    this.#hook = hook;
    this.#bad = bad;
    this.#bindings = bindings;
    hook.respond = (request, path) => this.#respond(request, path);
  }

  static async start(bindings: Bindings): Promise<RecordedWebhooks> {
    return new RecordedWebhooks(await startWebhookServer(), await startBadServers(), bindings);
  }

  async stop(): Promise<void> {
    await this.#bad.stop();
    await this.#hook.stop();
  }

  /** What stands in a recording, with the addresses and the authority of here. */
  placed<T>(recorded: T): T {
    const text = JSON.stringify(recorded) ?? "null";
    const ported = text
      .replaceAll("127.0.0.1:9443", `127.0.0.1:${this.#hook.port}`)
      .replace(
        /(127\.0\.0\.1|localhost):(945\d)/g,
        (_, host: string, port: string) => `${host}:${this.#bad.portOf(port)}`,
      );
    const authority = /unknown authority/.test(this.#current) ? this.#bad.caBundle : this.#hook.caBundle;
    const ca = /:945[0-9]/.test(text) ? this.#bad.caBundle : authority;
    return JSON.parse(ported.replaceAll("(base64 CA)", ca)) as T;
  }

  /** The next step begins. */
  expect(step: WebhookStep): void {
    this.#current = step.note ?? "";
    this.#outcome = JSON.stringify(step.http?.at(-1)?.response.body) ?? "";
    this.#expected = [...(step.reviews ?? [])];
    this.#problems = [];
  }

  /** What was asked otherwise than recorded, or not asked, since the step began. */
  problems(): string[] {
    const missing = this.#expected.filter((review) => !isAskedInTime(review));
    return [...this.#problems, ...missing.map(({ webhook }) => `${webhook} was not called`)];
  }

  async #respond(asked: ReviewRequest | undefined, path: string): Promise<WebhookAnswer> {
    const username = asked?.userInfo.username ?? "";
    const at = this.#expected.findIndex(({ webhook }) => webhook === path);
    const recorded = this.#expected[at];
    // Recordings leave out what controllers asked for in scenarios about people.
    const byController = /^system:(serviceaccount:kube-system:|kube-|apiserver)/.test(username);
    if (recorded === undefined || (byController && !isAskedBy(recorded, username))) {
      if (!byController) this.#problems.push(`${path} was called`);
      return { response: { allowed: true } };
    }
    this.#expected.splice(at, 1);
    if (asked !== undefined) this.#compare(recorded, asked);
    await this.meanwhile(path);
    return await this.#answer(recorded, asked?.uid ?? "");
  }

  #compare(recorded: RecordedReview, asked: ReviewRequest): void {
    const { uid, userInfo: _, ...wanted } = recorded.request ?? {};
    if (recorded.request === undefined) return;
    this.#bindings.learn(String(uid), asked.uid);
    const { uid: _uid, userInfo: _user, ...actual } = asked;
    this.#problems.push(...this.#bindings.differences(wanted, actual, `review ${recorded.webhook}`));
  }

  /** Of several that refuse, the first to answer is told to the client: it was a race, and the recording knows who won. */
  async #hesitate(response: unknown): Promise<void> {
    const { allowed, status } =
      (response as { response?: { allowed?: boolean; status?: { message?: string } } }).response ?? {};
    if (allowed !== false || this.#outcome.includes(status?.message ?? "")) return;
    await new Promise((resolve) => setTimeout(resolve, outrunMs));
  }

  async #answer({ response }: RecordedReview, uid: string): Promise<WebhookAnswer> {
    if (response === undefined || response === "(no answer)") return await new Promise(() => undefined);
    const accepted = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: { uid, allowed: true } };
    if (response === "(4 MiB)") return { status: 200, text: padding + JSON.stringify(accepted) };
    await this.#hesitate(response);
    const document = JSON.parse(this.#bindings.fill(JSON.stringify(response)), (key, value) =>
      key === "patchDecoded" ? undefined : value,
    ) as { httpStatus?: number; text?: string };
    if (document.httpStatus === undefined) return { status: 200, text: JSON.stringify(document) };
    const { httpStatus, text = "" } = document;
    return { status: httpStatus, text, headers: headersOf(httpStatus) };
  }
}

/** How much later webhooks answer that were outrun in the recording. */
const outrunMs = 40;

/** How often a webhook that asks for patience is called again until the time is over depends on the machine. */
function isAskedInTime({ response }: RecordedReview): boolean {
  return (response as { httpStatus?: number } | undefined)?.httpStatus === 429;
}

function isAskedBy(recorded: RecordedReview, username: string): boolean {
  return (recorded.request?.["userInfo"] as { username?: string } | undefined)?.username === username;
}

function headersOf(status: number): Record<string, string> {
  if (status === 302) return { location: "/c/ok" };
  return status === 429 ? { "retry-after": "1" } : {};
}
