/** Conversion of custom resources between versions by a webhook. */
import { randomUUID } from "node:crypto";
import { ApiError, type KubeObject } from "../types.ts";
import type { Definition } from "./definition.ts";

/** Posts a review to the webhook of a definition and returns the body of its answer. Throws with what went wrong. */
export type PostReview = (definition: Definition, body: string) => Promise<string>;

/**
 * Conversions of one definition. Reading is synchronous everywhere else, so objects are converted ahead: before they are
 * stored into the version that is stored, afterwards into all that are served, and again whenever one is asked for.
 */
export class Conversions {
  readonly #definition: Definition;
  readonly #post: PostReview;
  readonly #known = new Map<string, KubeObject>();

  constructor(definition: Definition, post: PostReview) {
    this.#definition = definition;
    this.#post = post;
  }

  /** Asks the webhook about those that are not known, or about all. Throws what the answer deserves. */
  async ahead(objects: readonly KubeObject[], toVersion: string, afresh: boolean): Promise<void> {
    const apiVersion = `${this.#definition.spec.group}/${toVersion}`;
    const foreign = objects.filter((object) => object.apiVersion !== apiVersion);
    const asked = afresh ? foreign : foreign.filter((object) => !this.#known.has(keyOf(object, apiVersion)));
    const [first] = asked;
    if (first === undefined) return;
    const sent = asked.map(withoutVersion);
    const converted = await this.#ask(sent, apiVersion, `${first.apiVersion}, Kind=${first.kind}`);
    for (const [index, object] of asked.entries()) {
      this.#remember(keyOf(object, apiVersion), converted[index] as KubeObject);
    }
  }

  /** What the webhook made of an object; undefined when it was not asked. */
  find(object: KubeObject, apiVersion: string): KubeObject | undefined {
    const known = this.#known.get(keyOf(object, apiVersion));
    if (known === undefined) return undefined;
    const { resourceVersion } = object.metadata;
    const copy = structuredClone(known);
    if (resourceVersion !== undefined) copy.metadata.resourceVersion = resourceVersion;
    return copy;
  }

  #remember(key: string, object: KubeObject): void {
    this.#known.delete(key);
    this.#known.set(key, object);
    const [oldest] = this.#known.keys();
    if (this.#known.size > mostKnown && oldest !== undefined) this.#known.delete(oldest);
  }

  async #ask(objects: readonly KubeObject[], desiredAPIVersion: string, kind: string): Promise<KubeObject[]> {
    const uid = randomUUID();
    const review = {
      kind: "ConversionReview",
      apiVersion: "apiextensions.k8s.io/v1",
      request: { uid, desiredAPIVersion, objects },
    };
    const about = `conversion webhook for ${kind}`;
    const body = await this.#post(this.#definition, JSON.stringify(review)).catch((error: unknown) => {
      const why = error instanceof Error ? error.message.replace(/^failed to call webhook: /, "") : String(error);
      throw failure(`${about} failed: ${why}`);
    });
    const converted = convertedObjects(body, uid, about);
    if (converted.length !== objects.length) {
      throw failure(`${about} returned ${converted.length} objects, expected ${objects.length}`);
    }
    return objects.map((object, index) => accepted(object, converted[index], index, desiredAPIVersion, about));
  }
}

const mostKnown = 20_000;

function withoutVersion(object: KubeObject): KubeObject {
  const { resourceVersion: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** By content: the version that the store gives does not change what an object is converted to. */
function keyOf(object: KubeObject, apiVersion: string): string {
  return `${apiVersion} ${JSON.stringify(withoutVersion(object))}`;
}

function failure(message: string): ApiError {
  return new ApiError(500, "", message);
}

const unversioned =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

function convertedObjects(body: string, uid: string, about: string): unknown[] {
  const review = parsed(body);
  if (typeof review !== "object" || review === null) {
    const why = `json: cannot unmarshal ${typeof review} into Go value of type ${unversioned}`;
    throw failure(`${about} failed: couldn't get version/kind; json parse error: ${why}`);
  }
  const { response = {} } = review as {
    response?: { uid?: string; convertedObjects?: unknown[]; result?: { status?: string; message?: string } };
  };
  if (response.uid !== uid) {
    throw failure(
      `${about} failed: expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? "")}`,
    );
  }
  const { status, message } = response.result ?? {};
  if (status !== "Success") throw failure(`${about} failed: ${message ?? "the webhook gave no reason"}`);
  return response.convertedObjects ?? [];
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

/** Of the metadata a webhook may change labels and annotations; other changes are errors, or undone. */
function accepted(object: KubeObject, answer: unknown, index: number, apiVersion: string, about: string): KubeObject {
  const converted = answer as KubeObject;
  if (converted.apiVersion !== apiVersion) {
    const why = `invalid groupVersion (expected ${apiVersion}, received ${converted.apiVersion})`;
    throw failure(`${about} returned invalid object at index ${index}: ${why}`);
  }
  for (const field of ["name", "namespace", "uid"] as const) {
    const [before, after] = [object.metadata[field], converted.metadata?.[field]];
    if (before !== after)
      throw failure(`${about} returned invalid object: must have the same ${field}: ${before} != ${after}`);
  }
  const { labels: _labels, annotations: _annotations, ...metadata } = object.metadata;
  const { labels, annotations } = converted.metadata;
  const own = { ...(labels === undefined ? {} : { labels }), ...(annotations === undefined ? {} : { annotations }) };
  return { ...converted, metadata: { ...metadata, ...own } };
}
