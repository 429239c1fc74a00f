import { startWebhookServer, type WebhookAnswer } from "../sandbox/webhookBench.ts";
import type { ConversionReview } from "./recording.ts";

/** Plays the conversion webhook of a recording. */
export interface ConversionWebhook {
  /** Conversions that were recorded during the next step. */
  expect(reviews: readonly ConversionReview[]): void;
  /** What stands in the recording, with the address at which this webhook listens. */
  placed<T>(recorded: T): T;
  stop(): Promise<void>;
}

interface Asked {
  readonly uid: string;
  readonly desiredAPIVersion: string;
  readonly objects: readonly Gadget[];
}

interface Gadget {
  readonly apiVersion: string;
  readonly metadata: Record<string, unknown>;
  readonly spec?: { readonly size?: number; readonly amount?: { readonly size?: number } };
}

/**
 * How often a server converts depends on its caches, so questions are answered by what the recorded webhook did in
 * general; what it did wrong in a step, it does wrong for every question of that step.
 */
export async function startConversionWebhook(): Promise<ConversionWebhook> {
  const hook = await startWebhookServer();
  let expected: readonly ConversionReview[] = [];
  hook.respond = (request) => {
    const asked = request as unknown as Asked;
    return answerTo(
      asked,
      expected.find(({ request }) => request.request.desiredAPIVersion === asked.desiredAPIVersion),
    );
  };
  return {
    expect(reviews) {
      expected = reviews;
    },
    placed: <T>(recorded: T): T =>
      JSON.parse(
        JSON.stringify(recorded).replaceAll("https://127.0.0.1:9443", hook.url).replaceAll("(CA)", hook.caBundle),
      ) as T,
    stop: () => hook.stop(),
  };
}

interface Recorded {
  readonly uid: string;
  readonly convertedObjects: readonly Gadget[];
  readonly result: { readonly status: string };
}

/** The answer to a question, as the recorded webhook would have given it. */
function answerTo(asked: Asked, recorded: ConversionReview | undefined): WebhookAnswer {
  if (recorded === undefined) return { response: { convertedObjects: convert(asked), result: { status: "Success" } } };
  if (typeof recorded.response === "string") {
    return { status: recorded.response === "broken" ? 500 : 200, text: recorded.response };
  }
  const { response } = recorded.response as { response: Recorded };
  const { uid } = recorded.request.request;
  const foreign = response.uid === uid ? {} : { uid: "11111111-2222-4333-8444-555555555555" };
  if (response.convertedObjects.length === 0) return { response: { ...response, uid: asked.uid } };
  const [sample] = response.convertedObjects;
  const { name, labels, annotations, finalizers } = sample?.metadata ?? {};
  const touched = Object.entries({ name, labels, annotations, finalizers }).filter(([, value]) => value !== undefined);
  const convertedObjects = convert(asked).map((object) => ({
    ...object,
    apiVersion: sample?.apiVersion,
    metadata: { ...object.metadata, ...(asked.objects.length === 1 ? Object.fromEntries(touched) : {}) },
  }));
  return { response: { ...response, uid: asked.uid, ...foreign, convertedObjects } };
}

/** Between `spec.size` and `spec.amount.size`. */
function convert({ desiredAPIVersion, objects }: Asked) {
  return objects.map(({ spec, ...object }) => {
    const size = spec?.size ?? spec?.amount?.size;
    const converted = desiredAPIVersion.endsWith("/v2") ? { amount: { size } } : { size };
    return { ...object, apiVersion: desiredAPIVersion, ...(spec === undefined ? {} : { spec: converted }) };
  });
}
