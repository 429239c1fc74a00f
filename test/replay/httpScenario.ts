import { Bindings } from "./bindings.ts";
import { type ControlPlane, startControlPlane } from "./cluster.ts";
import { type ConversionWebhook, startConversionWebhook } from "./conversionWebhook.ts";
import { EventStream } from "./eventStream.ts";
import { type RecordedResponse, readRecording, type Step } from "./recording.ts";
import type { StepResult } from "./result.ts";
import { headerDiffers, Wire } from "./wire.ts";

/** Plays a scenario of plain requests against a sandbox of its own. */
export async function playHttpScenario(name: string): Promise<StepResult[]> {
  const recording = readRecording("http", name);
  const rootCa = JSON.stringify(recording).includes("kube-root-ca.crt");
  const cluster = await startControlPlane({ controllers: recording.controllers === true, rootCa });
  const converter = recording.steps.some((step) => step.conversionReviews !== undefined)
    ? await startConversionWebhook()
    : undefined;
  const player = new Player(cluster, converter);
  try {
    for (const namespace of recording.setup?.namespaces ?? []) await cluster.createNamespace(namespace);
    const played = await player.play(recording.steps);
    return played.map((result) => ({ ...result, scenario: `http/${name}` }));
  } finally {
    await player.close();
    await converter?.stop();
    await cluster.stop();
  }
}

/** How long what the recorder waited for may take here. */
const waitMs = 3_000;
const pollMs = 10;

const leisurely = "namespace-controller";

type Played = Omit<StepResult, "scenario">;

class Player {
  readonly #cluster: ControlPlane;
  readonly #converter: ConversionWebhook | undefined;
  readonly #bindings = new Bindings();
  #firstVersion: string | undefined;
  readonly #etags = new Map<string, string>();
  readonly #wire: Wire;

  constructor(cluster: ControlPlane, converter: ConversionWebhook | undefined) {
    this.#cluster = cluster;
    this.#converter = converter;
    this.#wire = new Wire(cluster.server, this.#bindings);
  }

  async close(): Promise<void> {
    await this.#wire.close();
  }

