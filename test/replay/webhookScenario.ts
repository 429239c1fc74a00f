import type { KubeObject } from "../../sandbox/apiserver/types.ts";
import { Bindings } from "./bindings.ts";
import { type ControlPlane, startControlPlane } from "./cluster.ts";
import { RecordedWebhooks } from "./recordedWebhooks.ts";
import { readRecording } from "./recording.ts";
import type { StepResult } from "./result.ts";
import type { RecordedExchange, WebhookRecording, WebhookStep } from "./webhookRecording.ts";
import {
  configurationKey,
  configurationOf,
  deployment,
  isInForce,
  objectsNeeded,
  type Setup,
  setupOf,
  stateOf,
} from "./webhookSetup.ts";
import { headerDiffers, Wire } from "./wire.ts";

/** Steps that bring their own webhook do not depend on each other and take their time. */
const lanes = 4;

/** Plays a scenario of writes that pass webhooks against sandboxes of its own. */
export async function playWebhookScenario(name: string): Promise<StepResult[]> {
  const recording = readRecording<WebhookRecording>("webhooks", name);
  const numbered = recording.steps.map((step, index) => ({ step, index }));
  const independent = recording.steps.some(({ configuration }) => configuration !== undefined);
  const shares = independent
    ? Array.from({ length: lanes }, (_, lane) => numbered.filter(({ index }) => index % lanes === lane))
    : [numbered];
  const played = await Promise.all(shares.map((share) => playShare(name, recording, share)));
  return played.flat().sort((a, b) => a.step - b.step);
}

interface NumberedStep {
  readonly step: WebhookStep;
  readonly index: number;
}

async function playShare(name: string, recording: WebhookRecording, steps: readonly NumberedStep[]) {
  const cluster = await startControlPlane({ controllers: setupOf(name).controllers !== false });
  const bindings = new Bindings();
  const webhooks = await RecordedWebhooks.start(bindings);
  const player = new Player(cluster, webhooks, bindings, recording.namespace);
  try {
    await player.prepare(name, recording);
    const results: StepResult[] = [];
    for (const { step, index } of steps) {
      const differences = await player.play(step, index, recording.steps[index + 1]?.value);
      if (differences === undefined) continue;
      const about = `${step.note ?? step.info ?? ""} ${step.command ?? ""}`.trim();
      results.push({ scenario: `webhooks/${name}`, step: index, about, differences });
    }
    return results;
  } finally {
    await player.close();
    await webhooks.stop();
    await cluster.stop();
  }
}

class Player {
  readonly #cluster: ControlPlane;
  readonly #webhooks: RecordedWebhooks;
  readonly #bindings: Bindings;
  readonly #wire: Wire;
  readonly #namespace: string;
  #setup: Setup = {};
  #configurations: readonly KubeObject[] = [];
  #installed: readonly KubeObject[] = [];

  constructor(cluster: ControlPlane, webhooks: RecordedWebhooks, bindings: Bindings, namespace: string) {
    this.#cluster = cluster;
    this.#webhooks = webhooks;
    this.#bindings = bindings;
    this.#wire = new Wire(cluster.server, bindings);
    this.#namespace = namespace;
  }

  async close(): Promise<void> {
    await this.#wire.close();
  }

  async prepare(name: string, { steps, configurations = [] }: WebhookRecording): Promise<void> {
    const { client } = this.#cluster;
    await this.#cluster.createNamespace(this.#namespace);
    for (const { value } of steps) {
      const definition = value as KubeObject | undefined;
      if (definition?.kind !== "CustomResourceDefinition") continue;
      await client.create("customresourcedefinitions.apiextensions.k8s.io", definition);
    }
    this.#setup = setupOf(name);
    this.#configurations = configurations;
  }

