/** Webhook configurations as the calls need them, kept current from the store. */
import type { ParseResult } from "@marcbachmann/cel-js";
import type { KubeObject, Store } from "../types.ts";
import { compileCondition } from "./conditions.ts";
import { type LabelSelector, type SelectorRequirement, selectorOf } from "./labels.ts";

export type Kind = "mutating" | "validating";

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly apiVersions: readonly string[];
  readonly operations: readonly string[];
  readonly resources: readonly string[];
  readonly scope: "*" | "Namespaced" | "Cluster";
}

/** Where a webhook listens. */
export interface Endpoint {
  readonly url?: string;
  readonly service?: {
    readonly namespace: string;
    readonly name: string;
    readonly path: string;
    readonly port: number;
  };
  /** PEM; absent: the authorities of the system. */
  readonly ca?: string;
}

export interface Condition {
  readonly expression: string;
  /** Undefined when the expression does not compile. */
  readonly evaluate: ParseResult | undefined;
}

/** One webhook of one configuration. */
export interface Webhook {
  /** Distinguishes webhooks of the same name, in one configuration or in several. */
  readonly id: string;
  readonly name: string;
  readonly rules: readonly Rule[];
  readonly endpoint: Endpoint;
  readonly failsOpen: boolean;
  readonly matchesEquivalent: boolean;
  readonly namespaceSelector: readonly SelectorRequirement[];
  readonly objectSelector: readonly SelectorRequirement[];
  readonly conditions: readonly Condition[];
  readonly timeoutSeconds: number;
  readonly sideEffects: string;
  readonly reinvoked: boolean;
}

const keys: Record<Kind, string> = {
  mutating: "mutatingwebhookconfigurations.admissionregistration.k8s.io",
  validating: "validatingwebhookconfigurations.admissionregistration.k8s.io",
};

/** The webhooks of one kind, in the order of their configurations' names. */
export class Configurations {
  readonly #byName = new Map<string, readonly Webhook[]>();
  readonly #stop: () => void;
  #webhooks: readonly Webhook[] = [];

  constructor(store: Store, kind: Kind) {
    for (const object of store.list(keys[kind], "")) this.#set(object);
    this.#stop = store.watch(keys[kind], "", store.revision, ({ type, object }) => {
      if (type === "DELETED") this.#byName.delete(object.metadata.name ?? "");
      else this.#set(object);
      this.#arrange();
    });
    this.#arrange();
  }

  get webhooks(): readonly Webhook[] {
    return this.#webhooks;
  }

  stop(): void {
    this.#stop();
  }

  #set(object: KubeObject): void {
    const name = object.metadata.name ?? "";
    const webhooks = (object["webhooks"] ?? []) as StoredWebhook[];
    this.#byName.set(
      name,
      webhooks.map((webhook, at) => webhookOf(`${name}/${at}/${webhook.name}`, webhook)),
    );
  }

  #arrange(): void {
    const names = [...this.#byName.keys()].sort();
    this.#webhooks = names.flatMap((name) => this.#byName.get(name) ?? []);
  }
}

/** A webhook as stored. Defaults are filled in here again, so that it does not matter whether they were stored. */
interface StoredWebhook {
  name: string;
  rules?: Partial<Rule>[];
  clientConfig?: {
    url?: string;
    caBundle?: string;
    service?: { namespace: string; name: string; path?: string; port?: number };
  };
  failurePolicy?: string;
  matchPolicy?: string;
  namespaceSelector?: LabelSelector;
  objectSelector?: LabelSelector;
  matchConditions?: { name: string; expression: string }[];
  timeoutSeconds?: number;
  sideEffects?: string;
  reinvocationPolicy?: string;
}

function webhookOf(id: string, stored: StoredWebhook): Webhook {
  return {
    id,
    name: stored.name,
    rules: (stored.rules ?? []).map(ruleOf),
    endpoint: endpointOf(stored.clientConfig ?? {}),
    failsOpen: stored.failurePolicy === "Ignore",
    matchesEquivalent: stored.matchPolicy !== "Exact",
    namespaceSelector: selectorOf(stored.namespaceSelector),
    objectSelector: selectorOf(stored.objectSelector),
    conditions: (stored.matchConditions ?? []).map(({ expression }) => ({
      expression,
      evaluate: compileCondition(expression),
    })),
    timeoutSeconds: stored.timeoutSeconds ?? 10,
    sideEffects: stored.sideEffects ?? "None",
    reinvoked: stored.reinvocationPolicy === "IfNeeded",
  };
}

function ruleOf(stored: Partial<Rule>): Rule {
  return {
    apiGroups: stored.apiGroups ?? [],
    apiVersions: stored.apiVersions ?? [],
    operations: stored.operations ?? [],
    resources: stored.resources ?? [],
    scope: stored.scope ?? "*",
  };
}

/** Where a webhook is called, as its `clientConfig` says. */
export function endpointOf(config: NonNullable<StoredWebhook["clientConfig"]>): Endpoint {
  const ca = config.caBundle ? { ca: Buffer.from(config.caBundle, "base64").toString("utf8") } : {};
  if (config.service === undefined) return { url: config.url ?? "", ...ca };
  const { namespace, name, path = "/", port = 443 } = config.service;
  return { service: { namespace, name, path, port }, ...ca };
}
