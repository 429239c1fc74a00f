import type { KubeObject } from "../../sandbox/apiserver/types.ts";
import type { RecordedExchange, WebhookStep } from "./webhookRecording.ts";

/** What the recorder had done before and between the steps of a scenario; it shows in the answers only. */
export interface Setup {
  /** False: no controller touched the objects. */
  readonly controllers?: false;
  /** The Deployment that writes to an existing object meet. */
  readonly seed?: DeploymentSeed;
  /** Steps in which a configuration was in force, by its name; those that are not named always were. */
  readonly configurations?: Record<string, readonly number[]>;
  /** Deployments that were made for one step, by its number; whatever else there was is gone then. */
  readonly anew?: Record<number, readonly string[]>;
}

interface DeploymentSeed {
  readonly replicas?: number;
  readonly finalizers?: string[];
  readonly labels?: Record<string, string>;
  /** It was made by `kubectl apply --server-side`. */
  readonly applied?: true;
}

const until = (last: number) => Array.from({ length: last + 1 }, (_, step) => step);

const setups: Record<string, Setup> = {
  deletion: { seed: { finalizers: ["example.com/hold"] }, anew: { 5: ["a", "b"] } },
  "match-policy": { controllers: false, configurations: { m: [0, 1, 2], m3: [3], m4: [4] } },
  "object-selector": { configurations: { m: until(9), m0: [10], m1: [10], m2: [10] } },
  reinvocation: { configurations: { m1: [0, 1], m2: [2] } },
  warnings: { configurations: { v2: [21, 22, 23, 24] } },
  "replicas-mutated-client-side-apply": { configurations: { m: until(6) } },
  "replicas-mutated-server-side-apply": { configurations: { m: until(12) } },
  "replicas-scaled-then-applied": { seed: { replicas: 2, applied: true }, anew: { 0: ["podinfo"], 7: ["podinfo"] } },
  "scale-mutated": { seed: { replicas: 2, labels: { team: "web" } } },
  "transport-failures": { seed: { replicas: 2 } },
};

export function setupOf(scenario: string): Setup {
  return setups[scenario] ?? {};
}

/** True when the recorder had this configuration installed during the step. */
export function isInForce({ configurations }: Setup, name: string, { note = "" }: WebhookStep, index: number): boolean {
  if (name.endsWith("-fail")) return note.startsWith("Fail");
  if (name.endsWith("-ignore")) return note.startsWith("Ignore");
  return configurations?.[name]?.includes(index) ?? true;
}

/** An object that has to be there before a step; without `object`, one that must not. */
export interface Need {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly object: KubeObject | undefined;
  readonly applied: boolean;
}

export function objectsNeeded(step: WebhookStep, { seed = {} }: Setup, namespace: string): Need[] {
  const needs = new Map<string, Need>();
  for (const exchange of step.http ?? []) {
    const target = targetOf(exchange);
    const existed = hadExisted(exchange, step);
    if (target === undefined || existed === undefined || needs.has(target.name)) continue;
    const object = existed ? objectOf(target, namespace, seed) : undefined;
    if (existed && object === undefined) continue;
    const scope = target.namespaced ? namespace : "";
    needs.set(target.name, { ...target, namespace: scope, object, applied: seed.applied === true });
  }
  return [...needs.values()];
}

function objectOf(
  { key, name }: { key: string; name: string },
  namespace: string,
  seed: DeploymentSeed,
): KubeObject | undefined {
  if (key === "deployments.apps") return deployment(namespace, name, seed);
  if (key !== "configmaps") return undefined;
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data: { a: "b" } };
}

function targetOf({ path, body }: RecordedExchange): { key: string; name: string; namespaced: boolean } | undefined {
  const match = /^\/(?:api\/v1|apis\/([^/]+)\/[^/]+)(?:\/namespaces\/[^/]+)?\/([a-z]+)(?:\/([^/]+))?(\/.*)?$/.exec(
    path,
  );
  if (match === null || (match[3] !== undefined && match[2] === "namespaces")) return undefined;
  const [, group, plural = "", stated] = match;
  const name = stated ?? (body as KubeObject | undefined)?.metadata?.name;
  if (name === undefined) return undefined;
  return { key: group === undefined ? plural : `${plural}.${group}`, name, namespaced: path.includes("/namespaces/") };
}