  /** Undefined: nothing to compare. */
  async play(step: WebhookStep, index: number, stateAfter: unknown): Promise<string[] | undefined> {
    if (step.info !== undefined) return await this.#compareState(step);
    if ((step.http ?? []).length === 0) return undefined;
    const own = configurationOf(step);
    const installed = this.#configurations.filter(({ metadata }) =>
      isInForce(this.#setup, metadata.name ?? "", step, index),
    );
    await this.#prepareObjects(step, index);
    this.#webhooks.expect(step);
    await this.#install(own === undefined ? installed : [own]);
    await this.#settle();
    for (const { response } of step.http ?? []) this.#cluster.reach(response.body);
    this.#cluster.reach(stateAfter);
    this.#webhooks.meanwhile = /concurrent write/.test(step.note ?? "")
      ? this.#interloper(step)
      : async () => undefined;
    const differences: string[] = [];
    for (const exchange of step.http ?? []) differences.push(...(await this.#perform(step, exchange)));
    await this.#settle();
    return [...differences, ...this.#webhooks.problems()];
  }

  async #install(configurations: readonly KubeObject[]): Promise<void> {
    const same =
      configurations.length === this.#installed.length &&
      configurations.every((each) => this.#installed.includes(each));
    if (same) return;
    const { client } = this.#cluster;
    for (const old of this.#installed) await client.delete(configurationKey(old), "", old.metadata.name ?? "");
    for (const each of configurations) await client.create(configurationKey(each), this.#webhooks.placed(each));
    this.#installed = configurations;
  }

  /** Between steps the recorder made what a step needs, and removed what stands in its way. */
  async #prepareObjects(step: WebhookStep, index: number): Promise<void> {
    const { client } = this.#cluster;
    const anew = this.#setup.anew?.[index];
    if (anew !== undefined) {
      for (const { metadata } of client.list("deployments.apps", this.#namespace)) {
        await this.#remove("deployments.apps", this.#namespace, metadata.name ?? "");
      }
      for (const name of anew)
        await this.#make("deployments.apps", deployment(this.#namespace, name, this.#setup.seed ?? {}));
    }
    for (const { key, namespace, name, object } of objectsNeeded(step, this.#setup, this.#namespace)) {
      const live = client.get(key, namespace, name);
      if ((live === undefined) === (object === undefined)) continue;
      if (object === undefined) await this.#remove(key, namespace, name);
      else await this.#make(key, object);
    }
  }

  async #make(key: string, object: KubeObject): Promise<void> {
    await this.#install([]);
    const { client } = this.#cluster;
    const { namespace = "", name = "" } = object.metadata;
    if (this.#setup.seed?.applied === true) {
      await client.patch(key, namespace, name, "apply", object, undefined, { fieldManager: "kubectl" });
    } else await client.create(key, object, { fieldManager: "example-client" });
    await this.#settle();
  }

  async #remove(key: string, namespace: string, name: string): Promise<void> {
    await this.#install([]);
    const { client } = this.#cluster;
    const finalizers = client.get(key, namespace, name)?.metadata.finalizers;
    if (finalizers !== undefined) await client.patch(key, namespace, name, "merge", { metadata: { finalizers: null } });
    await client.delete(key, namespace, name);
    await this.#settle();
  }

  /** Writes the status of the Deployment while the webhook is asked about it, as often as the note says. */
  #interloper(step: WebhookStep): () => Promise<void> {
    let left = (step.reviews ?? []).length - 1;
    return async () => {
      if (left <= 0) return;
      left -= 1;
      const patch = { status: { observedGeneration: 1_000 + left } };
      const type = "merge";
      await this.#cluster.client.patch("deployments.apps", this.#namespace, "podinfo", type, patch, "status");
    };
  }

  async #perform(step: WebhookStep, exchange: RecordedExchange): Promise<string[]> {
    const { response } = exchange;
    await this.#wire.learnWhatWasRead(exchange);
    const answer = await this.#wire.send({
      ...this.#webhooks.placed(exchange),
      ...bodyOf(step, exchange, this.#namespace),
      headers: {
        "Content-Type":
          exchange.bodyText === undefined ? (exchange.contentType ?? "application/json") : "application/json",
        "User-Agent": step.command === undefined ? "example-client/1" : "kubectl/v1.36.4",
        ...impersonation(response.body),
      },
    });
    const text = await answer.body.text();
    const placed = this.#webhooks.placed(response);
    // Answers in protobuf were recorded as text; what is in them is compared where JSON was spoken.
    const { text: _, ...comparable } = placed;
    const recorded = exchange.bodyText === undefined ? placed : comparable;
    const differing = this.#wire.answerDiffers(recorded, answer.statusCode, text);
    return [...differing, ...headerDiffers("warning", response.warning, answer.headers["warning"])];
  }

  async #compareState(step: WebhookStep): Promise<string[] | undefined> {
    if (step.info === "what is left") {
      const names = this.#cluster.client.list("deployments.apps", this.#namespace).map(({ metadata }) => metadata.name);
      return this.#bindings.differences(step.value, names, "names");
    }
    if (step.info?.startsWith("state") !== true) return undefined;
    const deployment = this.#cluster.client.get("deployments.apps", this.#namespace, "podinfo");
    return this.#bindings.differences(step.value, stateOf(deployment, step.value), "state");
  }

  /** Waits until the controllers have done what follows from the last write. */
  async #settle(): Promise<void> {
    const quietMs = 15;
    const deadline = Date.now() + 3_000;
    let before = "";
    for (let now = this.#revision(); now !== before && Date.now() < deadline; now = this.#revision()) {
      before = now;
      await new Promise((resolve) => setTimeout(resolve, quietMs));
    }
  }

  #revision(): string {
    const kinds = [
      "deployments.apps",
      "replicasets.apps",
      "pods",
      "namespaces",
      "configmaps",
      "serviceaccounts",
      "endpoints",
    ];
    return kinds
      .flatMap((key) => this.#cluster.client.list(key).map(({ metadata }) => metadata.resourceVersion))
      .join();
  }
}

/** kubectl creates some kinds in protobuf, which the recorder did not write out. */
function bodyOf(
  step: WebhookStep,
  exchange: RecordedExchange,
  namespace: string,
): { body?: unknown; bodyText?: never } {
  if (exchange.bodyText === undefined) return {};
  const name = /^kubectl create configmap (\S+)/.exec(step.command ?? "")?.[1] ?? "";
  const metadata = { name, namespace };
  return {
    body: { apiVersion: "v1", kind: "ConfigMap", metadata, data: { a: "b" } },
    ...({ bodyText: undefined } as object),
  };
}

/** Who was not allowed is named in the refusal. */
function impersonation(body: unknown): Record<string, string> {
  const user = /User "([^"]+)" cannot/.exec((body as { message?: string } | undefined)?.message ?? "")?.[1];
  return user === undefined ? {} : { "Impersonate-User": user };
}