  async play(steps: readonly Step[]): Promise<Played[]> {
    const results: Played[] = [];
    const open: { index: number; step: Step; stream: EventStream }[] = [];
    const note = (index: number, step: Step, differences: string[]) => {
      const about = `${step.note ?? ""} ${step.method} ${step.path} ${JSON.stringify(step.query ?? {})}`;
      results.push({ step: index, about: about.trim(), differences });
    };
    let waited = false;
    // A recorder was faster than this controller is here, unless it waited.
    let release = this.#cluster.freeze(leisurely);
    for (const [index, step] of steps.entries()) {
      this.#converter?.expect(step.conversionReviews ?? []);
      this.#cluster.reach(step.response?.body);
      if (step.method === undefined) {
        if (step.wait !== undefined) {
          release();
          waited = await this.#wait(step.wait, steps[index + 1]);
        }
      } else if (step.openDuring !== undefined) {
        open.push({ index, step, stream: await this.#openStream(step) });
      } else {
        note(index, step, waited ? await this.#playUntilEqual(step) : await this.#playStep(step));
        if (waited) release = this.#cluster.freeze(leisurely);
        waited = false;
      }
    }
    for (const { index, step, stream } of open) {
      const events = step.response?.events ?? [];
      const got = await stream.take(events.length);
      await stream.close();
      note(index, step, this.#bindings.differences(events, got, "events"));
    }
    return results;
  }

  /** True when the next step is to be asked until it is answered as recorded. */
  async #wait(what: string, next: Step | undefined): Promise<boolean> {
    if (what.includes("compacted")) this.#cluster.server.expireHistory();
    const gone = /^until ([\w-]+) is gone$/.exec(what)?.[1];
    if (gone !== undefined && next?.path?.endsWith(`/${gone}`) !== true) await this.#untilGone(gone, next?.path ?? "");
    return next?.method === "GET" && !what.includes("compacted");
  }

  async #untilGone(name: string, path: string): Promise<void> {
    const namespace = /namespaces\/([^/]+)/.exec(path)?.[1] ?? "";
    const deadline = Date.now() + waitMs;
    while (this.#cluster.client.get("configmaps", namespace, name) !== undefined && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  async #playUntilEqual(step: Step): Promise<string[]> {
    const deadline = Date.now() + waitMs;
    for (;;) {
      const differences = await this.#playStep(step);
      if (differences.length === 0 || Date.now() > deadline) return differences;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  /** Answers to preparing requests were not recorded, but the version that the first left may be asked for. */
  #learnFirstVersion(step: Step): void {
    const asked = step.query?.["resourceVersion"];
    if (typeof asked !== "string" || !this.#bindings.isUnknown(asked) || this.#firstVersion === undefined) return;
    this.#bindings.learn(asked, this.#firstVersion);
  }

  async #playStep(step: Step): Promise<string[]> {
    await this.#wire.learnWhatWasRead(step);
    this.#learnFirstVersion(step);
    this.#bindings.makeContinueTokens(step.note ?? "", JSON.stringify(step.query ?? {}));
    const { response: recorded } = step;
    if (recorded?.events !== undefined) return await this.#playWatch(step, recorded);
    const sent = await this.#written(this.#withEtag(this.#converter?.placed(step) ?? step));
    const answer = await this.#wire.send(sent);
    const text = await answer.body.text();
    if (recorded === undefined) return [];
    if (step.setup === true) {
      this.#firstVersion ??= /"resourceVersion":"(\d+)"/.exec(text)?.[1];
      return this.#wire.answerDiffers({ status: recorded.status }, answer.statusCode, text);
    }
    const compared = ["content-type", "warning", "retry-after"].flatMap((name) =>
      headerDiffers(name, recorded.headers?.[name], answer.headers[name]),
    );
    this.#learnHeaders(recorded, answer.headers);
    const expected = this.#placed(this.#converter?.placed(recorded) ?? recorded);
    const differing = this.#wire.answerDiffers(expected, answer.statusCode, text);
    return answer.statusCode === recorded.status ? [...compared, ...differing] : differing;
  }

  /** One definition was written again with another limit, which the recorder described. */
  async #written(step: Step): Promise<Step> {
    const [, field = "", limit] =
      /^the CRD above with spec\.(\w+) maxLength (\d+)$/.exec(
        (step.body as { note?: string } | undefined)?.note ?? "",
      ) ?? [];
    if (limit === undefined) return step;
    const live = JSON.stringify(await (await this.#wire.send({ method: "GET", path: step.path ?? "" })).body.json());
    const limited = JSON.parse(live, (key, value) => (key === field ? { ...value, maxLength: Number(limit) } : value));
    return { ...step, bodyText: JSON.stringify(limited) };
  }

  #withEtag(step: Step): Step {
    const known = this.#etags.get(step.headers?.["If-None-Match"] ?? "");
    return known === undefined ? step : { ...step, headers: { ...step.headers, "If-None-Match": known } };
  }

  /** ETags are hashes of all that a server serves. */
  #learnHeaders(recorded: RecordedResponse, headers: Record<string, unknown>): void {
    const name = recorded.headers?.["etag"];
    if (typeof name === "string" && typeof headers["etag"] === "string") this.#etags.set(name, headers["etag"]);
  }

  /** The recorded server had an address of its own. */
  #placed<T>(recorded: T): T {
    const { host } = new URL(this.#cluster.server.url);
    return JSON.parse(JSON.stringify(recorded).replaceAll("10.200.0.1:6443", host)) as T;
  }

  async #playWatch(step: Step, recorded: RecordedResponse): Promise<string[]> {
    const stream = await this.#openStream(step);
    const events = recorded.events ?? [];
    const got = recorded.endedBy === "server" ? await stream.all() : await stream.take(events.length);
    await stream.close();
    return this.#bindings.differences(events, got, "events");
  }

  async #openStream(step: Step): Promise<EventStream> {
    return new EventStream((await this.#wire.send(step)).body);
  }
}