/** Whether the object of a request was there when the request was made. Undefined: it does not matter. */
function hadExisted(
  { method, path, response, contentType }: RecordedExchange,
  { reviews = [] }: WebhookStep,
): boolean | undefined {
  if (method === "POST")
    return response.status === 201 && !/\/(binding|eviction|token)$/.test(path) ? false : undefined;
  if (method === "GET" || response.status === 404) return undefined;
  if (contentType !== "application/apply-patch+yaml") return true;
  const operations = reviews.map(({ request }) => request?.["operation"]);
  return response.status !== 201 && !operations.includes("CREATE");
}

export function deployment(namespace: string, name: string, seed: DeploymentSeed): KubeObject {
  const { replicas = 0, finalizers, labels } = seed;
  const container = { name, image: "podinfo:6.0.0", ports: [{ name: "http", containerPort: 9898 }] };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name,
      namespace,
      labels: { app: name, ...labels },
      ...(finalizers === undefined ? {} : { finalizers }),
    },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [container] } },
    },
  };
}

export function configurationKey({ kind }: KubeObject): string {
  return `${kind.toLowerCase()}s.admissionregistration.k8s.io`;
}

/** The webhook of a step that brings its own. */
export function configurationOf(step: WebhookStep): KubeObject | undefined {
  const { configuration, matchConditions, failurePolicy = "Fail" } = step;
  const refused = /connection refused/.test(step.note ?? "");
  if (configuration === undefined && matchConditions === undefined && !refused) return undefined;
  const [review] = step.reviews ?? [];
  const url = refused ? "https://127.0.0.1:9/c/x" : `https://127.0.0.1:9443${review?.webhook ?? "/c/mc"}`;
  const name = matchConditions === undefined ? "bad.example.com" : "mc.example.com";
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: configuration?.kind === "validating" ? "ValidatingWebhookConfiguration" : "MutatingWebhookConfiguration",
    metadata: { name: "of-the-step" },
    webhooks: [
      {
        name,
        clientConfig: configuration?.clientConfig ?? { url, caBundle: "(base64 CA)" },
        failurePolicy: configuration?.failurePolicy ?? failurePolicy,
        timeoutSeconds: configuration?.timeoutSeconds ?? 10,
        rules: [
          {
            operations: ["*"],
            apiGroups: ["apps"],
            apiVersions: ["v1"],
            resources: ["deployments", "deployments/scale"],
          },
        ],
        matchConditions: (matchConditions ?? []).map((expression, index) => ({ name: `c${index}`, expression })),
        sideEffects: "None",
        admissionReviewVersions: ["v1"],
      },
    ],
  };
}

/** What the recorder noted of a Deployment: the parts that the recorded value has. */
export function stateOf(object: KubeObject | undefined, wanted: unknown): Record<string, unknown> {
  if (object === undefined) return {};
  const { metadata, spec } = object;
  const containers = (spec?.template?.spec?.containers ?? []) as { image?: string; env?: unknown }[];
  const images = containers.map(({ image }) => image);
  const managers = (metadata.managedFields ?? []).map(({ manager, operation, subresource, fieldsV1 }) => ({
    manager,
    operation,
    ...(subresource === undefined ? {} : { subresource }),
    ownsReplicas: JSON.stringify(fieldsV1).includes('"f:replicas":{}') && subresource !== "status",
    image: JSON.stringify(fieldsV1).includes('"f:image"'),
  }));
  const { generation, resourceVersion, labels, annotations, managedFields } = metadata;
  const all = { replicas: spec?.replicas, generation, resourceVersion, labels, annotations, managedFields };
  const everything: Record<string, unknown> = { ...all, images, image: images[0], env: containers[0]?.env, managers };
  const keys = new Set(Object.keys(wanted as object));
  return Object.fromEntries(Object.entries(everything).filter(([key]) => keys.has(key)));
}
