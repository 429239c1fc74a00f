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
  const cluster = await startControlPlane({ controllers: recording.controllers === true });
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

type Played = Omit<StepResult, "scenario">;

class Player {
  readonly #cluster: ControlPlane;
  readonly #converter: ConversionWebhook | undefined;
  readonly #bindings = new Bindings();
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
    for (const [index, step] of steps.entries()) {
      this.#converter?.expect(step.conversionReviews ?? []);
      this.#cluster.reach(step.response?.body);
      if (step.method === undefined) {
        if (step.wait !== undefined) waited = await this.#wait(step.wait, steps[index + 1]);
      } else if (step.openDuring !== undefined) {
        open.push({ index, step, stream: await this.#openStream(step) });
      } else {
        note(index, step, waited ? await this.#playUntilEqual(step) : await this.#playStep(step));
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

  /** A writer that read the object in between knows a version that no recorded answer shows. */
  async #learnVersion(step: Step): Promise<void> {
    const body = step.body as { metadata?: { resourceVersion?: string } } | undefined;
    const name = body?.metadata?.resourceVersion;
    if (step.method !== "PUT" || name === undefined || !this.#bindings.isUnknown(name)) return;
    const { path = "" } = step;
    const answer = await this.#wire.send({ method: "GET", path });
    const live = (await answer.body.json()) as { metadata?: { resourceVersion?: string } };
    this.#bindings.learn(name, live.metadata?.resourceVersion ?? "1");
  }

  async #playStep(step: Step): Promise<string[]> {
    await this.#learnVersion(step);
    const { response: recorded } = step;
    if (recorded?.events !== undefined) return await this.#playWatch(step, recorded);
    const sent = this.#converter?.placed(step) ?? step;
    const answer = await this.#wire.send(sent);
    const text = await answer.body.text();
    if (recorded === undefined) return [];
    if (step.setup === true) return this.#wire.answerDiffers({ status: recorded.status }, answer.statusCode, text);
    const compared = ["content-type", "warning", "retry-after"].flatMap((name) =>
      headerDiffers(name, recorded.headers?.[name], answer.headers[name]),
    );
    const expected = this.#converter?.placed(recorded) ?? recorded;
    const differing = this.#wire.answerDiffers(expected, answer.statusCode, text);
    return answer.statusCode === recorded.status ? [...compared, ...differing] : differing;
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
