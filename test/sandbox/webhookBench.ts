import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { ReviewRequest } from "../../sandbox/apiserver/admission/review.ts";
import { createAdmission, type WebhookAdmission } from "../../sandbox/apiserver/admission/webhooks.ts";
import { builtinResources } from "../../sandbox/apiserver/builtin/resources.ts";
import { createStore } from "../../sandbox/apiserver/store.ts";
import type { AdmissionAttributes, KubeObject, Resource, Store } from "../../sandbox/apiserver/types.ts";
import { createAuthority } from "../../sandbox/apiserver/x509.ts";

/** What a webhook says to a question: a review without uid, a whole body, or a bare HTTP answer. */
export type WebhookAnswer =
  | { readonly response: Record<string, unknown> }
  | { readonly status: number; readonly text: string; readonly headers?: Record<string, string> };

export type Respond = (request: ReviewRequest, path: string) => WebhookAnswer | Promise<WebhookAnswer>;

export interface WebhookServer {
  readonly url: string;
  readonly port: number;
  /** PEM of the authority, base64: what goes into `caBundle`. */
  readonly caBundle: string;
  readonly connections: () => number;
  /** Requests as they came. */
  readonly heads: { method: string; url: string; headers: IncomingMessage["headers"] }[];
  respond: Respond;
  stop(): Promise<void>;
}

/** An HTTPS server with a certificate for 127.0.0.1 and for one Service. */
export async function startWebhookServer(): Promise<WebhookServer> {
  const authority = createAuthority("test webhooks", new Date());
  const identity = authority.issueServer(["weir.weir-system.svc"], ["127.0.0.1"]);
  let connections = 0;
  const https = createServer({ cert: identity.certificate, key: identity.key }, (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", async () => {
      const { method = "", url = "" } = incoming;
      server.heads.push({ method, url, headers: incoming.headers });
      const body = Buffer.concat(chunks).toString("utf8");
      const request = body === "" ? undefined : (JSON.parse(body) as { request: ReviewRequest }).request;
      const answer = await server.respond(request as ReviewRequest, new URL(url, "https://localhost").pathname);
      if ("response" in answer) {
        const review = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" };
        outgoing.setHeader("content-type", "application/json");
        outgoing.end(JSON.stringify({ ...review, response: { uid: request?.uid, ...answer.response } }));
      } else outgoing.writeHead(answer.status, answer.headers).end(answer.text);
    });
  });
  https.on("secureConnection", () => {
    connections += 1;
  });
  https.listen(0, "127.0.0.1");
  await once(https, "listening");
  const { port } = https.address() as AddressInfo;
  const server: WebhookServer = {
    url: `https://127.0.0.1:${port}`,
    port,
    caBundle: Buffer.from(authority.certificate).toString("base64"),
    connections: () => connections,
    heads: [],
    respond: () => ({ response: { allowed: true } }),
    async stop() {
      https.close();
      https.closeAllConnections();
      await once(https, "close");
    },
  };
  return server;
}

/** A JSON patch as it stands in an answer. */
export function jsonPatch(...operations: Record<string, unknown>[]): Record<string, unknown> {
  const patch = Buffer.from(JSON.stringify(operations)).toString("base64");
  return { allowed: true, patchType: "JSONPatch", patch };
}

/** Admission over a store of its own. */
export interface Bench {
  readonly store: Store;
  readonly admission: WebhookAdmission;
  readonly warnings: string[];
  /** Called for every warning as it arrives. */
  onWarning: (text: string) => void;
  configure(kind: "Mutating" | "Validating", name: string, ...webhooks: Record<string, unknown>[]): void;
  mutate(attributes: AdmissionAttributes): Promise<KubeObject | undefined>;
  validate(attributes: AdmissionAttributes): Promise<void>;
}

export function createBench(
  resolveService: (namespace: string, name: string, port: number) => { host: string; port: number } | undefined = () =>
    undefined,
): Bench {
  const store = createStore();
  const admission = createAdmission({ store, resolveService });
  const warnings: string[] = [];
  const warn = (text: string) => {
    warnings.push(text);
    bench.onWarning(text);
  };
  const bench: Bench = {
    onWarning: () => undefined,
    store,
    admission,
    warnings,
    configure(kind, name, ...webhooks) {
      const plural = `${kind.toLowerCase()}webhookconfigurations.admissionregistration.k8s.io`;
      const existing = store.get(plural, "", name);
      if (existing !== undefined) store.delete(plural, "", name);
      store.create(plural, {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: `${kind}WebhookConfiguration`,
        metadata: { name },
        webhooks,
      });
    },
    mutate: async (attributes) => await admission.mutate(attributes, resetOf(attributes), warn),
    validate: async (attributes) => await admission.validate(attributes, warn),
  };
  return bench;
}

function resetOf({ resource, version, subresource }: AdmissionAttributes): (object: KubeObject) => KubeObject {
  return (object) => {
    if (subresource === "scale") return object;
    resource.strategy.prune(object, version);
    resource.strategy.setDefaults(object, version);
    return object;
  };
}

const resources = new Map(builtinResources().map((resource) => [resource.plural, resource]));

export function resourceNamed(plural: string): Resource {
  const resource = resources.get(plural);
  if (resource === undefined) throw new Error(`no built-in resource ${plural}`);
  return resource;
}

/** A write of a Deployment by an administrator; the rest as given. */
export function aWrite(change: Partial<AdmissionAttributes> = {}): AdmissionAttributes {
  return {
    operation: "CREATE",
    resource: resourceNamed("deployments"),
    version: "v1",
    subresource: undefined,
    namespace: "test",
    name: "podinfo",
    user: { username: "admin", groups: ["system:masters", "system:authenticated"] },
    dryRun: false,
    options: { kind: "CreateOptions", apiVersion: "meta.k8s.io/v1" },
    object: aDeployment(),
    oldObject: undefined,
    ...change,
  };
}

export function aDeployment(labels: Record<string, string> = { app: "podinfo" }): KubeObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "podinfo", namespace: "test", labels },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: "podinfo" } },
      template: {
        metadata: { labels: { app: "podinfo" } },
        spec: { containers: [{ name: "podinfo", image: "podinfo:6.0.0" }] },
      },
    },
  };
}
