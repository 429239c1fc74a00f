/** Admission by webhooks: who is asked, in which order, and what becomes of the answers. */
import { jsonEqual } from "../crd/schema.ts";
import { badRequest, forbidden } from "../status.ts";
import type { Admission, AdmissionAttributes, KubeObject, Store } from "../types.ts";
import { type Authorize, evaluateConditions, mastersOnly } from "./conditions.ts";
import { Configurations, type Kind, type Webhook } from "./configurations.ts";
import { matchedVersion } from "./matching.ts";
import { operationsOf, patched } from "./patching.ts";
import {
  denial,
  internalError,
  type ReviewRequest,
  reviewBody,
  reviewRequest,
  type Verdict,
  verdictOf,
  WebhookCallError,
} from "./review.ts";
import { type ResolveService, WebhookTransport } from "./transport.ts";

export interface AdmissionOptions {
  /** Configurations and namespaces are read from here. */
  readonly store: Store;
  readonly resolveService: ResolveService;
  /** Answers the `authorizer` of match conditions. Default: members of system:masters may do everything. */
  readonly authorize?: Authorize;
  /** Whether calls of the webhook of this name find nobody. Default: none. */
  readonly isCut?: (webhook: string) => boolean;
  /** Calls that failed and were passed over because of failurePolicy Ignore, one line each. */
  readonly log?: (text: string) => void;
}

/** Admission that must be stopped: it watches the store and keeps connections. */
export interface WebhookAdmission extends Admission {
  stop(): void;
}

type Warn = (text: string) => void;

/** A question for a webhook. */
interface Asked {
  readonly request: ReviewRequest;
  readonly version: string;
  readonly annotate: AdmissionAttributes["annotate"];
}

/** Admission by the webhook configurations in the store. Costs nothing while there are none. */
export function createAdmission(options: AdmissionOptions): WebhookAdmission {
  const mutating = new Configurations(options.store, "mutating");
  const validating = new Configurations(options.store, "validating");
  const caller = new Caller(options);
  return {
    mutate: async (attributes, reset, warn) => await mutate(caller, mutating.webhooks, attributes, reset, warn),
    validate: async (attributes, warn) => await validate(caller, validating.webhooks, attributes, warn),
    stop() {
      mutating.stop();
      validating.stop();
      caller.stop();
    },
  };
}

/** Asks one webhook, if it is concerned. */
class Caller {
  readonly #options: AdmissionOptions;
  readonly #transport: WebhookTransport;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#transport = new WebhookTransport((...service) => options.resolveService(...service));
  }

  stop(): void {
    this.#transport.stop();
  }

  /** The question for a webhook, or undefined when rules, selectors or conditions leave the write out. */
  question(webhook: Webhook, attributes: AdmissionAttributes, object: KubeObject | undefined): Asked | undefined {
    const version = matchedVersion(webhook, attributes, object, this.#options.store);
    if (version === undefined) return undefined;
    const request = reviewRequest(attributes, version, object);
    const authorize = this.#options.authorize ?? mastersOnly;
    const outcome = evaluateConditions(webhook.conditions, request, attributes, authorize);
    if (outcome === "call") return { request, version, annotate: attributes.annotate };
    if (outcome === "skip" || webhook.failsOpen) return undefined;
    throw forbidden(attributes.resource, attributes.name, outcome.failed);
  }

  /** Asks. `use` does what the answer wants; undefined when the call failed and failurePolicy lets the write pass. */
  async ask<T>(
    webhook: Webhook,
    kind: Kind,
    { request, annotate }: Asked,
    warn: Warn,
    use: (verdict: Verdict) => T,
  ): Promise<T | undefined> {
    if (request.dryRun && webhook.sideEffects !== "None" && webhook.sideEffects !== "NoneOnDryRun") {
      throw badRequest(`admission webhook ${JSON.stringify(webhook.name)} does not support dry run`);
    }
    try {
      const body = await this.#transport.post(webhook.endpoint, reviewBody(request), {
        timeoutSeconds: webhook.timeoutSeconds,
        cut: this.#options.isCut?.(webhook.name) ?? false,
      });
      const verdict = verdictOf(body, request.uid, kind);
      for (const warning of verdict.warnings) warn(warning);
      for (const [key, value] of Object.entries(verdict.auditAnnotations)) annotate?.(`${webhook.name}/${key}`, value);
      if (!verdict.allowed) throw denial(webhook.name, verdict.status);
      return use(verdict);
    } catch (error) {
      if (!(error instanceof WebhookCallError)) throw error;
      const text = `failed calling webhook ${JSON.stringify(webhook.name)}: ${error.message}`;
      if (!webhook.failsOpen) throw internalError(text);
      this.#options.log?.(`${text} (passed over: failurePolicy is Ignore)`);
      return undefined;
    }
  }
}

/**
 * One after the other, each on what the one before made of the object. Webhooks with reinvocationPolicy IfNeeded that
 * were called before a change by another one get one more call.
 *
 *     first round   env* ─ never ─ sidecar*      (* changes the object)
 *     second round  env* ─────── ─ sidecar       (sidecar only because env changed something again)
 */
async function mutate(
  caller: Caller,
  webhooks: readonly Webhook[],
  attributes: AdmissionAttributes,
  reset: (object: KubeObject) => KubeObject,
  warn: Warn,
): Promise<KubeObject | undefined> {
  let object = attributes.object;
  const again = new Set<string>();
  const called = new Set<string>();
  for (const round of [0, 1]) {
    if (round === 1 && again.size === 0) break;
    for (const webhook of webhooks) {
      if (round === 1 && !again.has(webhook.id)) continue;
      const asked = caller.question(webhook, attributes, object);
      if (asked === undefined) continue;
      const before = object;
      const change = (verdict: Verdict) => changed(webhook, attributes, before, asked.version, verdict, warn);
      const next = await caller.ask(webhook, "mutating", asked, warn, change);
      if (next !== undefined) {
        const settled = reset(next);
        if (!jsonEqual(settled, object)) {
          for (const id of called) again.add(id);
          called.clear();
        }
        object = settled;
      }
      if (webhook.reinvoked) called.add(webhook.id);
    }
  }
  return object;
}

function changed(
  webhook: Webhook,
  attributes: AdmissionAttributes,
  object: KubeObject | undefined,
  version: string,
  verdict: Verdict,
  warn: Warn,
): KubeObject | undefined {
  const operations = operationsOf(verdict);
  if (operations.length === 0) return undefined;
  if (object === undefined) {
    const text = "attempted to modify the object, which is not supported for this operation";
    throw internalError(`admission webhook ${JSON.stringify(webhook.name)} ${text}`);
  }
  if (verdict.patchType !== "JSONPatch") {
    throw new WebhookCallError(`unsupported patch type ${JSON.stringify(verdict.patchType)}`);
  }
  return patched(attributes, object, version, operations, warn);
}

/** All at once; of several denials the first to arrive is told. */
async function validate(
  caller: Caller,
  webhooks: readonly Webhook[],
  attributes: AdmissionAttributes,
  warn: Warn,
): Promise<void> {
  const questions = webhooks.flatMap((webhook) => {
    const asked = caller.question(webhook, attributes, attributes.object);
    return asked === undefined ? [] : [{ webhook, asked }];
  });
  if (questions.length === 0) return;
  const refusals: unknown[] = [];
  await Promise.all(
    questions.map(async ({ webhook, asked }) => {
      try {
        await caller.ask(webhook, "validating", asked, warn, () => undefined);
      } catch (error) {
        refusals.push(error);
      }
    }),
  );
  if (refusals.length > 0) throw refusals[0];
}
